"""Sends each case of a plan twice: with the SDK's own class for the platform, and through the gateway.

    python sender.py < plan

A plan says where the stand-in and the gateway are and which cases there are (see wire.py). For each case a line tells
which requests the stand-in was sent by the one and by the other, and whether both were answered as they should be.
"""

import functools
import json
import sys
import urllib.request
import warnings

import anthropic

import names

PATIENCE_S = 25


def main():
    warnings.simplefilter("ignore")  # about models that are old, which some here are on purpose
    plan = json.load(sys.stdin)
    for case in plan["cases"]:
        told = {"case": case["name"]}
        for side, client, model in (
            ("sdk", platform(case["platform"], plan["stand_in"]), case["model"]),
            ("gateway", gateway(plan["gateway"]), case["alias"]),
        ):
            before = seen(plan["stand_in"])
            try:
                answer = send(client, model, case)
                told[f"{side}_error"] = None if answer == case["answer"] else f"it was answered {answer!r}"
            except Exception as error:  # whatever it is, the next case is sent
                told[f"{side}_error"] = f"{type(error).__name__}: {error}"
            told[side] = [before, seen(plan["stand_in"])]
        print(json.dumps(told), flush=True)


@functools.cache
def platform(name, address):
    """The SDK's own client of a platform, with the stand-in in the platform's place."""
    common = {"max_retries": 0, "timeout": PATIENCE_S}
    if name == "bedrock":
        return anthropic.AnthropicBedrock(
            aws_access_key=names.AWS_ID,
            aws_secret_key=names.AWS_SECRET,
            aws_region=names.REGION,
            base_url=address,
            **common,
        )
    if name == "bedrock with a bearer":
        return anthropic.AnthropicBedrock(
            api_key=names.BEDROCK_BEARER, aws_region=names.REGION, base_url=address, **common
        )
    if name == "vertex":
        return anthropic.AnthropicVertex(
            project_id=names.PROJECT,
            region=names.VERTEX_REGION,
            credentials=google(address),
            base_url=f"{address}/v1",
            **common,
        )
    return anthropic.AnthropicFoundry(api_key=names.FOUNDRY_KEY, base_url=f"{address}/anthropic/", **common)


def google(address):
    """Credentials that google-auth makes of the same service account as the gateway has."""
    from google.oauth2 import service_account

    with urllib.request.urlopen(f"{address}/__service-account", timeout=PATIENCE_S) as reply:
        account = json.load(reply)
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    return service_account.Credentials.from_service_account_info(account, scopes=scopes)


@functools.cache
def gateway(address):
    return anthropic.Anthropic(api_key=names.KEY, base_url=address, max_retries=0, timeout=PATIENCE_S)


def send(client, model, case):
    """The last words of the answer, what a tool is asked for, or how many tokens there are."""
    params = {**case["params"], "model": model}
    if case.get("counts"):
        return client.messages.count_tokens(**params).input_tokens
    if case.get("betas"):
        made = client.beta.messages.create(**params, betas=case["betas"])
    else:
        made = client.messages.create(**params)
    if not params.get("stream"):
        return made.content[-1].text
    deltas = [event.delta for event in made if event.type == "content_block_delta"]
    return "".join(delta.text if delta.type == "text_delta" else delta.partial_json for delta in deltas)


def seen(address):
    with urllib.request.urlopen(f"{address}/__count", timeout=PATIENCE_S) as reply:
        return json.load(reply)


if __name__ == "__main__":
    main()
