"""A stand-in for Claude: its own API, and Bedrock, Vertex AI and Foundry as they wrap it.

    python upstream.py [--life SECONDS] [--direct]

It prints one line, `{"port": N}`, serves on that port of the loopback and ends by itself. What it says depends on the
last thing the user said (`reply_to`, `fault_of`). It is as strict as the originals where a gateway could go wrong: it
takes its own keys only, refuses a model that it does not have, wants thinking back unchanged, and verifies every
signature at Bedrock's door. With `--direct` it has the gateway's aliases as models, so that a test can be tried on it.

    GET  /__seen            every request so far, with what was answered
    GET  /__count           how many
    POST /__go              lets a stream go on that waits for it
    GET  /__service-account a service account of Google's whose tokens this stand-in gives out
"""

import argparse
import base64
import itertools
import json
import os
import re
import struct
import sys
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import names
import sigv4

# Longest wait for anything that a test has to do.
PATIENCE_S = 15


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(self, status, kind, message, headers=()):
        super().__init__(message)
        self.status, self.kind, self.message, self.headers = status, kind, message, list(headers)


def told(refusal):
    """A refusal in Claude's own shape."""
    return {
        "type": "error",
        "error": {"type": refusal.kind, "message": refusal.message},
        "request_id": "req_stand_in",
    }


# ---------------------------------------------------------------------------------------------------------------------
# What it says


def blocks_of(turn):
    content = turn["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def said(turn):
    return "\n".join(block.get("text", "") for block in blocks_of(turn) if block["type"] == "text")


def reply_to(body, model):
    """The message that answers `body`."""
    turns = body["messages"]
    asked = said(turns[0])
    thinks = "aloud" in asked
    if thinks:
        check_thoughts(turns)
    content = []
    stop = "end_turn"
    if thinks:
        content.append({"type": "thinking", "thinking": names.THOUGHT, "signature": names.SIGNATURE})
    if any(block["type"] == "tool_result" for block in blocks_of(turns[-1])):
        check_results(turns)
        content.append({"type": "text", "text": names.WEATHER})
    elif body.get("tools") and "weather" in asked:
        content.append({"type": "tool_use", "id": names.TOOL_ID, "name": "weather", "input": {"city": "Berlin"}})
        stop = "tool_use"
    else:
        content.append({"type": "text", "text": names.HELLO})
    return {
        "id": "msg_01StandIn",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 21,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 12,
            "service_tier": "standard",
        },
        "yet_unknown": {"since": 2027, "ratio": 1.50},
    }


def check_thoughts(turns):
    """Every earlier answer has to begin with our thought, unchanged, as Claude wants it while tools are used."""
    for turn in turns:
        if turn["role"] == "assistant":
            first = blocks_of(turn)[0]
            if (first.get("type"), first.get("thinking"), first.get("signature")) != (
                "thinking",
                names.THOUGHT,
                names.SIGNATURE,
            ):
                raise Refusal(400, "invalid_request_error", "thinking blocks cannot be modified")


def check_results(turns):
    for block in blocks_of(turns[-1]):
        if block["type"] == "tool_result" and "yet_unseen" not in block["tool_use_id"]:
            uses = [used.get("id") for used in blocks_of(turns[-2])]
            if block["tool_use_id"] not in uses:
                raise Refusal(400, "invalid_request_error", "unexpected tool_use_id")


def fault_of(body):
    """Raises what the user asks to fail with."""
    asked = said(body["messages"][-1])
    if "limit me" in asked:
        wait = [("retry-after", str(names.RETRY_AFTER_S)), ("anthropic-ratelimit-requests-remaining", "0")]
        raise Refusal(429, "rate_limit_error", "This request would exceed your rate limit.", wait)
    if "overload" in asked:
        raise Refusal(529, "overloaded_error", "Overloaded")
    if "reject me" in asked:
        raise Refusal(400, "invalid_request_error", "messages.0: we do not like this one")


def events_of(message):
    """The same message as the events of a stream."""
    start = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
    yield {"type": "message_start", "message": start}
    yield {"type": "ping"}
    for index, block in enumerate(message["content"]):
        kind = block["type"]
        empty = {
            "text": {"type": "text", "text": ""},
            "thinking": {"type": "thinking", "thinking": "", "signature": ""},
            "tool_use": {**block, "input": {}},
        }[kind]
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in deltas_of(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": message["stop_reason"], "stop_sequence": None},
        "usage": {"output_tokens": message["usage"]["output_tokens"]},
    }
    yield {"type": "message_stop"}


def deltas_of(block):
    if block["type"] == "text":
        for part in halves(block["text"]):
            yield {"type": "text_delta", "text": part}
    elif block["type"] == "thinking":
        for part in halves(block["thinking"]):
            yield {"type": "thinking_delta", "thinking": part}
        yield {"type": "signature_delta", "signature": block["signature"]}
    else:
        for part in halves(json.dumps(block["input"])):
            yield {"type": "input_json_delta", "partial_json": part}


def halves(text):
    middle = len(text) // 2
    return text[:middle], text[middle:]


def server_sent(event):
    # Half of it with characters as they are, half of it escaped: both are JSON, and neither may change on its way.
    escaped = event["type"] != "content_block_delta"
    comment = b": a comment, which nobody minds\n\n" if event["type"] == "ping" else b""
    data = json.dumps(event, ensure_ascii=escaped)
    return comment + f"event: {event['type']}\ndata: {data}\n\n".encode()


def framed(event):
    """An event in the framing of AWS: two lengths, a checksum, headers, the payload, a checksum."""
    if event["type"] == "message_stop":
        counts = {"inputTokenCount": 21, "outputTokenCount": 12, "invocationLatency": 9, "firstByteLatency": 3}
        event = {**event, "amazon-bedrock-invocationMetrics": counts}
    payload = {"bytes": base64.b64encode(json.dumps(event).encode()).decode(), "p": "abcdefgh"}
    return frame(
        {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"},
        json.dumps(payload).encode(),
    )


def frame(headers, payload):
    packed = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack("!II", 16 + len(packed) + len(payload), len(packed))
    head = prelude + struct.pack("!I", zlib.crc32(prelude)) + packed + payload
    return head + struct.pack("!I", zlib.crc32(head))


# ---------------------------------------------------------------------------------------------------------------------
# What it knows between calls


class Batches:
    """The batches so far. One is under way when it is made, and has ended when it is looked at."""

    def __init__(self):
        self.kept, self.lock, self.count = {}, threading.Lock(), itertools.count(1)

    def create(self, body, host):
        requests = body.get("requests")
        if not requests:
            raise Refusal(400, "invalid_request_error", "requests: at least one is needed")
        with self.lock:
            name = f"msgbatch_{next(self.count):02}StandIn"
            self.kept[name] = {"requests": requests, "status": "in_progress", "host": host}
            return self.shape(name)

    def get(self, name):
        if name not in self.kept:
            raise Refusal(404, "not_found_error", f"no batch {name}")
        return self.kept[name]

    def retrieve(self, name):
        batch = self.get(name)
        if batch["status"] == "in_progress":
            batch["status"] = "ended"
        return self.shape(name)

    def cancel(self, name):
        self.get(name)["status"] = "canceling"
        return self.shape(name)

    def delete(self, name):
        self.get(name)
        del self.kept[name]
        return {"id": name, "type": "message_batch_deleted"}

    def page(self):
        shapes = [self.shape(name) for name in reversed(self.kept)]
        ends = {"first_id": shapes[0]["id"], "last_id": shapes[-1]["id"]} if shapes else {}
        return {"data": shapes, "has_more": False, "first_id": None, "last_id": None, **ends}

    def results(self, name):
        lines = []
        for request in reversed(self.get(name)["requests"]):  # in any order, it is said
            try:
                fault_of(request["params"])
                message = reply_to(request["params"], request["params"]["model"])
                result = {"type": "succeeded", "message": message}
            except Refusal as refusal:
                result = {"type": "errored", "error": told(refusal)}
            lines.append(json.dumps({"custom_id": request["custom_id"], "result": result}) + "\n")
        return "".join(lines).encode()

    def shape(self, name):
        batch = self.kept[name]
        total, ended = len(batch["requests"]), batch["status"] == "ended"
        return {
            "id": name,
            "type": "message_batch",
            "processing_status": batch["status"],
            "request_counts": {
                "processing": 0 if ended else total,
                "succeeded": total if ended else 0,
                "errored": 0,
                "canceled": 0,
                "expired": 0,
            },
            "created_at": "2026-11-20T08:00:00Z",
            "expires_at": "2026-11-21T08:00:00Z",
            "ended_at": "2026-11-20T08:05:00Z" if ended else None,
            "cancel_initiated_at": "2026-11-20T08:01:00Z" if batch["status"] == "canceling" else None,
            "archived_at": None,
            "results_url": f"http://{batch['host']}/v1/messages/batches/{name}/results" if ended else None,
        }


class Google:
    """A service account, and the endpoint that gives tokens for what it signs."""

    def __init__(self):
        self.lock, self.key = threading.Lock(), None

    def account(self, host):
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        with self.lock:
            self.key = self.key or rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": names.PROJECT,
            "private_key_id": "stand-in",
            "private_key": pem.decode(),
            "client_email": names.SERVICE_ACCOUNT,
            "client_id": "100000000000000000001",
            "token_uri": f"http://{host}/token",
            "universe_domain": "googleapis.com",
        }

    def token(self, form, host):
        """A token for an assertion that Google's own library finds in order."""
        if form.get("grant_type") != ["urn:ietf:params:oauth:grant-type:jwt-bearer"]:
            raise Refusal(400, "unsupported_grant_type", str(form.get("grant_type")))
        # Google's library names the endpoint that it knows, wherever the account says that it is.
        self.check(form["assertion"][0], audience=[f"http://{host}/token", "https://oauth2.googleapis.com/token"])
        return {"access_token": names.VERTEX_TOKEN, "expires_in": 3599, "token_type": "Bearer"}

    def admit(self, authorization):
        """Takes a token that was given out here, or one that the account has signed for itself, as Google does."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme != "Bearer":
            raise Refusal(401, "authentication_error", "no token")
        if token != names.VERTEX_TOKEN:
            self.check(token, audience=None)

    def check(self, signed, audience):
        """Whether the account has signed this, for what it is good for."""
        from cryptography.hazmat.primitives import serialization
        from google.auth import jwt

        if not self.key:
            raise Refusal(401, "authentication_error", "there is no account")
        public = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        try:
            claims = jwt.decode(signed, certs=public, audience=audience)
        except ValueError as wrong:
            raise Refusal(401, "authentication_error", str(wrong)) from wrong
        if names.SERVICE_ACCOUNT not in (claims.get("iss"), claims.get("sub")):
            raise Refusal(401, "authentication_error", "it is somebody else's")
        if "https://www.googleapis.com/auth/cloud-platform" not in claims.get("scope", "").split():
            raise Refusal(403, "permission_error", "the scope is missing")
        # The library in Rust adds ten seconds at either end, against clocks that differ.
        if claims["exp"] - claims["iat"] > 3620:
            raise Refusal(401, "authentication_error", "it lives for more than an hour")


class World:
    """Everything that outlives one request."""

    def __init__(self, direct):
        self.direct = direct
        self.models = set(names.ALIASES.values()) | (set(names.ALIASES) if direct else set())
        self.batches, self.google = Batches(), Google()
        self.seen, self.lock = [], threading.Lock()
        self.go = threading.Event()


# ---------------------------------------------------------------------------------------------------------------------
# How it is spoken to


class Door(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.answer()

    def do_DELETE(self):
        self.answer()

    def log_message(self, *_):
        pass

    def answer(self):
        self.body = self.read_body()
        self.reply = b""
        self.status = None
        self.noted = False
        self.host = self.headers["host"]
        path = urlsplit(self.path).path
        if path.startswith("/__"):
            return self.tell(200, self.house(path))
        try:
            self.route(path)
        except Refusal as refusal:
            self.tell(refusal.status, told(refusal), refusal.headers)
        except sigv4.Refused as wrong:
            forbidden = {"message": f"The request signature we calculated does not match: {wrong}"}
            self.tell(403, forbidden, [("x-amzn-errortype", "InvalidSignatureException")])
        except (KeyError, TypeError, ValueError) as wrong:
            self.tell(400, told(Refusal(400, "invalid_request_error", f"{type(wrong).__name__}: {wrong}")))
        finally:
            self.note()
        return None

    def note(self):
        """Keeps the request, once; before the last byte goes out, so that whoever has that byte finds it."""
        if not self.noted:
            self.noted = True
            with self.world.lock:
                self.world.seen.append(self.record())

    def house(self, path):
        """What a test asks of the stand-in itself."""
        world = self.world
        if path == "/__seen":
            with world.lock:
                return list(world.seen)
        if path == "/__count":
            return len(world.seen)
        if path == "/__service-account":
            return world.google.account(self.host)
        if path == "/__go":
            world.go.set()
        return {}

    def record(self):
        return {
            "method": self.command,
            "path": self.path,
            "headers": [[name.lower(), value] for name, value in self.headers.items()],
            "body": base64.b64encode(self.body).decode(),
            "status": self.status,
            "reply": base64.b64encode(self.reply).decode(),
        }

    def route(self, path):
        """The platform whose path this is."""
        if found := re.fullmatch(r"/model/([^/]+)/(invoke|invoke-with-response-stream)", path):
            return self.bedrock(unquote(found[1]), streams=found[2] != "invoke")
        place = f"/v1/projects/{names.PROJECT}/locations/{names.VERTEX_REGION}/publishers/anthropic/models/"
        if path.startswith(place):
            model, _, verb = unquote(path.removeprefix(place)).rpartition(":")
            return self.vertex(model, verb)
        if path == "/token" and self.command == "POST":
            return self.tell(200, self.world.google.token(parse_qs(self.body.decode()), self.host))
        if path.startswith("/anthropic/"):
            return self.foundry(path.removeprefix("/anthropic"))
        return self.claude(path)

    def claude(self, path):
        keys = [self.headers.get("x-api-key"), (self.headers.get("authorization") or "").removeprefix("Bearer ")]
        if {key for key in keys if key} != {names.UPSTREAM_KEY}:
            raise Refusal(401, "authentication_error", "invalid x-api-key")
        return self.messages_api(path)

    def messages_api(self, path):
        world, batches, calls = self.world, self.world.batches, f"{self.command} {path}"
        if not self.headers.get("anthropic-version"):
            raise Refusal(400, "invalid_request_error", "anthropic-version: header is required")
        if calls == "POST /v1/messages":
            body = json.loads(self.body)
            return self.say(body, self.has(body["model"]), body.get("stream", False), server_sent)
        if calls == "POST /v1/messages/count_tokens":
            body = json.loads(self.body)
            self.has(body["model"])
            return self.tell(200, count(body))
        if calls == "GET /v1/models":
            return self.tell(200, model_page(world.models))
        if found := re.fullmatch(r"GET /v1/models/([^/]+)", calls):
            return self.tell(200, model_shape(self.has(unquote(found[1]))))
        if calls == "POST /v1/messages/batches":
            body = json.loads(self.body)
            for request in body.get("requests", []):
                self.has(request["params"]["model"])
            return self.tell(200, batches.create(body, self.host))
        if calls == "GET /v1/messages/batches":
            return self.tell(200, batches.page())
        if found := re.fullmatch(r"(GET|POST|DELETE) /v1/messages/batches/([^/]+)(/cancel|/results)?", calls):
            method, name, what = found.groups()
            if (method, what) == ("GET", "/results"):
                return self.send(200, "application/x-jsonl", batches.results(name))
            verb = {
                ("GET", None): batches.retrieve,
                ("DELETE", None): batches.delete,
                ("POST", "/cancel"): batches.cancel,
            }.get((method, what))
            if verb:
                return self.tell(200, verb(name))
        raise Refusal(404, "not_found_error", f"{calls}: there is no such thing")

    def bedrock(self, model, streams):
        session = self.headers.get("x-amz-security-token")
        if self.headers.get("authorization") != f"Bearer {names.BEDROCK_BEARER}":
            sigv4.verify(
                sigv4.Request(self.command, self.path, list(self.headers.items()), self.body),
                sigv4.Keys(names.AWS_ID, names.AWS_SECRET, session and names.AWS_SESSION),
                names.REGION,
            )
        body = json.loads(self.body)
        for member in ("model", "stream"):
            if member in body:
                raise Refusal(400, "ValidationException", f"{member}: Extra inputs are not permitted")
        body["anthropic_version"]
        return self.say(body, model, streams, framed if streams else None)

    def vertex(self, model, verb):
        self.world.google.admit(self.headers.get("authorization"))
        body = json.loads(self.body)
        body["anthropic_version"]
        if (model, verb) == ("count-tokens", "rawPredict"):
            body["model"]
            return self.tell(200, count(body))
        if "model" in body:
            raise Refusal(400, "invalid_request_error", "model: Extra inputs are not permitted")
        streams = body.get("stream", False)
        if verb != ("streamRawPredict" if streams else "rawPredict"):
            raise Refusal(400, "invalid_request_error", f"stream is {streams}, but the method is {verb}")
        return self.say(body, model, streams, server_sent)

    def foundry(self, path):
        keys = [self.headers.get(name) for name in ("x-api-key", "api-key")]
        bearer = self.headers.get("authorization")
        if {key for key in keys if key} != {names.FOUNDRY_KEY} or bearer not in (None, f"Bearer {names.FOUNDRY_KEY}"):
            raise Refusal(401, "authentication_error", "no key of ours")
        if path not in ("/v1/messages", "/v1/messages/count_tokens"):
            raise Refusal(404, "not_found_error", f"{path}: Foundry has no such thing")
        return self.messages_api(path)

    def has(self, model):
        if model not in self.world.models:
            raise Refusal(404, "not_found_error", f"model: {model}")
        return model

    def say(self, body, model, streams, written):
        fault_of(body)
        message = reply_to(body, model)
        if not streams:
            # Indented, so that a gateway which writes it again is found out.
            return self.send(200, "application/json", json.dumps(message, indent=1).encode())
        framing = "application/vnd.amazon.eventstream" if written is framed else "text/event-stream; charset=utf-8"
        self.begin(200, framing)
        self.stream(list(events_of(message)), written, said(body["messages"][-1]))

    def stream(self, events, written, asked):
        """Writes the events, as far as the user asks for nothing else."""
        first_words = next(at for at, event in enumerate(events) if event["type"] == "content_block_delta")
        for at, event in enumerate(events):
            if at == first_words + 1:
                if "wait for me" in asked and not self.world.go.wait(PATIENCE_S):
                    return self.hang_up()
                if "break off" in asked:
                    return self.hang_up()
                if "fail midway" in asked:
                    error = told(Refusal(200, "overloaded_error", "Overloaded, midway"))
                    self.chunk(f"event: error\ndata: {json.dumps(error)}\n\n".encode())
                    break
            if event["type"] == "message_delta" and "end early" in asked:
                break  # the body ends in good order, the message does not
            self.chunk(written(event))
        return self.end()

    def hang_up(self):
        """Ends the connection, but not the body."""
        self.close_connection = True

    # How it is written

    def tell(self, status, value, headers=()):
        self.send(status, "application/json", json.dumps(value).encode(), headers)

    def send(self, status, kind, content, headers=()):
        self.status, self.reply = status, content
        if not self.path.startswith("/__"):
            self.note()
        self.send_response(status)
        for name, value in [("content-type", kind), ("content-length", str(len(content))), *headers]:
            self.send_header(name, value)
        self.send_header("request-id", "req_stand_in")
        self.end_headers()
        self.wfile.write(content)

    def begin(self, status, kind):
        self.status = status
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("transfer-encoding", "chunked")
        self.send_header("request-id", "req_stand_in")
        self.end_headers()

    def chunk(self, content):
        self.reply += content
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")

    def end(self):
        self.note()
        self.wfile.write(b"0\r\n\r\n")

    def read_body(self):
        if (self.headers.get("transfer-encoding") or "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)


def count(body):
    return {"input_tokens": sum(len(said(turn).split()) for turn in body["messages"]) + 7}


def model_shape(name):
    return {"type": "model", "id": name, "display_name": name.title(), "created_at": "2026-10-21T00:00:00Z"}


def model_page(models):
    data = [model_shape(name) for name in sorted(models)]
    return {"data": data, "has_more": False, "first_id": data[0]["id"], "last_id": data[-1]["id"]}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--life", type=float, default=300, help="seconds until it ends by itself")
    options.add_argument("--direct", action="store_true", help="have the gateway's aliases as models")
    chosen = options.parse_args()

    class Here(Door):
        world = World(chosen.direct)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Here)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"port": server.server_address[1]}), flush=True)
    time.sleep(chosen.life)
    sys.stdout.flush()
    os._exit(3)


if __name__ == "__main__":
    main()
