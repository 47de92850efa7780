"""What checks written in Python have in common: small servers, and a gateway whose log says where it listens."""

import contextlib
import http.server
import json
import os
import queue
import random
import socket
import subprocess
import threading

WAIT_S = 40


class Quiet(http.server.BaseHTTPRequestHandler):
    """One that keeps connections, logs nothing, and answers whole."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        return self.rfile.read(int(self.headers["content-length"] or 0))

    def answer(self, status, body, media_type="application/json"):
        """`body` as bytes, or what becomes JSON."""
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@contextlib.contextmanager
def serving(handler):
    """A server on a free port: its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


def quiet_port():
    """A port below those that the system gives away, so that nobody takes it before its server does."""
    while True:
        port = random.randrange(10_000, 20_000)
        with contextlib.suppress(OSError), socket.socket() as free:
            free.bind(("127.0.0.1", port))
            return port


def message(text, **usage):
    """An answer of Claude that says `text`."""
    return {
        "id": "msg_of_the_stand_in",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5-20260901",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "usage": usage,
    }


class Gateway:
    """A gateway by the config at `path`: where it is, its log so far, and its process."""

    def __init__(self, binary, path, environment=(), life_s=200):
        self.process = subprocess.Popen(
            ["timeout", str(life_s), binary, "serve", "--config", path],
            env={"PATH": os.environ["PATH"], **dict(environment)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log, listening = [], queue.Queue()

        def read():
            for line in self.process.stderr:
                self.log.append(line)
                if '"listening"' in line:
                    listening.put(json.loads(line))
            listening.put(None)

        threading.Thread(target=read, daemon=True).start()
        told = listening.get(timeout=WAIT_S)
        assert told, "".join(self.log)
        self.address, self.admin = f"http://{told['addr']}", f"http://{told['admin_addr']}"

    def end(self):
        self.process.terminate()
        self.process.wait(WAIT_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
