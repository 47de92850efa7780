"""What the tests start and stop: the stand-in for the upstream, and the gateway in front of it."""

import contextlib
import hashlib
import json
import os
import queue
import socket
import subprocess
import threading
import urllib.request
from pathlib import Path

import names

HERE = Path(__file__).resolve().parent
START_S = 20
STOP_S = 10
TRIES = 5
LIFE_S = 240  # whoever started them may be killed, so they end by themselves


@contextlib.contextmanager
def stand_in(python, life_s=LIFE_S, direct=False):
    """Runs the stand-in and gives its address."""
    command = [python, HERE / "upstream.py", "--life", str(life_s)] + ["--direct"] * direct
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        line = first_line(process.stdout, lambda line: line.startswith("{"))
        yield f"http://127.0.0.1:{json.loads(line)['port']}"
    finally:
        stop(process)


@contextlib.contextmanager
def gateway(binary, upstream, folder, life_s=LIFE_S, batches=False, clouds=False, session=False):
    """Runs the gateway in front of the stand-in and gives its address. Its config and its log stay in `folder`.

    With `batches` its org may use them, with `clouds` it reaches the stand-in as each of the clouds as well, and with
    `session` it has a session at AWS.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with urllib.request.urlopen(f"{upstream}/__service-account", timeout=START_S) as reply:
        (folder / "service-account.json").write_bytes(reply.read())
    environment = {
        "PATH": os.environ["PATH"],
        "UPSTREAM_KEY": names.UPSTREAM_KEY,
        "FOUNDRY_KEY": names.FOUNDRY_KEY,
        "BEDROCK_BEARER": names.BEDROCK_BEARER,
        "AWS_ACCESS_KEY_ID": names.AWS_ID,
        "AWS_SECRET_ACCESS_KEY": names.AWS_SECRET,
        "AWS_EC2_METADATA_DISABLED": "true",
        **({"AWS_SESSION_TOKEN": names.AWS_SESSION} if session else {}),
    }
    process, address = None, None
    with (folder / "belay.log").open("w") as log:
        try:
            # The config has to know the port, since the address that callers know stands in it. Another process may
            # take a free port before the gateway does; then it is another one's turn.
            for attempt in range(TRIES):
                port = free_port()
                text = config(upstream, f"http://127.0.0.1:{port}", folder, batches, clouds)
                (folder / "belay.toml").write_text(text)
                process = subprocess.Popen(
                    ["timeout", str(life_s), binary, "serve", "--config", folder / "belay.toml"],
                    env=environment,
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                )
                try:
                    line = first_line(process.stderr, lambda line: '"listening"' in line, log)
                    address = f"http://{json.loads(line)['addr']}"
                    break
                except Ended as ended:
                    if "cannot be listened on" not in str(ended) or attempt + 1 == TRIES:
                        raise
            yield address
        finally:
            if process:
                stop(process)


class Ended(Exception):
    """A process ended before it said what was waited for."""


def first_line(stream, wanted, copy=None):
    """The first line that is `wanted`, within the time for a start. Everything is read to the end, and copied."""
    lines = queue.Queue()

    def read():
        for line in stream:
            if copy and not copy.closed:
                copy.write(line)
                copy.flush()
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    so_far = []
    while True:
        try:
            line = lines.get(timeout=START_S)
        except queue.Empty:
            raise TimeoutError(f"it does not start: {''.join(so_far)}") from None
        if line is None:
            raise Ended("".join(so_far))
        if wanted(line):
            return line
        so_far.append(line)


def stop(process):
    """Ends a process that was started here."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_S)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def clouds_of(upstream, folder):
    """A provider for each cloud, and its models."""
    shared = f'base_url = "{upstream}"'
    aws = f'kind = "bedrock"\nregion = "{names.REGION}"\n{shared}'
    yield "bedrock", names.BEDROCK_MODELS, aws
    yield "bearer", names.BEDROCK_MODELS[:1], f'{aws}\nbearer = "env:BEDROCK_BEARER"'
    yield (
        "vertex",
        names.VERTEX_MODELS,
        f'kind = "vertex"\nproject = "{names.PROJECT}"\nregion = "{names.VERTEX_REGION}"\n'
        f'credentials = "file:{folder / "service-account.json"}"\n{shared}',
    )
    yield (
        "foundry",
        names.FOUNDRY_MODELS,
        f'kind = "foundry"\nresource = "{names.PROJECT}"\napi_key = "env:FOUNDRY_KEY"\n{shared}',
    )


def config(upstream, public_url, folder, batches, clouds):
    """The gateway's config: one org, and the stand-in as every provider."""
    claude = f'kind = "anthropic"\napi_key = "env:UPSTREAM_KEY"\nbase_url = "{upstream}"'
    providers = [("claude", names.ALIASES, claude)]
    for name, models, lines in clouds_of(upstream, folder) if clouds else ():
        providers.append((name, {f"{name}-{index}": model for index, model in enumerate(models)}, lines))
    text = f"""\
[server]
bind = "{public_url.removeprefix("http://")}"
admin_bind = "127.0.0.1:0"
public_url = "{public_url}"
drain_delay_s = 0
drain_s = 5

[[orgs]]
id = "00D5f000000XyZaEAK"
name = "acme"
{"batches = true" if batches else ""}
[[orgs.credentials]]
kind = "api_key"
id = "relay"
sha256 = "{hashed(names.KEY)}"
scopes = ["tasks", "messages"]
[[orgs.credentials]]
kind = "api_key"
id = "flow"
sha256 = "{hashed(names.TASKS_KEY)}"
scopes = ["tasks"]
[orgs.limits]
requests_per_minute = 100_000
tokens_per_minute = 1_000_000_000
calls_in_flight = 100
"""
    for name, _, lines in providers:
        text += f'\n[[providers]]\nname = "{name}"\n{lines}\n'
    for name, aliases, _ in providers:
        for alias, model in aliases.items():
            text += f'\n[models.{alias}]\ntargets = [{{ provider = "{name}", model = "{model}" }}]\n'
    return text


def hashed(key):
    return hashlib.sha256(key.encode()).hexdigest()
