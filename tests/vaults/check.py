"""Secrets that a vault keeps: read at the start, rotated while calls go on, and kept in force while the vault is away."""

import base64
import contextlib
import hashlib
import json
import os
import queue
import signal
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


def send(method, url, body=None, headers=()):
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=dict(headers), method=method)
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S) as reply:
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
def process(command, environment, is_up):
    """A server on a port of its own, below those that the system gives away: the address that it is at, and it."""
    for _ in range(20):
        port = quiet_port()
        address = f"http://127.0.0.1:{port}"
        started = subprocess.Popen(
            [str(part).replace("PORT", str(port)) for part in command],
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
def openbao():
    # Its second port, for a cluster, is one of the system's own.
    command = [BIN / "bao", "server", "-dev", "-dev-root-token-id=root", "-dev-listen-address=127.0.0.1:PORT"]
    command += ["-dev-no-store-token"]
    with process(command, {}, lambda at: send("GET", f"{at}/v1/sys/health")[0] == 200) as (address, started):
        yield Bao(address), started


class Bao:
    def __init__(self, address):
        self.address = address

    def ask(self, method, path, body=None):
        status, answer = send(method, f"{self.address}/v1/{path}", body, {"X-Vault-Token": "root"}.items())
        assert status in (200, 204), f"{path}: {status} {answer!r}"
        return json.loads(answer) if answer else {}

    def put(self, **fields):
        self.ask("POST", "secret/data/belay", {"data": fields})

    def approle(self):
        """A role whose tokens live for two seconds; its ids."""
        self.ask("POST", "sys/auth/approle", {"type": "approle"})
        rule = 'path "secret/data/belay" { capabilities = ["read"] }'
        self.ask("POST", "sys/policies/acl/belay", {"policy": rule})
        role = {"token_policies": ["belay"], "token_ttl": "2s", "token_max_ttl": "2s"}
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
        self.path.write_text(text)
        for name, content in dict(files).items():
            (self.path.parent / name).write_text(content)
        self.environment = {"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true", **dict(environment)}

    def check(self):
        """The exit code of `belay check` and what it prints."""
        command = [self.binary, "check", "--config", self.path]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=WAIT_S)
        told = done.stdout + done.stderr
        assert MARK not in told, told
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

    @contextlib.contextmanager
    def served(self):
        code, told = self.check()
        assert code == 0, told
        with Loaded(self) as gateway:
            yield gateway


class Loaded(Gateway):
    """A gateway that is called all the while."""

    def __init__(self, folder):
        super().__init__(folder.binary, folder.path, folder.environment)
        self.stop = threading.Event()
        self.failed = []
        self.load = threading.Thread(target=self.call_on, daemon=True)
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
        until(f"a warning of {words}", lambda: any('"WARN"' in line and words in line for line in list(self.log)))

    def goes_on(self):
        before = len(Provider.keys)
        until("further calls", lambda: len(Provider.keys) > before + 20)

    def end(self):
        self.stop.set()
        self.load.join(WAIT_S)
        page = send("GET", f"{self.admin}/metrics")[1].decode()
        super().end()
        same("failed calls", self.failed, [])
        for told in [*self.log, page]:
            assert MARK not in told, told


# --- What is tried


def a_vault(binary, provider):
    with openbao() as (bao, started):
        bao.put(claude_key=f"{MARK}one", count=3)
        bao.ask("POST", "sys/mounts/kv1", {"type": "kv", "options": {"version": "1"}})
        bao.ask("POST", "kv1/belay", {"claude_key": f"{MARK}first-version"})
        by_token = f'[secrets.vault]\naddress = "{bao.address}"\ntoken = "env:VAULT_TOKEN"'
        root = {"VAULT_TOKEN": "root"}
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
            # One that denies, and one that has nothing any more.
            bao.ask("DELETE", "secret/metadata/belay")
            gateway.warns("is not there")
            gateway.goes_on()
            bao.put(claude_key=f"{MARK}four")
            gateway.asks_with(f"{MARK}four")
            started.kill()
            gateway.warns("cannot be reached")
            gateway.goes_on()


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
            told = "".join(gateway.log)
            assert role_id not in told and secret_id not in told, "an id is told"
        wrong = Folder(binary, text, {"ROLE_ID": "nobody"}, {"secret-id": secret_id})
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
        with Folder(binary, text, {"VAULT_TOKEN": "root"}).served() as gateway:
            status, keys = send("GET", f"{gateway.address}/.well-known/jwks.json")
            same("the keys", (status, len(json.loads(keys)["keys"])), (200, 1))


def what_a_vault_has_not(binary, provider):
    with openbao() as (bao, _):
        bao.put(claude_key=f"{MARK}one", count=3)
        by_token = f'[secrets.vault]\naddress = "{bao.address}"\ntoken = "env:VAULT_TOKEN"'

        def refused(reference, token, *words):
            folder = Folder(binary, config(provider, reference, by_token), {"VAULT_TOKEN": token})
            folder.refused("providers[0].api_key", reference, *words)

        refused("vault:secret/data/nobody#claude_key", "root", "nothing at that path")
        refused("vault:secret/data/belay#clod_key", "root", "no such field", "claude_key")
        refused("vault:secret/data/belay#count", "root", "holds no text")
        refused("vault:secret/data/belay#claude_key", "wrong", "the vault denies it")


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
        for reference in ("aws-sm:belay/json#claude_key", f"aws-sm:{arn}#claude_key"):
            with Folder(binary, config(provider, reference, section), pair).served() as gateway:
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
        with folder("gcp-sm:projects/acme/secrets/belay/versions/3#key").served() as gateway:
            gateway.asks_with(f"{MARK}third")
        folder("gcp-sm:projects/acme/secrets/nothing").refused("providers[0].api_key", "no such secret")
        Google.spoilt = True
        folder("gcp-sm:projects/acme/secrets/belay").refused("providers[0].api_key", "its checksum is another")
        Google.spoilt = False


def mistakes_of_a_config(binary, provider):
    token = 'token = "env:VAULT_TOKEN"'
    here = 'address = "http://127.0.0.1:1"'
    vault = "vault:secret/data/belay#claude_key"

    def refused(reference, section, *words):
        Folder(binary, config(provider, reference, section), {"VAULT_TOKEN": "root"}).refused(*words)

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


GROUPS = {
    "vault": {
        "a vault, its rotation and its outages": a_vault,
        "a role whose tokens end": a_role_of_a_vault,
        "a pod that logs in": a_pod_at_a_vault,
        "a signing key in a vault": what_else_a_vault_keeps,
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
