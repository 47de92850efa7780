"""Secrets that a vault keeps: read at the start, rotated while calls go on, and kept in force while the vault is away."""

import base64
import contextlib
import hashlib
import json
import os
import queue
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "parts"))
from parts import WAIT_S, Gateway, Quiet, message, quiet_port, serving  # noqa: E402

KEY = "belay_test_key_of_the_vaults"
BIN = Path(sys.executable).parent
# What no output may hold: every value below begins with it.
MARK = "hidden-value-"
ROOT = f"{MARK}root"


def same(what, found, wanted):
    assert found == wanted, f"{what}: {found!r}, not {wanted!r}"


def until(what, probe):
    """What `probe` gives, once that is something."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        found = probe()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not in time: {what}")


def send(method, url, body=None, headers=(), context=None):
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=dict(headers), method=method)
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S, context=context) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


# --- Servers


class Provider(Quiet):
    """Answers as Claude does, and notes the keys that it is asked with."""

    keys = []

    def do_POST(self):
        self.body()
        self.keys.append(self.headers["x-api-key"])
        answer = {"headline": "H", "deal_context": "C", "risk_factors": [], "talking_points": ["P"], "next_steps": []}
        self.answer(200, message(json.dumps(answer), input_tokens=8, output_tokens=9))


@contextlib.contextmanager
def process(command, environment, is_up, port=None):
    """A server on `port`, or on one below those that the system gives away: the address that it is at, and it."""
    for _ in range(20):
        at = port or quiet_port()
        address = f"http://127.0.0.1:{at}"
        started = subprocess.Popen(
            [str(part).replace("PORT", str(at)) for part in command],
            env={"PATH": os.environ["PATH"], "HOME": tempfile.gettempdir(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            end = time.monotonic() + WAIT_S
            while started.poll() is None and time.monotonic() < end:
                with contextlib.suppress(OSError):
                    if is_up(address):
                        yield address, started
                        return
                time.sleep(0.1)
        finally:
            started.send_signal(signal.SIGCONT)
            started.terminate()
            try:
                started.wait(10)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait(10)
    raise AssertionError(f"{command[0]} does not start")


@contextlib.contextmanager
def openbao(port=None, tls=None):
    """A vault that keeps everything in memory, and nothing once it has ended."""
    # Its second port, for a cluster, is one of the system's own.
    command = [BIN / "bao", "server", "-dev", f"-dev-root-token-id={ROOT}", "-dev-listen-address=127.0.0.1:PORT"]
    command += ["-dev-no-store-token"]
    command += ["-dev-tls", f"-dev-tls-cert-dir={tls}"] if tls else []

    def at(address):
        if not tls:
            return Bao(address)
        return Bao(address.replace("http", "https"), ssl.create_default_context(cafile=tls / "vault-ca.pem"))

    with process(command, {}, lambda address: at(address).ask("GET", "sys/health"), port) as (address, started):
        yield at(address), started


class Bao:
    def __init__(self, address, context=None):
        self.address, self.context = address, context

    def ask(self, method, path, body=None):
        status, answer = send(method, f"{self.address}/v1/{path}", body, {"X-Vault-Token": ROOT}.items(), self.context)
        assert status in (200, 204), f"{path}: {status} {answer!r}"
        return json.loads(answer) if answer else {}

    def put(self, **fields):
        self.ask("POST", "secret/data/belay", {"data": fields})

    def allow(self, *capabilities):
        """What whoever has the policy may do with the secret."""
        rule = f'path "secret/data/belay" {{ capabilities = {json.dumps(capabilities)} }}'
        self.ask("POST", "sys/policies/acl/belay", {"policy": rule})

    def approle(self, lives="2s"):
        """A role whose tokens live for so long; its ids."""
        self.ask("POST", "sys/auth/approle", {"type": "approle"})
        self.allow("read")
        role = {"token_policies": ["belay"], "token_ttl": lives, "token_max_ttl": lives}
        self.ask("POST", "auth/approle/role/belay", role)
        role_id = self.ask("GET", "auth/approle/role/belay/role-id")["data"]["role_id"]
        secret_id = self.ask("POST", "auth/approle/role/belay/secret-id")["data"]["secret_id"]
        return role_id, secret_id


# --- The gateway


def config(provider, reference, secrets, more=""):
    return f"""
[server]
bind = "127.0.0.1:0"
admin_bind = "127.0.0.1:0"
drain_delay_s = 0
public_url = "https://belay.example"
[secrets]
refresh_s = 1
{secrets}
[[orgs]]
id = "00D5f000000XyZaEAK"
name = "acme"
[[orgs.credentials]]
kind = "api_key"
id = "flow"
sha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}"
scopes = ["tasks"]
[orgs.limits]
requests_per_minute = 1_000_000
tokens_per_minute = 1_000_000_000
[[providers]]
name = "claude"
kind = "anthropic"
api_key = "{reference}"
base_url = "{provider}"
[models.default]
targets = [{{ provider = "claude", model = "claude-sonnet-5-5" }}]
{more}
"""


class Folder:
    """A config with what lies beside it, and the environment that it is read in."""

    def __init__(self, binary, text, environment=(), files=()):
        self.binary = binary
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "belay.toml"
        for name, content in dict(files).items():
            (self.path.parent / name).write_text(content)
        self.environment = {"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true", **dict(environment)}
        self.audit = self.path.parent / "audit"
        self.path.write_text(f'{text}\n[audit]\ntarget = "file:{self.audit}"\n')
        given = [*dict(environment).values(), *dict(files).values()]
        self.hidden = [MARK, *(text.strip() for text in given)]

    def keeps_still(self, told):
        """Nothing that the gateway was given, or fetched, is in there."""
        for hidden in self.hidden:
            assert hidden not in told, f"told what is hidden: {told}"

    def check(self):
        """The exit code of `belay check` and what it prints."""
        command = [self.binary, "check", "--config", self.path]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=WAIT_S)
        told = done.stdout + done.stderr
        self.keeps_still(told)
        return done.returncode, told

    def refused(self, *words):
        """It is refused, by `belay serve` as well, and these words are told."""
        code, told = self.check()
        same("exit code of belay check", code, 1)
        for word in words:
            assert word in told, f"{word!r} is not told: {told}"
        command = ["timeout", "20", self.binary, "serve", "--config", self.path]
        served = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=WAIT_S)
        same("exit code of belay serve", served.returncode, 1)
        self.keeps_still(served.stdout + served.stderr)
        for word in words:
            assert word in served.stderr, f"{word!r} is not told: {served.stderr}"

    @contextlib.contextmanager
    def served(self):
        code, told = self.check()
        assert code == 0, told
        with Loaded(self) as gateway:
            yield gateway


class Loaded(Gateway):
    """A gateway that is called all the while."""

    def __init__(self, folder, calls=True):
        super().__init__(folder.binary, folder.path, folder.environment)
        self.folder = folder
        self.read_to = 0
        self.stop = threading.Event()
        self.failed = []
        self.load = threading.Thread(target=self.call_on, daemon=True)
        if calls:
            self.load.start()

    def call_on(self):
        """Calls, one after another, each a question of its own, until the end."""
        nth = 0
        while not self.stop.is_set():
            nth += 1
            record = {"attributes": {"type": "Opportunity"}, "Id": "0065f00000QwErTAAV", "Name": f"Renewal {nth}"}
            headers = {"x-api-key": KEY, "content-type": "application/json"}
            status, body = send("POST", f"{self.address}/briefing", {"record": record}, headers.items())
            if status != 200:
                self.failed.append((status, body))
            time.sleep(0.02)

    def asks_with(self, key):
        """Waits until the provider is asked with that key, and with no other any more."""
        until("the key", lambda: Provider.keys and Provider.keys[-1] == key)
        before = len(Provider.keys)
        until("further calls", lambda: len(Provider.keys) > before + 10)
        same("keys from then on", set(Provider.keys[before:]), {key})

    def warns(self, words):
        self.says(words, "WARN")

    def says(self, words, level):
        """Waits for a line of the log, behind the last that was waited for."""

        def found():
            for nth, line in enumerate(list(self.log)[self.read_to :], self.read_to + 1):
                if f'"{level}"' in line and words in line:
                    return nth
            return None

        self.read_to = until(f"{level} of {words}", found)

    def measures(self, metric, value):
        """Waits until a metric without labels has that value."""

        def there():
            page = send("GET", f"{self.admin}/metrics")[1].decode()
            return f"{metric} {value}" in page.splitlines()

        until(f"{metric} {value}", there)

    def goes_on(self):
        before = len(Provider.keys)
        until("further calls", lambda: len(Provider.keys) > before + 20)

    def end(self):
        self.stop.set()
        if self.load.ident:
            self.load.join(WAIT_S)
        page = send("GET", f"{self.admin}/metrics")[1].decode()
        super().end()
        same("failed calls", self.failed, [])
        self.folder.keeps_still("".join([*self.log, page, self.folder.audit.read_text()]))


# --- What is tried


def a_vault(binary, provider):
    with openbao() as (bao, started):
        bao.put(claude_key=f"{MARK}one", count=3)
        bao.ask("POST", "sys/mounts/kv1", {"type": "kv", "options": {"version": "1"}})
        bao.ask("POST", "kv1/belay", {"claude_key": f"{MARK}first-version"})
        by_token = f'[secrets.vault]\naddress = "{bao.address}"\ntoken = "env:VAULT_TOKEN"'
        root = {"VAULT_TOKEN": ROOT}
        second = "vault:secret/data/belay#claude_key"

        first = config(provider, "vault:kv1/belay#claude_key", by_token)
        with Folder(binary, first, root).served() as gateway:
            gateway.asks_with(f"{MARK}first-version")

        with Folder(binary, config(provider, second, by_token), root).served() as gateway:
            gateway.asks_with(f"{MARK}one")
            bao.put(claude_key=f"{MARK}two")
            gateway.asks_with(f"{MARK}two")
            # A vault that hangs: nothing changes, and the log says so.
            started.send_signal(signal.SIGSTOP)
            gateway.warns("gave no answer")
            gateway.goes_on()
            started.send_signal(signal.SIGCONT)
            bao.put(claude_key=f"{MARK}three")
            gateway.asks_with(f"{MARK}three")
            # One that has nothing any more.
            bao.ask("DELETE", "secret/metadata/belay")
            gateway.warns("is not there")
            gateway.goes_on()
            bao.put(claude_key=f"{MARK}four")
            gateway.asks_with(f"{MARK}four")
            started.kill()
            started.wait(WAIT_S)
            gateway.warns("cannot be reached")
            # A reload meanwhile, too, goes by the last value.
            gateway.process.send_signal(signal.SIGHUP)
            gateway.says("config reloaded", "INFO")
            gateway.goes_on()
            gateway.measures("belay_config_reload_failed", 0)
            gateway.asks_with(f"{MARK}four")
            # Where it was is one that is empty, and then has another value.
            with openbao(int(bao.address.rsplit(":", 1)[1])) as (again, _):
                gateway.warns("is not there")
                again.put(claude_key=f"{MARK}five")
                gateway.asks_with(f"{MARK}five")


def a_role_of_a_vault(binary, provider):
    with openbao() as (bao, _):
        bao.put(claude_key=f"{MARK}one")
        role_id, secret_id = bao.approle()
        by_role = (
            f'[secrets.vault]\naddress = "{bao.address}"\n'
            'approle = { role_id = "env:ROLE_ID", secret_id = "file:secret-id" }'
        )
        text = config(provider, "vault:secret/data/belay#claude_key", by_role)
        folder = Folder(binary, text, {"ROLE_ID": role_id}, {"secret-id": f"{secret_id}\n"})
        with folder.served() as gateway:
            gateway.asks_with(f"{MARK}one")
            # Longer than a token of the role lives.
            time.sleep(3)
            bao.put(claude_key=f"{MARK}two")
            gateway.asks_with(f"{MARK}two")
        wrong = Folder(binary, text, {"ROLE_ID": f"{MARK}nobody"}, {"secret-id": secret_id})
        wrong.refused("providers[0].api_key", "refused the login at auth/approle")


def a_pod_at_a_vault(binary, provider):
    """The login of Kubernetes, at a stand-in: a real one asks the cluster."""

    class Vault(Quiet):
        logins = []

        def do_POST(self):
            self.logins.append((self.path, json.loads(self.body()), self.headers["x-vault-namespace"]))
            self.answer(200, {"auth": {"client_token": f"{MARK}token", "lease_duration": 3_600}})

        def do_GET(self):
            right = self.headers["x-vault-token"] == f"{MARK}token" and self.path == "/v1/secret/data/belay"
            data = {"data": {"claude_key": f"{MARK}pod"}, "metadata": {"version": 1}}
            self.answer(200 if right else 403, {"data": data} if right else {"errors": ["permission denied"]})

    with serving(Vault) as address:
        by_pod = (
            f'[secrets.vault]\naddress = "{address}"\nnamespace = "team"\n'
            'kubernetes = { role = "belay", token = "file:token", mount = "cluster-1" }'
        )
        text = config(provider, "vault:secret/data/belay#claude_key", by_pod)
        with Folder(binary, text, {}, {"token": f"{MARK}of-the-pod"}).served() as gateway:
            gateway.asks_with(f"{MARK}pod")
        wanted = ("/v1/auth/cluster-1/login", {"role": "belay", "jwt": f"{MARK}of-the-pod"}, "team")
        same("logins", set(map(str, Vault.logins)), {str(wanted)})


def what_else_a_vault_keeps(binary, provider):
    with openbao() as (bao, _):
        made = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519"], capture_output=True, check=True, text=True)
        bao.put(claude_key=f"{MARK}one", signing_key=made.stdout)
        by_token = f'[secrets.vault]\naddress = "{bao.address}"\ntoken = "env:VAULT_TOKEN"'
        more = '[tokens]\nsigning_keys = ["vault:secret/data/belay#signing_key"]'
        text = config(provider, "vault:secret/data/belay#claude_key", by_token, more)
        held = Folder(binary, text, {"VAULT_TOKEN": ROOT})
        held.hidden.append(made.stdout.splitlines()[1])
        with held.served() as gateway:
            status, keys = send("GET", f"{gateway.address}/.well-known/jwks.json")
            same("the keys", (status, len(json.loads(keys)["keys"])), (200, 1))


def what_a_vault_has_not(binary, provider):
    with openbao() as (bao, _):
        bao.put(claude_key=f"{MARK}one", count=3)
        by_token = f'[secrets.vault]\naddress = "{bao.address}"\ntoken = "env:VAULT_TOKEN"'

        def refused(reference, token, *words):
            folder = Folder(binary, config(provider, reference, by_token), {"VAULT_TOKEN": token})
            folder.refused("providers[0].api_key", reference, *words)

        refused("vault:secret/data/nobody#claude_key", ROOT, "nothing at that path")
        refused("vault:secret/data/belay#clod_key", ROOT, "no such field", "claude_key")
        refused("vault:secret/data/belay#count", ROOT, "holds no text")
        refused("vault:secret/data/belay#claude_key", f"{MARK}wrong", "the vault denies it")


def by_token_at(address):
    return f'[secrets.vault]\naddress = "{address}"\ntoken = "env:VAULT_TOKEN"'


def a_role_that_is_denied(binary, provider):
    with openbao() as (bao, _):
        bao.put(claude_key=f"{MARK}one")
        role_id, secret_id = bao.approle("1h")
        by_role = (
            f'[secrets.vault]\naddress = "{bao.address}"\n'
            'approle = { role_id = "env:ROLE_ID", secret_id = "file:secret-id" }'
        )
        text = config(provider, "vault:secret/data/belay#claude_key", by_role)
        with Folder(binary, text, {"ROLE_ID": role_id}, {"secret-id": secret_id}).served() as gateway:
            gateway.asks_with(f"{MARK}one")
            # A token that was revoked long before its time, and again: each time another login.
            for value in (f"{MARK}two", f"{MARK}three"):
                bao.ask("POST", "sys/leases/revoke-prefix/auth/approle", {})
                bao.put(claude_key=value)
                gateway.asks_with(value)
            # A role that may not read any more, and then may.
            bao.allow("deny")
            bao.put(claude_key=f"{MARK}four")
            gateway.warns("the vault denies it")
            gateway.asks_with(f"{MARK}three")
            bao.allow("read")
            gateway.asks_with(f"{MARK}four")
            # A secret id that counts no more costs nothing while its token lives, and then a warning.
            bao.ask("POST", "auth/approle/role/belay/secret-id/destroy", {"secret_id": secret_id})
            bao.put(claude_key=f"{MARK}five")
            gateway.asks_with(f"{MARK}five")
            bao.ask("POST", "sys/leases/revoke-prefix/auth/approle", {})
            gateway.warns("refused the login at auth/approle")
            gateway.asks_with(f"{MARK}five")
            # Another in its file takes no restart.
            another = bao.ask("POST", "auth/approle/role/belay/secret-id")["data"]["secret_id"]
            gateway.folder.hidden.append(another)
            (gateway.folder.path.parent / "secret-id").write_text(another)
            bao.put(claude_key=f"{MARK}six")
            gateway.asks_with(f"{MARK}six")


def a_pod_with_another_token(binary, provider):
    """The cluster writes another token for the pod from time to time, and the vault's own tokens end."""

    class Vault(Quiet):
        pod = f"{MARK}pod-1"
        value = f"{MARK}one"
        given = set()

        def do_POST(self):
            asked = json.loads(self.body())
            if self.path != "/v1/auth/kubernetes/login" or asked != {"role": "belay", "jwt": Vault.pod}:
                return self.answer(403, {"errors": ["permission denied"]})
            token = f"{MARK}token-{len(Vault.given)}-{time.monotonic()}"
            Vault.given.add(token)
            return self.answer(200, {"auth": {"client_token": token, "lease_duration": 3_600}})

        def do_GET(self):
            right = self.headers["x-vault-token"] in Vault.given and self.path == "/v1/secret/data/belay"
            data = {"data": {"claude_key": Vault.value}, "metadata": {"version": 1}}
            self.answer(200 if right else 403, {"data": data} if right else {"errors": ["permission denied"]})

    with serving(Vault) as address:
        by_pod = f'[secrets.vault]\naddress = "{address}"\nkubernetes = {{ role = "belay", token = "file:token" }}'
        text = config(provider, "vault:secret/data/belay#claude_key", by_pod)
        with Folder(binary, text, {}, {"token": Vault.pod}).served() as gateway:
            gateway.asks_with(Vault.value)
            Vault.pod = f"{MARK}pod-2"
            (gateway.folder.path.parent / "token").write_text(Vault.pod)
            Vault.given.clear()
            Vault.value = f"{MARK}two"
            gateway.asks_with(Vault.value)
            # For a token that lives, nobody logs in again.
            before = set(Vault.given)
            time.sleep(3)
            same("logins while a token lives", Vault.given, before)


def a_vault_with_a_certificate(binary, provider):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        other = certificate(folder, "other", "IP:127.0.0.1")
        with openbao(tls=folder) as (bao, _):
            bao.put(claude_key=f"{MARK}one")
            reference, given = "vault:secret/data/belay#claude_key", {"VAULT_TOKEN": ROOT}
            trusting = config(provider, reference, f'{by_token_at(bao.address)}\nca = "file:ca.pem"')
            ca = (folder / "vault-ca.pem").read_text()
            with Folder(binary, trusting, given, {"ca.pem": ca}).served() as gateway:
                gateway.asks_with(f"{MARK}one")
                bao.put(claude_key=f"{MARK}two")
                gateway.asks_with(f"{MARK}two")
            # Neither the world's authorities nor another of one's own have certified it.
            plain = Folder(binary, config(provider, reference, by_token_at(bao.address)), given)
            plain.refused("providers[0].api_key", "cannot be reached")
            Folder(binary, trusting, given, {"ca.pem": other}).refused("providers[0].api_key", "cannot be reached")


def an_authority_that_is_none(binary, provider):
    """What is no certificate is told where it stands, and not as a vault that is away."""
    section = f'{by_token_at("https://127.0.0.1:1")}\nca = "file:ca.pem"'
    text = config(provider, "vault:secret/data/belay#claude_key", section)
    for content in ("no PEM", "", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        held = Folder(binary, text, {"VAULT_TOKEN": ROOT})
        (held.path.parent / "ca.pem").write_text(content)
        held.refused("secrets.vault.ca")


def a_vault_that_sends_elsewhere(binary, provider):
    """A token goes to the vault's address, and nowhere that an answer names."""

    class Elsewhere(Quiet):
        asked = []

        def do_GET(self):
            self.asked.append(self.path)
            self.answer(200, {"data": {"data": {"claude_key": f"{MARK}stolen"}, "metadata": {}}})

    with serving(Elsewhere) as elsewhere:

        class Vault(Quiet):
            def do_GET(self):
                self.send_response(307)
                self.send_header("location", elsewhere + self.path)
                self.send_header("content-length", "0")
                self.end_headers()

        with serving(Vault) as address:
            text = config(provider, "vault:secret/data/belay#claude_key", by_token_at(address))
            Folder(binary, text, {"VAULT_TOKEN": ROOT}).refused("providers[0].api_key", "307")
        same("asked elsewhere", Elsewhere.asked, [])


def a_config_that_changes(binary, provider):
    with openbao() as (bao, _):
        bao.put(claude_key=f"{MARK}one", other_key=f"{MARK}other")
        section = by_token_at(bao.address)
        first = config(provider, "vault:secret/data/belay#claude_key", section)
        with Folder(binary, first, {"VAULT_TOKEN": ROOT}).served() as gateway:
            file = gateway.folder.path
            first = file.read_text()
            gateway.asks_with(f"{MARK}one")
            # What it refers to newly is fetched, and nothing is put into force that cannot be.
            file.write_text(first.replace("#claude_key", "#other_key"))
            gateway.asks_with(f"{MARK}other")
            file.write_text(first.replace("#claude_key", "#no_key"))
            gateway.measures("belay_config_reload_failed", 1)
            gateway.asks_with(f"{MARK}other")
            # A field that is there at last mends it, with no other cause to look.
            bao.put(claude_key=f"{MARK}one", other_key=f"{MARK}other", no_key=f"{MARK}late")
            gateway.asks_with(f"{MARK}late")
            gateway.measures("belay_config_reload_failed", 0)
            file.write_text(first)
            gateway.asks_with(f"{MARK}one")


def a_slip_while_a_vault_is_away(binary, provider):
    with openbao() as (bao, started):
        bao.put(claude_key=f"{MARK}one")
        text = config(provider, "vault:secret/data/belay#claude_key", by_token_at(bao.address))
        with Folder(binary, text, {"VAULT_TOKEN": ROOT}).served() as gateway:
            file = gateway.folder.path
            first = file.read_text()
            gateway.asks_with(f"{MARK}one")
            # The vault is away while somebody makes a slip and mends it: what was fetched before is still good.
            started.kill()
            started.wait(WAIT_S)
            gateway.warns("cannot be reached")
            file.write_text(f"{first}\nslip =")
            gateway.measures("belay_config_reload_failed", 1)
            file.write_text(first)
            gateway.measures("belay_config_reload_failed", 0)
            gateway.asks_with(f"{MARK}one")


def a_value_that_cannot_be_used(binary, provider):
    with openbao() as (bao, _):
        bao.put(claude_key=f"{MARK}one\n")
        text = config(provider, "vault:secret/data/belay#claude_key", by_token_at(bao.address))
        with Folder(binary, text, {"VAULT_TOKEN": ROOT}).served() as gateway:
            # A line break behind it is no part of it.
            gateway.asks_with(f"{MARK}one")
            for useless in ("", f"{MARK}two words", f"{MARK}two\n{MARK}lines"):
                bao.put(claude_key=useless)
                gateway.measures("belay_config_reload_failed", 1)
                gateway.asks_with(f"{MARK}one")
                bao.put(claude_key=f"{MARK}one")
                gateway.measures("belay_config_reload_failed", 0)
            bao.put(claude_key=f"{MARK}three")
            gateway.asks_with(f"{MARK}three")


def certificate(folder, name, subject):
    """A key of that name, and a certificate that certifies itself: the latter."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    command += ["-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt", "-addext", f"subjectAltName={subject}"]
    subprocess.run(command, check=True, capture_output=True)
    return (folder / f"{name}.crt").read_text()


def certificates_in_a_vault(binary, provider):
    """An org's certificate, by which its JWTs are proven, and the gateway's own with its key, of which another takes over."""
    with openbao() as (bao, _), tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        pems = {name: certificate(folder, name, "IP:127.0.0.1") for name in ("first", "second", "org")}
        keys = {name: (folder / f"{name}.key").read_text() for name in pems}
        hidden = [line for key in keys.values() for line in key.splitlines() if len(line) == 64]

        def put(name):
            bao.put(claude_key=f"{MARK}one", cert=pems[name], key=keys[name], org=pems["org"])

        put("first")
        where = "vault:secret/data/belay"
        text = config(provider, f"{where}#claude_key", by_token_at(bao.address))
        text = text.replace("[secrets]\n", f'[server.tls]\ncert = "{where}#cert"\nkey = "{where}#key"\n[secrets]\n')
        credential = (
            '[[orgs.credentials]]\nkind = "jwt"\nid = "acme_2026"\nissuer = "acme"\nscopes = ["tasks"]\n'
            f'certificate = "{where}#org"\n[orgs.limits]'
        )
        text = text.replace("[orgs.limits]", credential)
        held = Folder(binary, text, {"VAULT_TOKEN": ROOT})
        held.hidden += hidden
        code, told = held.check()
        assert code == 0, told
        with Loaded(held, calls=False) as gateway:
            port = int(gateway.address.rsplit(":", 1)[1])

            def shown():
                return ssl.get_server_certificate(("127.0.0.1", port)).strip()

            same("the certificate", shown(), pems["first"].strip())
            status = with_a_jwt(port, pems["first"], keys["org"])
            same("a call with the org's JWT", status, 200)
            same("a call with another's", with_a_jwt(port, pems["first"], keys["second"]), 401)
            put("second")
            until("the other certificate", lambda: shown() == pems["second"].strip())
            same("a call then", with_a_jwt(port, pems["second"], keys["org"]), 200)


def with_a_jwt(port, ca, key):
    """The status of a call that is proven by a JWT which that key signs."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding

    def packed(value):
        raw = value if isinstance(value, bytes) else json.dumps(value).encode()
        return base64.urlsafe_b64encode(raw).rstrip(b"=")

    now = int(time.time())
    claims = {"iss": "acme", "sub": "0055f000001AbCdAAK", "aud": "https://belay.example", "iat": now, "exp": now + 60}
    signed = packed({"alg": "RS256", "kid": "acme_2026"}) + b"." + packed({**claims, "jti": f"{time.monotonic()}"})
    private = serialization.load_pem_private_key(key.encode(), None)
    jwt = signed + b"." + packed(private.sign(signed, padding.PKCS1v15(), hashes.SHA256()))
    context = ssl.create_default_context(cadata=ca)
    record = {"attributes": {"type": "Opportunity"}, "Id": "0065f00000QwErTAAV", "Name": f"Renewal {time.monotonic()}"}
    headers = {"authorization": f"Bearer {jwt.decode()}", "content-type": "application/json"}
    data = json.dumps({"record": record}).encode()
    request = urllib.request.Request(f"https://127.0.0.1:{port}/briefing", data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S, context=context) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code


@contextlib.contextmanager
def secrets_manager():
    """Its address, and a client that may do everything before signatures count."""
    import boto3

    command = [BIN / "moto_server", "-H", "127.0.0.1", "-p", "PORT"]
    # The set-up below takes so many requests; from then on signatures and policies count.
    environment = {"INITIAL_NO_AUTH_ACTION_COUNT": "7"}
    with process(command, environment, lambda at: send("GET", f"{at}/moto-api/")[0] == 200) as (address, _):
        given = {"endpoint_url": address, "region_name": "us-east-1"}
        iam = boto3.client("iam", aws_access_key_id="x", aws_secret_access_key="x", **given)
        open_sm = boto3.client("secretsmanager", aws_access_key_id="x", aws_secret_access_key="x", **given)
        iam.create_user(UserName="belay")
        allowed = {"Effect": "Allow", "Action": ["secretsmanager:*"], "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        iam.put_user_policy(UserName="belay", PolicyName="all", PolicyDocument=policy)
        key = iam.create_access_key(UserName="belay")["AccessKey"]
        open_sm.create_secret(Name="belay/plain", SecretString=f"{MARK}one")
        fields = json.dumps({"claude_key": f"{MARK}field"})
        arn = open_sm.create_secret(Name="belay/json", SecretString=fields)["ARN"]
        open_sm.create_secret(Name="belay/bytes", SecretBinary=b"\x00\x01")
        pair = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        ours = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        yield address, boto3.client("secretsmanager", **ours, **given), arn, pair


def secrets_of_aws(binary, provider):
    with secrets_manager() as (address, manager, arn, pair):
        section = f'[secrets.aws]\nregion = "us-east-1"\nbase_url = "{address}"'
        with Folder(binary, config(provider, "aws-sm:belay/plain", section), pair).served() as gateway:
            gateway.asks_with(f"{MARK}one")
            manager.put_secret_value(SecretId="belay/plain", SecretString=f"{MARK}two")
            gateway.asks_with(f"{MARK}two")
            # What is deleted, or is no text any more, changes nothing; what is there again does.
            manager.delete_secret(SecretId="belay/plain")
            gateway.warns("aws-sm:belay/plain")
            gateway.asks_with(f"{MARK}two")
            manager.restore_secret(SecretId="belay/plain")
            manager.put_secret_value(SecretId="belay/plain", SecretBinary=b"\x00\x01")
            gateway.warns("keeps bytes")
            gateway.asks_with(f"{MARK}two")
            manager.put_secret_value(SecretId="belay/plain", SecretString=f"{MARK}three")
            gateway.asks_with(f"{MARK}three")
        for reference in ("aws-sm:belay/json#claude_key", f"aws-sm:{arn}#claude_key"):
            with Folder(binary, config(provider, reference, section), pair).served() as gateway:
                gateway.asks_with(f"{MARK}field")
        # Another link of AWS' chain: a file.
        profile = "[default]\n" + "".join(f"{name.lower()} = {value}\n" for name, value in pair.items())
        held = Folder(binary, config(provider, "aws-sm:belay/json#claude_key", section), {}, {"credentials": profile})
        held.environment["AWS_SHARED_CREDENTIALS_FILE"] = str(held.path.parent / "credentials")
        held.hidden += pair.values()
        with held.served() as gateway:
            gateway.asks_with(f"{MARK}field")

        def refused(reference, environment, *words):
            Folder(binary, config(provider, reference, section), environment).refused("providers[0].api_key", *words)

        refused("aws-sm:belay/nothing", pair, "has no such secret")
        refused("aws-sm:belay/json#kye", pair, "no such field")
        refused("aws-sm:belay/bytes", pair, "keeps bytes")
        forged = {**pair, "AWS_SECRET_ACCESS_KEY": "a" * 40}
        refused("aws-sm:belay/plain", forged, "AWS answered 403")
        refused("aws-sm:belay/plain", {}, "AWS")


class Google(Quiet):
    """Secret Manager and the token endpoint. A bearer is one that it gave, or a JWT that the account signed."""

    values = {}
    public_key = None
    spoilt = False
    denies = False

    @classmethod
    def is_signed(cls, jwt):
        head, body, signature = (part + "=" * (-len(part) % 4) for part in jwt.split("."))
        signed = ".".join(jwt.split(".")[:2]).encode()
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        try:
            cls.public_key.verify(base64.urlsafe_b64decode(signature), signed, PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        claims = json.loads(base64.urlsafe_b64decode(body))
        scope = "https://www.googleapis.com/auth/cloud-platform"
        return claims["iss"] == "belay@acme.example" and claims.get("scope") == scope and claims["exp"] > time.time()

    def do_POST(self):
        form = urllib.parse.parse_qs(self.body().decode())
        right = self.is_signed(form["assertion"][0])
        given = {"access_token": f"{MARK}token", "expires_in": 3_600, "token_type": "Bearer"}
        self.answer(200 if right else 401, given if right else {"error": "invalid_grant"})

    def do_GET(self):
        bearer = self.headers["authorization"].removeprefix("Bearer ")
        if bearer != f"{MARK}token" and not (bearer.count(".") == 2 and self.is_signed(bearer)):
            return self.answer(401, {"error": {"code": 401}})
        if Google.denies:
            return self.answer(403, {"error": {"code": 403, "status": "PERMISSION_DENIED"}})
        value = self.values.get(self.path)
        if value is None:
            return self.answer(404, {"error": {"code": 404}})
        checksum = crc32c(value.encode()) ^ int(self.spoilt)
        payload = {"data": base64.b64encode(value.encode()).decode(), "dataCrc32c": str(checksum)}
        return self.answer(200, {"name": self.path, "payload": payload})


def crc32c(data):
    total = 0xFFFFFFFF
    for byte in data:
        total ^= byte
        for _ in range(8):
            total = (total >> 1) ^ (0x82F63B78 if total & 1 else 0)
    return total ^ 0xFFFFFFFF


def secrets_of_google(binary, provider):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    Google.public_key = key.public_key()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    with serving(Google) as address:
        account = {
            "type": "service_account",
            "client_email": "belay@acme.example",
            "private_key_id": "1",
            "private_key": pem,
            "token_uri": f"{address}/token",
            "project_id": "acme",
        }
        files = {"sa.json": json.dumps(account)}
        section = f'[secrets.gcp]\ncredentials = "file:sa.json"\nbase_url = "{address}"'
        latest = "/v1/projects/acme/secrets/belay/versions/latest:access"
        Google.values[latest] = f"{MARK}one"
        Google.values["/v1/projects/acme/secrets/belay/versions/3:access"] = json.dumps({"key": f"{MARK}third"})

        def folder(reference):
            return Folder(binary, config(provider, reference, section), {}, files)

        with folder("gcp-sm:projects/acme/secrets/belay").served() as gateway:
            gateway.asks_with(f"{MARK}one")
            Google.values[latest] = f"{MARK}two"
            gateway.asks_with(f"{MARK}two")
            Google.spoilt = True
            gateway.warns("was damaged on its way")
            gateway.goes_on()
            Google.spoilt = False
            Google.denies = True
            Google.values[latest] = f"{MARK}three"
            gateway.warns("Google denies")
            gateway.asks_with(f"{MARK}two")
            Google.denies = False
            gateway.asks_with(f"{MARK}three")
        with folder("gcp-sm:projects/acme/secrets/belay/versions/3#key").served() as gateway:
            gateway.asks_with(f"{MARK}third")
        folder("gcp-sm:projects/acme/secrets/nothing").refused("providers[0].api_key", "no such secret")
        Google.spoilt = True
        folder("gcp-sm:projects/acme/secrets/belay").refused("providers[0].api_key", "its checksum is another")
        Google.spoilt = False
        # Neither another key's signature is good, nor any from then on for which the account has a new key.
        Google.public_key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048).public_key()
        folder("gcp-sm:projects/acme/secrets/belay").refused("providers[0].api_key")


def mistakes_of_a_config(binary, provider):
    token = 'token = "env:VAULT_TOKEN"'
    here = 'address = "http://127.0.0.1:1"'
    vault = "vault:secret/data/belay#claude_key"

    def refused(reference, section, *words):
        Folder(binary, config(provider, reference, section), {"VAULT_TOKEN": ROOT}).refused(*words)

    refused(vault, "", "providers[0].api_key", "needs [secrets.vault]")
    refused("aws-sm:a", "", "providers[0].api_key", "needs [secrets.aws]")
    refused("gcp-sm:projects/a/secrets/b", "", "providers[0].api_key", "needs [secrets.gcp]")
    refused("vault:secret/data/belay", f"[secrets.vault]\n{here}\n{token}", "providers[0].api_key", "PATH#FIELD")
    refused("gcp-sm:belay", "[secrets.gcp]", "providers[0].api_key", "projects/PROJECT/secrets/SECRET")
    two = f'[secrets.vault]\n{here}\n{token}\napprole = {{ role_id = "env:VAULT_TOKEN", secret_id = "env:VAULT_TOKEN" }}'
    refused(vault, two, "secrets.vault", "needs one of `token`, `approle` and `kubernetes`")
    refused(vault, f"[secrets.vault]\n{here}", "secrets.vault", "who asks the vault")
    refused(vault, f'[secrets.vault]\naddress = "http://vault.example"\n{token}', "secrets.vault.address", "https")
    refused(vault, f"[secrets.vault]\n{here}\n{token}", "providers[0].api_key", "cannot be reached")
    refused(vault, f'[secrets.vault]\n{here}\ntoken = "hvs.{MARK}"', "secrets.vault.token", "never the secret itself")
    refused(vault, f"[secrets.vault]\n{here}\n{token}\ncolour = 1", "secrets.vault.colour")
    refused(vault, f'[secrets.vault]\n{here}\ntoken = "{vault}"', "secrets.vault.token")
    half = f'[secrets.vault]\n{here}\napprole = {{ role_id = "env:VAULT_TOKEN" }}'
    refused(vault, half, "secrets.vault.approle.secret_id")
    refused("vault:secret/../sys#key", f"[secrets.vault]\n{here}\n{token}", "providers[0].api_key", "PATH#FIELD")
    refused("aws-sm:a", "[secrets.aws]", "secrets.aws.region")
    refused("gcp-sm:projects/a/secrets/b", '[secrets.gcp]\nbase_url = "http://google.example"', "secrets.gcp.base_url")
    for seconds in ("0", "86_401", '"often"'):
        text = config(provider, vault, f"[secrets.vault]\n{here}\n{token}").replace("refresh_s = 1", f"refresh_s = {seconds}")
        Folder(binary, text, {"VAULT_TOKEN": ROOT}).refused("secrets.refresh_s")


GROUPS = {
    "vault": {
        "a vault, its rotation and its outages": a_vault,
        "a role whose tokens end": a_role_of_a_vault,
        "a pod that logs in": a_pod_at_a_vault,
        "a login that is refused a while": a_role_that_is_denied,
        "a pod whose token is another": a_pod_with_another_token,
        "a vault of an authority of one's own": a_vault_with_a_certificate,
        "an authority that is none": an_authority_that_is_none,
        "a vault that sends elsewhere": a_vault_that_sends_elsewhere,
        "a config that changes": a_config_that_changes,
        "a slip while a vault is away": a_slip_while_a_vault_is_away,
        "a value that cannot be used": a_value_that_cannot_be_used,
        "a signing key in a vault": what_else_a_vault_keeps,
        "certificates in a vault": certificates_in_a_vault,
        "what a vault has not is told": what_a_vault_has_not,
    },
    "aws": {"secrets of AWS, signed": secrets_of_aws},
    "gcp": {"secrets of Google": secrets_of_google},
    "mistakes": {"mistakes are told with what would be right": mistakes_of_a_config},
}


def main(binary, *groups):
    unknown = set(groups) - set(GROUPS)
    if unknown:
        print(f"usage: tests/vaults/run [--install] [{' | '.join(GROUPS)}]", file=sys.stderr)
        return 2
    failed = 0
    with serving(Provider) as provider:
        for group in groups or GROUPS:
            for name, check in GROUPS[group].items():
                Provider.keys.clear()
                try:
                    check(binary, provider)
                    print(f"ok     {name}", flush=True)
                except (AssertionError, queue.Empty, KeyError, OSError, ValueError, subprocess.TimeoutExpired) as error:
                    failed += 1
                    print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)
    return 1 if failed else 0


sys.exit(main(*sys.argv[1:]))
