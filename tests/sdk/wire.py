"""Whether the gateway sends to a cloud what the SDK's own class for that cloud sends.

    python wire.py < {"stand_in": address, "gateway": address, "sender": [command…]}

The sender sends each request of requests.json twice: by AnthropicBedrock, AnthropicVertex or AnthropicFoundry, and as a
plain Messages request to the gateway, whose alias leads to the same cloud. The stand-in was sent both; here they are
held against each other. What may differ, and why:

path       How its characters are escaped: an ARN's slash as %2F or a colon as itself are the same id to the server.
query      Older SDKs add ?beta=true for betas, which no cloud looks at.
version    `anthropic_version` of a model that is older than 2026-10-21: there the gateway may name the
           platform's own version, which these models are documented to take; the newest SDK names the newest one.
headers    Those which say who sends (user-agent, x-stainless-…) or belong to the connection. Bedrock and Vertex take
           the version from the body alone, so some SDKs send the header `anthropic-version` there and some do not;
           at Bedrock it is the same with `anthropic-beta`.
key        Foundry's key in `api-key`, in `x-api-key` or in both: each SDK does it in another way, Foundry takes either.
token      At Vertex a token of Google's or one that the service account has signed for itself; Google takes either.
signature  Which headers beside host and date are signed. That both hold, as tokens do, the stand-in has verified.
"""

import base64
import functools
import itertools
import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import unquote, urlsplit

import names
from runner import run, tests

SEND_S = 120

# Models from before the version that the newest SDKs speak, and what they take instead.
OLDER = ("claude-sonnet-4-6", "claude-sonnet-4-5", "application-inference-profile")
OLD_VERSION = {"bedrock": "bedrock-2023-05-31", "vertex": "vertex-2023-10-16"}

# What the stand-in says to those of the requests that do not just greet it.
ANSWERS = {"tools": names.WEATHER, "streamed tools": '{"city": "Berlin"}', "count": 10}


def cases():
    """Every request to one model of each platform, the two plain ones to all the others."""
    requests = json.loads((Path(__file__).parent / "requests.json").read_text())
    for platform, provider, models in (
        ("bedrock", "bedrock", names.BEDROCK_MODELS),
        ("bedrock with a bearer", "bearer", names.BEDROCK_MODELS[:1]),
        ("vertex", "vertex", names.VERTEX_MODELS),
        ("foundry", "foundry", names.FOUNDRY_MODELS),
    ):
        for index, model in enumerate(models):
            for request in requests if (index == 0 and provider != "bearer") else requests[:2]:
                if request.get("counts") and provider == "bedrock":
                    continue  # the SDKs have no counting there
                yield {
                    **request,
                    "name": f"{platform}, {model}, {request['name']}",
                    "platform": platform,
                    "model": model,
                    "alias": f"{provider}-{index}",
                    "answer": ANSWERS.get(request["name"], names.HELLO),
                }


def main():
    setup = json.load(sys.stdin)
    plan = {"stand_in": setup["stand_in"], "gateway": setup["gateway"], "cases": list(cases())}
    sent = subprocess.run(
        setup["sender"],
        input=json.dumps(plan),
        stdout=subprocess.PIPE,
        text=True,
        timeout=SEND_S,
        env={**os.environ, "NAMES": json.dumps(names_there_are())},
        check=False,
    )
    outcomes = {outcome["case"]: outcome for outcome in map(json.loads, sent.stdout.splitlines())}
    with urllib.request.urlopen(f"{setup['stand_in']}/__seen", timeout=SEND_S) as reply:
        seen = json.load(reply)
    for of_a_model, its in itertools.groupby(plan["cases"], lambda case: (case["platform"], case["model"])):
        pairs = [(case, outcomes.get(case["name"])) for case in its]
        tests.append((f"{', '.join(of_a_model)}: {len(pairs)} requests", functools.partial(compare_all, pairs, seen)))
    return run()


def compare_all(pairs, seen):
    """Raises what differs in any of the requests to one model."""
    wrong = []
    for case, outcome in pairs:
        try:
            compare(case, outcome, seen)
        except AssertionError as difference:
            wrong.append(f"{case['name']}: {difference}")
    assert not wrong, "\n" + "\n".join(wrong)


def names_there_are():
    return {name: value for name, value in vars(names).items() if name.isupper()}


def compare(case, outcome, seen):
    """Raises what differs between the two requests of a case."""
    assert outcome, "it was never sent"
    for side in ("sdk", "gateway"):
        assert not outcome[f"{side}_error"], f"{side}: {outcome[f'{side}_error']}"
    theirs, ours = (only(seen[slice(*outcome[side])]) for side in ("sdk", "gateway"))
    differing = [
        f"{what}:\n    the SDK     {one}\n    the gateway {other}"
        for what, one, other in zip(PARTS, parts(theirs, case), parts(ours, case), strict=True)
        if one != other
    ]
    assert not differing, "\n" + "\n".join(differing)


def only(requests):
    """The one request to a model among those that a case has led to."""
    asked = [entry for entry in requests if urlsplit(entry["path"]).path != "/token"]
    assert len(asked) == 1, [entry["path"] for entry in asked]
    return asked[0]


PARTS = ("method", "path", "content type", "credential", "version", "betas", "body")


def parts(entry, case):
    """What has to be equal of a request, in the order of `PARTS`."""
    headers = dict(entry["headers"])
    platform = case["platform"].split()[0]
    body = json.loads(base64.b64decode(entry["body"]))
    in_body = platform != "foundry"
    version = body.pop("anthropic_version", None) if in_body else headers.get("anthropic-version")
    betas = body.pop("anthropic_beta", None) if platform == "bedrock" else headers.get("anthropic-beta")
    if isinstance(betas, str):
        betas = betas.split(",")
    return (
        entry["method"],
        unquote(urlsplit(entry["path"]).path),
        headers["content-type"].split(";")[0],
        credential(headers, platform),
        old_enough(version, case["model"], platform),
        betas and [beta.strip() for beta in betas],
        json.dumps(body, sort_keys=True, ensure_ascii=False),
    )


def credential(headers, platform):
    """Which kind of proof came, of what; the proof itself was the stand-in's to check."""
    scheme, _, rest = (headers.get("authorization") or "").partition(" ")
    if scheme == "AWS4-HMAC-SHA256":
        scope = rest.removeprefix("Credential=").split(",")[0].split("/")
        return scheme, scope[0], scope[2:]
    if platform == "foundry" and not scheme:
        return "key", headers.get("api-key") or headers.get("x-api-key")
    return scheme, None if platform == "vertex" else rest


def old_enough(version, model, platform):
    """The version; for an older model either of the two that are meant stands for both."""
    old = OLD_VERSION.get(platform)
    if old and any(name in model for name in OLDER) and version in (old, "2026-10-21"):
        return f"{old} or 2026-10-21"
    return version


if __name__ == "__main__":
    sys.exit(main())
