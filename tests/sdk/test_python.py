"""The official Python SDK, either generation, unpatched against the gateway.

`tests/sdk/run python` runs it, once in each environment. It is told by environment variables where the gateway and
the stand-in behind it are; BELAY_DIRECT means that the SDK speaks to the stand-in itself, which proves the tests.
"""

import asyncio
import base64
import json
import os
import sys
import urllib.request

import anthropic

import names
import runner

GATEWAY = os.environ["BELAY_URL"]
UPSTREAM = os.environ["UPSTREAM_URL"]
DIRECT = bool(os.environ.get("BELAY_DIRECT"))
BATCHES = bool(os.environ.get("BELAY_BATCHES"))  # these alone, and the rest without them
KEY = names.UPSTREAM_KEY if DIRECT else names.KEY
PATIENCE_S = 25
VERSION = "2023-06-01" if anthropic.__version__.startswith("1.") else "2026-10-21"
WEATHER_TOOL = {
    "name": "weather",
    "description": "The weather in a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def through_the_gateway(function):
    """A test of what only the gateway does."""
    return function if DIRECT else test(function)


def test(function):
    return function if BATCHES else runner.test(function)


def test_of_batches(function):
    """A test of what only an org may do that may use batches."""
    return runner.test(function) if BATCHES else function


def client(key=KEY, retries=0, kind=anthropic.Anthropic):
    return kind(api_key=key, base_url=GATEWAY, max_retries=retries, timeout=PATIENCE_S)


def ask(text, model="default", **more):
    return {"model": model, "max_tokens": 300, "messages": [{"role": "user", "content": text}], **more}


def seen():
    """What the stand-in was sent so far, with what it answered."""
    with urllib.request.urlopen(f"{UPSTREAM}/__seen", timeout=PATIENCE_S) as reply:
        return json.load(reply)


def sent():
    """The last question that the stand-in was asked."""
    return [entry for entry in seen() if entry["path"].split("?")[0] == "/v1/messages"][-1]


def go():
    urllib.request.urlopen(urllib.request.Request(f"{UPSTREAM}/__go", method="POST"), timeout=PATIENCE_S).close()


def bytes_of(entry, member):
    return base64.b64decode(entry[member])


def headers_of(entry):
    return dict(entry["headers"])


def raised(kind, call):
    """The error of this kind that `call` raises."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def refused(kind, status, word, call):
    """The error that a refusal becomes: its class, its status, Claude's word for it, and ids that agree."""
    error = raised(kind, call)
    assert error.status_code == status, error.status_code
    assert error.body["type"] == "error", error.body
    assert error.body["error"]["type"] == word, error.body
    assert error.request_id and error.request_id == error.body["request_id"], (error.request_id, error.body)
    return error


# What is answered


@test
def a_text_comes_back():
    message = client().messages.create(**ask("Hello there"))
    assert message.content[0].text == names.HELLO, message
    assert message.stop_reason == "end_turn", message
    assert message.usage.output_tokens == 12, message
    assert message._request_id, "the header request-id is missing"
    if not DIRECT:
        assert message.model == names.ALIASES["default"], message.model


@test
def a_reply_is_the_upstreams_to_the_byte():
    raw = client().messages.with_raw_response.create(**ask("Hello there, byte for byte"))
    assert raw.http_response.read() == bytes_of(sent(), "reply")
    assert raw.headers["content-type"].startswith("application/json"), raw.headers


@test
def a_stream_comes_back_event_by_event():
    with client().messages.stream(**ask("Hello there")) as stream:
        events = [event.type for event in stream]
        message = stream.get_final_message()
    assert message.content[0].text == names.HELLO, message
    assert message.stop_reason == "end_turn", message
    assert message.usage.input_tokens == 21 and message.usage.output_tokens == 12, message.usage
    wire = [event for event in events if event in WIRE]  # the SDK adds some of its own
    assert wire == WIRE, wire


WIRE = [
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
]


@test
def a_raw_stream_has_the_same_events():
    stream = client().messages.create(**ask("Hello there"), stream=True)
    assert [event.type for event in stream] == WIRE


@test
def a_stream_is_the_upstreams_to_the_byte():
    with client().messages.with_streaming_response.create(**ask("Hello, stream"), stream=True) as raw:
        body = b"".join(raw.iter_bytes())
        assert raw.headers["content-type"].startswith("text/event-stream"), raw.headers
    assert body == bytes_of(sent(), "reply")


@test
def an_event_comes_as_soon_as_the_upstream_sent_it():
    # The stand-in sends the rest when it is told to, which is after the first words were read here.
    with client().messages.stream(**ask("Hello, wait for me")) as stream:
        words = stream.text_stream
        first = next(words)
        go()
        assert first + "".join(words) == names.HELLO


@test
def the_asynchronous_client_streams_as_well():
    async def main():
        async with client(kind=anthropic.AsyncAnthropic) as asynchronous:
            async with asynchronous.messages.stream(**ask("Hello there")) as stream:
                return await stream.get_final_text()

    assert asyncio.run(asyncio.wait_for(main(), PATIENCE_S)) == names.HELLO


@test
def a_tool_loop_closes():
    assert converse(client(), "What is the weather?", answer=create) == names.WEATHER


@test
def a_tool_loop_closes_over_streams():
    assert converse(client(), "What is the weather?", answer=stream) == names.WEATHER


@test
def a_thought_goes_back_with_its_signature():
    assert converse(client(), "Thinking aloud, what is the weather?", answer=create) == names.WEATHER


@test
def a_streamed_thought_goes_back_with_its_signature():
    assert converse(client(), "Thinking aloud, what is the weather?", answer=stream) == names.WEATHER


def create(client, request):
    return client.messages.create(**request)


def stream(client, request):
    with client.messages.stream(**request) as events:
        return events.get_final_message()


def converse(client, text, answer):
    """Asks, does what the tool is asked for, and gives the last words. Thoughts go back unchanged, or it is refused."""
    request = ask(text, tools=[WEATHER_TOOL])
    first = answer(client, request)
    assert first.stop_reason == "tool_use", first
    if "aloud" in text:
        thought = first.content[0]
        assert (thought.thinking, thought.signature) == (names.THOUGHT, names.SIGNATURE), thought
    use = first.content[-1]
    assert (use.name, use.input) == ("weather", {"city": "Berlin"}), use
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "21 °C"}
    request["messages"] += [
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [result]},
    ]
    return answer(client, request).content[-1].text


@test
def tokens_are_counted():
    count = client().messages.count_tokens(model="default", messages=ask("one two three")["messages"])
    assert count.input_tokens == 10, count


@test
def a_beta_reaches_the_upstream_as_it_was_asked_for():
    betas = ["context-management-2025-06-27", "output-300k-2026-03-24"]
    message = client().beta.messages.create(**ask("Hello there"), betas=betas)
    assert message.content[0].text == names.HELLO, message
    headers = headers_of(sent())
    assert [beta.strip() for beta in headers["anthropic-beta"].split(",")] == betas, headers
    assert headers["anthropic-version"] == VERSION, headers


@test
def the_version_reaches_the_upstream_as_the_client_speaks_it():
    client().messages.create(**ask("Hello there"))
    assert headers_of(sent())["anthropic-version"] == VERSION


# Models


@test
def the_models_are_listed():
    page = client().models.list()
    found = {model.id: model for model in page}  # follows further pages, if there are any
    assert set(names.ALIASES) <= set(found), found
    assert found["default"].type == "model", found["default"]
    assert found["default"].display_name and found["default"].created_at.tzinfo, found["default"]


@test
def a_model_is_told_by_its_name():
    model = client().models.retrieve("default")
    assert (model.id, model.type) == ("default", "model"), model


@test
def an_unknown_model_is_not_found():
    refused(anthropic.NotFoundError, 404, "not_found_error", lambda: client().models.retrieve("nothing-like-it"))


# Batches


@test_of_batches
def a_batch_goes_from_its_creation_to_its_results():
    batches = client().messages.batches
    made = batches.create(
        requests=[
            {"custom_id": "one", "params": ask("Hello there")},
            {"custom_id": "two", "params": ask("Thinking aloud")},
            {"custom_id": "three", "params": ask("overload")},
        ]
    )
    assert made.processing_status == "in_progress" and made.results_url is None, made
    ended = batches.retrieve(made.id)
    assert ended.processing_status == "ended", ended
    # Both SDKs send their key to whatever host this names.
    assert ended.results_url == f"{GATEWAY}/v1/messages/batches/{made.id}/results", ended.results_url
    results = {entry.custom_id: entry.result for entry in batches.results(made.id)}
    assert set(results) == {"one", "two", "three"}, results
    assert results["one"].message.content[0].text == names.HELLO, results["one"]
    assert results["two"].message.content[0].signature == names.SIGNATURE, results["two"]
    assert results["three"].type == "errored", results["three"]
    if not DIRECT:
        assert results["one"].message.model == names.ALIASES["default"], results["one"].message.model


@test_of_batches
def batches_are_cancelled_and_deleted_and_no_list_of_them_is_kept():
    batches = client().messages.batches
    made = batches.create(requests=[{"custom_id": "one", "params": ask("Hello there")}])
    if not DIRECT:
        refused(anthropic.NotFoundError, 404, "not_found_error", lambda: batches.list())
    assert batches.cancel(made.id).processing_status == "canceling"
    assert batches.delete(made.id).type == "message_batch_deleted"
    refused(anthropic.NotFoundError, 404, "not_found_error", lambda: batches.retrieve(made.id))


@test_of_batches
def no_reply_about_a_batch_names_the_upstream():
    if DIRECT:
        return
    batches = client().messages.batches
    made = batches.create(requests=[{"custom_id": "one", "params": ask("Hello there")}])
    batches.retrieve(made.id)  # which ends it, so that the address of its results is told
    raw = batches.with_raw_response.retrieve(made.id)
    text = raw.http_response.read().decode() + str(raw.headers)
    assert UPSTREAM.removeprefix("http://") not in text, text
    assert names.UPSTREAM_KEY not in text, text


# Refusals


@test
def a_rate_limit_is_told_with_the_time_to_wait():
    error = refused(
        anthropic.RateLimitError,
        429,
        "rate_limit_error",
        lambda: client().messages.create(**ask("limit me", "limited")),
    )
    assert 0 < int(error.response.headers["retry-after"]) <= names.RETRY_AFTER_S, error.response.headers


@test
def a_rate_limit_is_told_before_a_stream_begins():
    refused(
        anthropic.RateLimitError,
        429,
        "rate_limit_error",
        lambda: client().messages.create(**ask("limit me", "limited"), stream=True),
    )


@test
def an_overload_is_told_as_claude_tells_it():
    error = refused(
        anthropic._exceptions.OverloadedError,
        529,
        "overloaded_error",
        lambda: client().messages.create(**ask("overload", "overloaded")),
    )
    if not DIRECT:
        assert error.response.headers["x-should-retry"] == "false", error.response.headers


@through_the_gateway
def the_sdks_retries_do_not_multiply_the_gateways():
    before = len(seen())
    raised(anthropic.APIStatusError, lambda: client(retries=2).messages.create(**ask("overload", "swamped")))
    asked = len(seen()) - before
    assert 1 <= asked <= 3, f"{asked} times: the gateway said that it had given up, and was asked again"


@test
def a_rejected_request_is_told_in_the_upstreams_words():
    error = refused(
        anthropic.BadRequestError,
        400,
        "invalid_request_error",
        lambda: client().messages.create(**ask("reject me")),
    )
    assert "we do not like this one" in error.body["error"]["message"], error.body


@test
def a_wrong_key_is_an_authentication_error():
    refused(
        anthropic.AuthenticationError,
        401,
        "authentication_error",
        lambda: client(names.WRONG_KEY).messages.create(**ask("Hello there")),
    )


@through_the_gateway
def a_key_without_the_scope_is_a_permission_error():
    refused(
        anthropic.PermissionDeniedError,
        403,
        "permission_error",
        lambda: client(names.TASKS_KEY).messages.create(**ask("Hello there")),
    )


@test
def a_question_to_an_unknown_model_is_not_found():
    before = len(seen())
    refused(
        anthropic.NotFoundError,
        404,
        "not_found_error",
        lambda: client().messages.create(**ask("Hello there", "nothing-like-it")),
    )
    if not DIRECT:
        assert len(seen()) == before, "the upstream was asked for a model that the gateway does not have"


# Streams that fail


@test
def an_error_inside_a_stream_is_raised():
    error = raised(
        anthropic.APIError,
        lambda: list(client().messages.create(**ask("fail midway", "cut"), stream=True)),
    )
    assert error.body["error"]["type"] == "overloaded_error", error.body


@through_the_gateway
def a_stream_that_breaks_off_is_an_error():
    cut_short("break off")


@through_the_gateway
def a_stream_that_ends_without_its_last_event_is_an_error():
    # Alone the SDK takes such a stream for a whole answer; so the gateway has to say it.
    cut_short("end early")


def cut_short(text):
    events = []

    def read():
        for event in client().messages.create(**ask(text, "cut"), stream=True):
            events.append(event.type)

    error = raised(anthropic.APIError, read)
    assert error.body["type"] == "error", error.body
    assert "content_block_delta" in events, events  # what had come before came through


# And throughout


def the_upstream_never_saw_a_callers_key():
    requests = seen()
    assert requests
    for entry in requests:
        told = str(entry["headers"]) + entry["path"] + bytes_of(entry, "body").decode()
        for key in (names.KEY, names.TASKS_KEY, names.WRONG_KEY):
            assert key not in told, told
        assert entry["status"] != 401, "the upstream was asked with another key than ours"


if not DIRECT:
    runner.test(the_upstream_never_saw_a_callers_key)

if __name__ == "__main__":
    print(f"Python SDK {anthropic.__version__}, which speaks {VERSION}")
    sys.exit(runner.run())
