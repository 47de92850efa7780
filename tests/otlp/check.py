"""What reaches a collector of one briefing and of a failed one, over gRPC and over HTTP."""

import concurrent.futures
import contextlib
import hashlib
import json
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "parts"))
import grpc  # noqa: E402
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc  # noqa: E402
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc  # noqa: E402
from parts import WAIT_S, Gateway, Quiet, message, serving  # noqa: E402

KEY = "belay_test_key_of_the_traces"
HEADER = "Bearer key-of-the-collector"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
SCHEMA = "https://opentelemetry.io/schemas/1.42.0"

# None of these may be in anything that is exported.
RECORD = {
    "attributes": {"type": "Opportunity"},
    "Id": "0065f00000QwErTAAV",
    "Name": "Zanzibar renewal",
    "Amount": 424242,
    "StageName": "Quarrelling",
    "NextStep": "Write to zoe@canary.example",
}
ANSWER = {
    "headline": "Wombat headline",
    "deal_context": "Wombat context",
    "risk_factors": [],
    "talking_points": ["Wombat point"],
    "next_steps": [],
}
CANARIES = ("Zanzibar", "424242", "Quarrelling", "zoe@canary", "0065f00000QwErT", "Wombat", "Kookaburra", KEY)


class Collector:
    """Takes what is exported, over gRPC and over HTTP, and keeps it with its headers."""

    def __init__(self):
        self.spans = queue.Queue()
        self.metrics = queue.Queue()
        self.raw = []
        self.headers = []

    def take(self, kind, message, raw, headers):
        self.raw.append(raw)
        self.headers.append({name.lower(): value for name, value in headers})
        if kind == "traces":
            for resource in message.resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        self.spans.put((resource.resource, scope, span))
        else:
            for resource in message.resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        self.metrics.put(metric)

    @contextlib.contextmanager
    def over_grpc(self):
        collector = self

        class Traces(trace_service_pb2_grpc.TraceServiceServicer):
            def Export(self, request, context):
                collector.take("traces", request, request.SerializeToString(), context.invocation_metadata())
                return trace_service_pb2.ExportTraceServiceResponse()

        class Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
            def Export(self, request, context):
                collector.take("metrics", request, request.SerializeToString(), context.invocation_metadata())
                return metrics_service_pb2.ExportMetricsServiceResponse()

        server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Traces(), server)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(Metrics(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.stop(None)

    @contextlib.contextmanager
    def over_http(self):
        collector = self
        kinds = {
            "/v1/traces": ("traces", trace_service_pb2.ExportTraceServiceRequest),
            "/v1/metrics": ("metrics", metrics_service_pb2.ExportMetricsServiceRequest),
        }

        class Handler(Quiet):
            def do_POST(self):
                body = self.body()
                known = kinds.get(self.path)
                if known and self.headers["content-type"] == "application/x-protobuf":
                    kind, message = known
                    collector.take(kind, message.FromString(body), body, self.headers.items())
                self.answer(200 if known else 404, b"", "application/x-protobuf")

        with serving(Handler) as address:
            yield address


class Provider(Quiet):
    """Answers as Claude does, or is overloaded; notes the traces that it is told of."""

    seen = []
    overloaded = False

    def do_POST(self):
        self.body()
        self.seen.append((self.headers["traceparent"], self.headers["tracestate"]))
        if self.overloaded:
            error = {"type": "error", "error": {"type": "overloaded_error", "message": "Kookaburra"}}
            self.answer(529, error)
            return
        usage = {"input_tokens": 800, "output_tokens": 90, "cache_read_input_tokens": 200, "cache_creation_input_tokens": 0}
        self.answer(200, message(json.dumps(ANSWER), **usage))


@contextlib.contextmanager
def gateway(binary, provider, telemetry, every_ms=100):
    """The gateway in front of `provider`, which exports so often: its addresses, its log and its process."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "belay.toml"
        config.write_text(f"""
[server]
bind = "127.0.0.1:0"
admin_bind = "127.0.0.1:0"
drain_delay_s = 0
[[orgs]]
id = "00D5f000000XyZaEAK"
name = "acme"
[[orgs.credentials]]
kind = "api_key"
id = "flow"
sha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}"
scopes = ["tasks"]
[[providers]]
name = "claude"
kind = "anthropic"
api_key = "env:UPSTREAM_KEY"
base_url = "{provider}"
[models.default]
targets = [{{ provider = "claude", model = "claude-sonnet-5-5" }}]
[telemetry]
{telemetry}
""")
        environment = {
            "UPSTREAM_KEY": "key-of-the-stand-in",
            "COLLECTOR_KEY": HEADER,
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
            "OTEL_BSP_SCHEDULE_DELAY": str(every_ms),
            "OTEL_METRIC_EXPORT_INTERVAL": str(every_ms),
        }
        with Gateway(binary, config, environment) as started:
            yield started.address, started.admin, started.log, started.process


def call(address, path, headers=(), body=None):
    """The status, the headers and the body of an answer."""
    request = urllib.request.Request(address + path, data=body and json.dumps(body).encode(), headers=dict(headers))
    request.add_header("content-type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S) as reply:
            return reply.status, reply.headers, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def brief(address, name, **headers):
    headers = {"X-API-Key": KEY, **{key.replace("_", "-"): value for key, value in headers.items()}}
    return call(address, "/briefing", headers.items(), {"record": {**RECORD, "Name": f"Zanzibar {name}"}})


def value_of(value):
    kind = value.WhichOneof("value")
    found = getattr(value, kind)
    return [value_of(one) for one in found.values] if kind == "array_value" else found


def attributes(list_of):
    return {one.key: value_of(one.value) for one in list_of}


def spans_of(collector, trace, count):
    """The spans of a trace, waited for until there are so many."""
    found, until = [], time.monotonic() + WAIT_S
    while len(found) < count:
        resource, scope, span = collector.spans.get(timeout=max(0.1, until - time.monotonic()))
        if span.trace_id.hex() == trace:
            found.append((resource, scope, span))
    return found


def metrics_of(collector, names):
    """The newest of each of these, waited for."""
    found, until = {}, time.monotonic() + WAIT_S
    while set(names) - set(found):
        metric = collector.metrics.get(timeout=max(0.1, until - time.monotonic()))
        found[metric.name] = metric
    return found


def same(what, found, wanted):
    assert found == wanted, f"{what}: {found!r}, not {wanted!r}"


def one_briefing(collector, address, admin, log):
    """A call in a caller's trace: its span, the provider's below it, and the same ids everywhere."""
    Provider.seen.clear()
    status, _, text = brief(
        address, "one", traceparent=f"00-{TRACE}-{PARENT}-01", tracestate="vendor=Kookaburra", x_request_id="call-1"
    )
    same("the briefing", status, 200)
    answer = json.loads(text)
    spans = spans_of(collector, TRACE, 2)
    by_kind = {span.kind: (resource, scope, span) for resource, scope, span in spans}
    resource, scope, server = by_kind[2]
    _, _, client = by_kind[3]

    about = attributes(resource.attributes)
    same("the service", about["service.name"], "belay")
    same("the operator's own attribute", about["deployment.environment.name"], "test")
    assert about["service.instance.id"] and about["service.version"], about
    same("the version of the conventions", scope.schema_url, SCHEMA)

    same("the name of the call's span", server.name, "POST briefing")
    same("the parent of the call's span", server.parent_span_id.hex(), PARENT)
    same(
        "what the call's span says",
        attributes(server.attributes),
        {
            "http.request.method": "POST",
            "http.response.status_code": 200,
            "url.path": "/briefing",
            "url.scheme": "http",
            "belay.org": "acme",
            "belay.task": "briefing",
            "belay.outcome": "ok",
            "belay.request_id": "call-1",
            "belay.cache_status": "belay; fwd=miss; stored",
        },
    )
    same("the name of the attempt's span", client.name, "chat claude-sonnet-5-5")
    same("the parent of the attempt's span", client.parent_span_id, server.span_id)
    said = attributes(client.attributes)
    cost = said.pop("belay.cost_usd")
    assert abs(cost - answer["usage"]["cost_usd"]) < 1e-9 and cost > 0, cost
    room = said.pop("gen_ai.request.max_tokens")
    assert room >= 1_500, room
    same(
        "what the attempt's span says",
        said,
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-sonnet-5-5",
            "gen_ai.request.stream": False,
            "gen_ai.response.id": "msg_of_the_stand_in",
            "gen_ai.response.model": "claude-sonnet-5-5-20260901",
            "gen_ai.response.finish_reasons": ["end_turn"],
            "gen_ai.usage.input_tokens": 1_000,
            "gen_ai.usage.output_tokens": 90,
            "gen_ai.usage.cache_read.input_tokens": 200,
            "gen_ai.usage.cache_creation.input_tokens": 0,
            "belay.org": "acme",
            "belay.provider": "claude",
            "belay.attempt": 1,
        },
    )
    inside = server.start_time_unix_nano <= client.start_time_unix_nano <= client.end_time_unix_nano
    assert inside and client.end_time_unix_nano <= server.end_time_unix_nano, "the attempt lies within the call"

    same("what the provider is told", Provider.seen, [(f"00-{TRACE}-{client.span_id.hex()}-01", None)])
    line = next(json.loads(line) for line in log if '"call-1"' in line and '"message":"call"' in line)
    same("the trace in the log", line["trace_id"], TRACE)
    page = call(admin, "/metrics", {"accept": "application/openmetrics-text"}.items())[2]
    assert f'# {{trace_id="{TRACE}"}}' in page, "the trace is an example of a time"
    plain = call(admin, "/metrics")[2]
    assert TRACE not in plain, "a page that cannot have examples has none"
    # The same again is from the cache, and nobody is asked.
    status, headers, _ = brief(address, "one", traceparent=f"00-{TRACE[::-1]}-{PARENT}-01")
    same("the second briefing", (status, headers["cache-status"].split(";")[1].strip()), (200, "hit"))
    (_, _, hit), *more = spans_of(collector, TRACE[::-1], 1)
    assert attributes(hit.attributes)["belay.cache_status"].startswith("belay; hit"), hit
    same("attempts for a hit", (len(more), len(Provider.seen)), (0, 1))


def a_failed_briefing(collector, address):
    """A provider that is overloaded: each attempt is a span, and says what was wrong with it."""
    Provider.seen.clear()
    Provider.overloaded = True
    trace = TRACE.replace("4b", "5c")
    try:
        status, _, _ = brief(address, "two", traceparent=f"00-{trace}-{PARENT}-01", prefer="wait=20")
        same("the failed briefing", status, 503)
    finally:
        Provider.overloaded = False
    spans = [span for _, _, span in spans_of(collector, trace, 1 + len(Provider.seen))]
    (server,) = [span for span in spans if span.kind == 2]
    attempts = [span for span in spans if span.kind == 3]
    assert len(attempts) > 1, "an overloaded provider is asked again"
    same("the failed call", attributes(server.attributes)["error.type"], "overloaded")
    same("its status", server.status.code, 2)
    nths = sorted(attributes(span.attributes)["belay.attempt"] for span in attempts)
    same("the attempts", nths, list(range(1, len(attempts) + 1)))
    for span in attempts:
        same("the status of an attempt", span.status.code, 2)
        assert attributes(span.attributes)["error.type"], span
        same("its parent", span.parent_span_id, server.span_id)


def what_is_not_sampled(collector, address):
    """A caller who does not keep a trace has none kept here, and the provider is told so."""
    Provider.seen.clear()
    trace = TRACE.replace("4b", "6d")
    status, _, _ = brief(address, "three", traceparent=f"00-{trace}-{PARENT}-00")
    same("the briefing outside of a kept trace", status, 200)
    (told, _), = Provider.seen
    assert told.startswith(f"00-{trace}-") and told.endswith("-00"), told
    # A trace that is broken or made up as no trace can be begins anew.
    status, _, _ = brief(address, "four", traceparent="00-00000000000000000000000000000000-0000000000000000-01")
    same("the briefing in a broken trace", status, 200)
    anew = Provider.seen[-1][0].split("-")[1]
    assert anew.strip("0") and anew != trace, anew
    spans_of(collector, anew, 2)
    left = [span.trace_id.hex() for _, _, span in list(collector.spans.queue)]
    assert trace not in left, "it was not to be kept"


def the_metrics(collector):
    """What a collector is told without a scrape."""
    names = ("gen_ai.client.token.usage", "gen_ai.client.operation.duration", "http.server.request.duration")
    found = metrics_of(collector, names)
    tokens, seconds, requests = (found[name] for name in names)
    same("their units", [tokens.unit, seconds.unit, requests.unit], ["{token}", "s", "s"])
    kinds = {attributes(point.attributes)["gen_ai.token.type"] for point in tokens.histogram.data_points}
    same("kinds of tokens", kinds, {"input", "output"})
    for point in seconds.histogram.data_points:
        labels = attributes(point.attributes)
        same("whom the time is of", labels["gen_ai.provider.name"], "anthropic")
    tasks = {attributes(point.attributes)["belay.task"] for point in requests.histogram.data_points}
    assert "briefing" in tasks, tasks


def no_content(collector):
    """Neither a record nor an answer nor a key is in anything that was sent."""
    assert collector.raw, "something was sent"
    for raw in collector.raw:
        for canary in CANARIES:
            assert canary.encode() not in raw, canary
    assert all(headers.get("authorization") == HEADER for headers in collector.headers), "the collector's key"


def over(protocol, binary, provider):
    collector = Collector()
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(collector.over_grpc() if protocol == "grpc" else collector.over_http())
        telemetry = (
            f'otlp = "{address}"\notlp_protocol = "{protocol}"\notlp_headers = {{ authorization = "env:COLLECTOR_KEY" }}'
        )
        address, admin, log, _ = stack.enter_context(gateway(binary, provider, telemetry))
        one_briefing(collector, address, admin, log)
        a_failed_briefing(collector, address)
        what_is_not_sampled(collector, address)
        the_metrics(collector)
        no_content(collector)


def the_end_of_the_process(binary, provider):
    """What was not sent yet is sent before the process ends."""
    collector = Collector()
    trace = TRACE.replace("4b", "7e")
    with collector.over_grpc() as address:
        slow = f'otlp = "{address}"'
        with gateway(binary, provider, slow, every_ms=3_600_000) as (address, _, log, process):
            status, _, _ = brief(address, "five", traceparent=f"00-{trace}-{PARENT}-01")
            same("the briefing", status, 200)
            same("sent before the end", collector.spans.qsize(), 0)
            process.send_signal(signal.SIGTERM)
            same("the exit code", process.wait(WAIT_S), 0)
        spans_of(collector, trace, 2)


def without_a_collector(binary, provider):
    """A collector that is not there costs no call, is told of in the log, and holds up no end."""
    with socket.socket() as bound, socket.socket() as deaf:
        bound.bind(("127.0.0.1", 0))
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(64)
        # Nobody listens at the first; at the second somebody does, and never says a word.
        for protocol, where in (("grpc", bound), ("http", bound), ("grpc", deaf), ("http", deaf)):
            nobody = f"http://127.0.0.1:{where.getsockname()[1]}"
            lines = f'otlp = "{nobody}"\notlp_protocol = "{protocol}"'
            with gateway(binary, provider, lines) as (address, _, log, process):
                for nth in range(5):
                    status, _, _ = brief(address, f"{protocol} {where is deaf} {nth}")
                    same("a briefing", status, 200)
                until = time.monotonic() + WAIT_S
                while not any('"ERROR"' in line or '"WARN"' in line for line in log):
                    assert time.monotonic() < until, "the log says that exports fail"
                    time.sleep(0.05)
                began = time.monotonic()
                process.send_signal(signal.SIGTERM)
                process.wait(WAIT_S)
                assert time.monotonic() - began < 8, "the end waits for no collector"


def main():
    binary = sys.argv[1]
    failed = 0
    with serving(Provider) as provider:
        for name, check in {
            "a collector over gRPC": lambda: over("grpc", binary, provider),
            "a collector over HTTP": lambda: over("http", binary, provider),
            "the end of the process": lambda: the_end_of_the_process(binary, provider),
            "no collector": lambda: without_a_collector(binary, provider),
        }.items():
            try:
                check()
                print(f"ok     {name}", flush=True)
            except (AssertionError, queue.Empty, KeyError, OSError, ValueError, subprocess.TimeoutExpired) as error:
                failed += 1
                print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)
    return 1 if failed else 0


sys.exit(main())
