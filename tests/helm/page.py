"""Prints the /metrics page of a gateway that has seen one of everything: a store, a budget, a certificate, a hit, a refusal.

page.py BELAY FOLDER
"""

import contextlib
import hashlib
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "parts"))
from parts import WAIT_S, Gateway, quiet_port  # noqa: E402

KEY = "belay_test_key_of_the_page"


@contextlib.contextmanager
def redis(folder):
    """A store: its address."""
    for _ in range(20):
        port = quiet_port()
        command = ["timeout", "120", "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            while process.poll() is None:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    yield f"redis://127.0.0.1:{port}"
                    return
                time.sleep(0.02)
        finally:
            process.terminate()
            process.wait(WAIT_S)
    raise TimeoutError("no store came up")


def config(folder):
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "90", "-subj", "/CN=org.example"]
    files = ["-keyout", f"{folder}/org.key", "-out", f"{folder}/org.crt"]
    subprocess.run([*made, *files], check=True, capture_output=True)
    text = f"""
[server]
bind = "127.0.0.1:0"
admin_bind = "127.0.0.1:0"
drain_delay_s = 0
trusted_proxies = ["127.0.0.1"]
[shared]
redis = "env:REDIS_URL"
replicas = 2
[[orgs]]
id = "00D5f000000XyZaEAK"
name = "acme"
[[orgs.credentials]]
kind = "api_key"
id = "flow"
sha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}"
scopes = ["tasks"]
[[orgs.credentials]]
kind = "mtls"
id = "cert"
certificate = "file:org.crt"
scopes = ["tasks"]
[orgs.limits]
requests_per_minute = 3
budget_usd_per_day = 5.0
[[providers]]
name = "simulator"
kind = "simulator"
[models.default]
targets = [{{ provider = "simulator", model = "simulator" }}]
"""
    path = Path(folder) / "belay.toml"
    path.write_text(text)
    return path


def status(address, path, key=None, body=None):
    request = urllib.request.Request(address + path, data=body and json.dumps(body).encode())
    request.add_header("content-type", "application/json")
    if key:
        request.add_header("x-api-key", key)
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code


def main(belay, folder):
    record = {"attributes": {"type": "Opportunity"}, "Id": "0065f00000QwErTAAV", "Name": "Acme renewal", "Amount": 120000}
    with redis(folder) as store, Gateway(belay, config(folder), {"REDIS_URL": store}) as gateway:
        address, admin = gateway.address, gateway.admin
        told = [status(address, "/briefing", KEY, {"record": record}) for _ in range(4)] + [status(address, "/whoami")]
        assert told == [200, 200, 200, 429, 401], told
        with urllib.request.urlopen(f"{admin}/metrics", timeout=WAIT_S) as page:
            sys.stdout.write(page.read().decode())


main(*sys.argv[1:])
