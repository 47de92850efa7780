"""Has Belay check the config that a rendering would give it: belay.toml with the variables of the container.

config.py BELAY RENDERED SCRATCH   prints what Belay says where it refuses the config; exit 1 then

Secrets are made up here, and stand nowhere else: variables of Secrets, and a file below SCRATCH for every file:PATH.
"""

import base64
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

import yaml

QUOTED_FILE = re.compile(r"""(["'])file:(/[^"']+)\1""")


def made_up(name):
    """A secret of the form that its name asks for."""
    word = name.lower()
    if "redis" in word:
        return "rediss://belay:" + secrets.token_hex(16) + "@store.example:6379/0"
    if "shared_key" in word:
        return base64.b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_urlsafe(32)


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def put(path):
    """What a file of that name would hold: a certificate, its key, or a secret."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        return
    if path.suffix in (".crt", ".key"):
        key, certificate = path.with_suffix(".key"), path.with_suffix(".crt")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "90", "-subj", f"/CN={path.stem}.example",
                "-keyout", str(key), "-out", str(certificate))
        if path.stem == "token":
            openssl("genpkey", "-algorithm", "ed25519", "-out", str(key))
    else:
        path.write_text(made_up(path.name) + "\n")


def main(belay, rendered, scratch):
    objects = [one for one in yaml.safe_load_all(Path(rendered).read_text()) if one]
    (config,) = (one["data"]["belay.toml"] for one in objects if one["kind"] == "ConfigMap" and "belay.toml" in one["data"])
    (deployment,) = (one for one in objects if one["kind"] == "Deployment")
    root = Path(scratch)

    def moved(path):
        # Its folder is another one here; that of an audit file, too.
        here = root / path.lstrip("/")
        if here.suffix == ".jsonl":
            here.parent.mkdir(parents=True, exist_ok=True)
        else:
            put(here)
        return here

    config = QUOTED_FILE.sub(lambda found: f"{found[1]}file:{moved(found[2])}{found[1]}", config)
    environment = {"PATH": os.environ["PATH"]}
    for variable in deployment["spec"]["template"]["spec"]["containers"][0]["env"]:
        name, value = variable["name"], variable.get("value")
        if value is None:
            value = made_up(name)
        elif value.startswith("file:/"):
            value = f"file:{moved(value.removeprefix('file:'))}"
        # As the kubelet does: $(NAME) is a variable that stands before.
        environment[name] = re.sub(r"\$\((\w+)\)", lambda found: environment.get(found[1], found[0]), value)
    file = root / "belay.toml"
    file.write_text(config)
    told = subprocess.run([belay, "check", "--config", str(file)], env=environment, capture_output=True, text=True)
    if told.returncode != 0:
        print(f"{Path(rendered).name}: belay check refuses the config:\n{told.stdout}{told.stderr}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
