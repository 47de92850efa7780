"""The verifier of signatures itself, and then every request that the gateway signs for Bedrock.

`tests/sdk/run sigv4` runs it. First the verifier has to accept what boto3 and the SDK sign and to refuse each of them
once it was changed; then the same is asked of the gateway's requests, with and without a session at AWS.
"""

import base64
import json
import os
import sys
import urllib.request

import anthropic
import boto3
from botocore.config import Config

import names
import sigv4
from runner import run, tests

UPSTREAM = os.environ["UPSTREAM_URL"]
GATEWAYS = json.loads(os.environ.get("BELAY_URLS", "{}"))  # with a session and without, if there is a gateway
PATIENCE_S = 25
QUESTION = {"max_tokens": 64, "messages": [{"role": "user", "content": "Grüße, hello"}]}


def by_the_sdk(model, streams, session):
    client = anthropic.AnthropicBedrock(
        aws_access_key=names.AWS_ID,
        aws_secret_key=names.AWS_SECRET,
        aws_session_token=session,
        aws_region=names.REGION,
        base_url=UPSTREAM,
        max_retries=0,
        timeout=PATIENCE_S,
    )
    exhaust(client.messages.create(model=model, stream=streams, **QUESTION), streams)


def by_boto3(model, streams, session):
    client = boto3.client(
        "bedrock-runtime",
        region_name=names.REGION,
        endpoint_url=UPSTREAM,
        aws_access_key_id=names.AWS_ID,
        aws_secret_access_key=names.AWS_SECRET,
        aws_session_token=session,
        config=Config(retries={"total_max_attempts": 1}, read_timeout=PATIENCE_S),
    )
    call = client.invoke_model_with_response_stream if streams else client.invoke_model
    body = json.dumps({"anthropic_version": "bedrock-2023-05-31", **QUESTION})
    reply = call(modelId=model, body=body, contentType="application/json")
    events = list(reply["body"]) if streams else [reply["body"].read()]
    assert events


def by_the_gateway(model, streams, session):
    address = GATEWAYS["session" if session else "plain"]
    client = anthropic.Anthropic(api_key=names.KEY, base_url=address, max_retries=0, timeout=PATIENCE_S)
    alias = f"bedrock-{names.BEDROCK_MODELS.index(model)}"
    exhaust(client.messages.create(model=alias, stream=streams, **QUESTION), streams)


def exhaust(answer, streams):
    """Reads an answer to its end."""
    text = (
        "".join(event.delta.text for event in answer if event.type == "content_block_delta")
        if streams
        else answer.content[0].text
    )
    assert text == names.HELLO, text


def check(send, model, streams, session):
    """One request: its signature holds, and no longer does once anything about it or the keys is another."""
    before = len(seen())
    send(model, streams, session)
    (entry,) = seen()[before:]
    request = sigv4.Request(entry["method"], entry["path"], entry["headers"], base64.b64decode(entry["body"]))
    keys = sigv4.Keys(names.AWS_ID, names.AWS_SECRET, session)
    assert request.header("x-amz-security-token") == session, request.headers
    sigv4.verify(request, keys, names.REGION)
    for change, changed in sigv4.altered(request):
        assert changed != request, f"{change}: there was nothing to change"
        assert refused(changed, keys), f"with {change} it is accepted still"
    for other in (
        sigv4.Keys(names.AWS_ID, "another/secret", session),
        sigv4.Keys("AKIDSOMEBODY", names.AWS_SECRET, session),
        sigv4.Keys(names.AWS_ID, names.AWS_SECRET, "another/session"),
    ):
        assert refused(request, other), f"with the keys {other} it is accepted still"
    assert refused(request, keys, "eu-central-1"), "in another region it is accepted still"


def refused(request, keys, region=names.REGION):
    try:
        sigv4.verify(request, keys, region)
    except sigv4.Refused:
        return True
    return False


def seen():
    with urllib.request.urlopen(f"{UPSTREAM}/__seen", timeout=PATIENCE_S) as reply:
        return json.load(reply)


def main():
    senders = {"boto3": by_boto3, "the SDK": by_the_sdk}
    if GATEWAYS:
        senders["the gateway"] = by_the_gateway
    for who, send in senders.items():
        for model in names.BEDROCK_MODELS:
            for streams in (False, True):
                for session in (None, names.AWS_SESSION):
                    name = f"{who} signs {model}" + " streaming" * streams + " with a session" * bool(session)
                    settings = (send, model, streams, session)
                    tests.append((name, lambda settings=settings: check(*settings)))
    return run()


if __name__ == "__main__":
    sys.exit(main())
