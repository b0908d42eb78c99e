"""vLLM's surface over an engine that can be made to block: `python -m … HTTP_PORT CONTROL_PORT`.

As in vLLM, /health is answered by a thread that the engine's work holds up, and inference waits
for the engine; unlike there, /metrics has a thread of its own, so that a test may tell what the
counters say from how fast they are told. `PUT /MODE` on the control port changes the mode:

idle    everything answers at once
busy    1,500 requests inside; tokens flow; /health is held up for BLOCK_SECONDS at a time
stuck   the same, but no token flows any more and /health waits for ever
frozen  the engine stands still with nothing inside: only inference waits for ever
loaded  1,500 requests inside, tokens flow, and /health answers at once, as in vLLM 0.20
jammed  the same, but no token flows any more: only inference waits for ever
"""

import hashlib
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BLOCK_SECONDS = float(os.environ.get("BLOCK_SECONDS", "30"))
MODES = ("idle", "busy", "stuck", "frozen", "loaded", "jammed")
WORKING = {"idle", "busy", "loaded"}
INSIDE = {"busy", "stuck", "loaded", "jammed"}
RUNNING, WAITING = 128, 1372
"""What a vLLM 0.20 showed with 1,500 clients at once."""
_TOKEN_SECONDS = 0.01
_BREATH_SECONDS = 0.05


class Engine:
    """Computes tokens in a thread of its own while there is work and nothing blocks it."""

    def __init__(self) -> None:
        self.mode = "idle"
        self.tokens = 0
        self.loop = threading.Lock()  # held while the engine's work keeps others from running
        self._change = threading.Condition()
        threading.Thread(target=self._compute, daemon=True).start()
        threading.Thread(target=self._block, daemon=True).start()

    def change(self, mode: str) -> None:
        """Work, or fail to, in another way from now on."""
        with self._change:
            self.mode = mode
            self._change.notify_all()

    def infer(self) -> None:
        """One token for one request; waits as long as the engine does not work."""
        with self._change:
            self._change.wait_for(lambda: self.mode in WORKING)
        self.tokens += 1

    def _compute(self) -> None:
        text = b"a" * 10_000
        while True:
            with self._change:
                self._change.wait_for(lambda: self.mode in {"busy", "loaded"})
            text = hashlib.sha256(text).digest() * 300
            self.tokens += 1
            time.sleep(_TOKEN_SECONDS)

    def _block(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self.mode in {"busy", "stuck"})
            with self.loop, self._change:
                stuck = self.mode == "stuck"
                self._change.wait_for(
                    lambda: self.mode not in {"busy", "stuck"},
                    timeout=None if stuck else BLOCK_SECONDS,
                )
            time.sleep(_BREATH_SECONDS)


ENGINE = Engine()


class Api(BaseHTTPRequestHandler):
    """The paths that vLLM answers."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Health, which waits for the engine's work, and what needs not."""
        if self.path == "/health":
            with ENGINE.loop:
                self._answer(200, b"")
        elif self.path == "/metrics":
            self._answer(200, _metrics())
        elif self.path == "/v1/models":
            self._answer(200, json.dumps({"data": [{"id": "tiny"}]}).encode())
        else:
            self._answer(404, b"{}")

    def do_POST(self) -> None:
        """An inference, whatever its body."""
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        ENGINE.infer()
        self._answer(200, json.dumps({"choices": [{"text": "a"}]}).encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: a busy server would fill its log."""

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Control(Api):
    """Changes the mode."""

    def do_PUT(self) -> None:
        """The new mode."""
        mode = self.path.strip("/")
        known = mode in MODES
        if known:
            ENGINE.change(mode)
        self._answer(200 if known else 404, b"")


def _metrics() -> bytes:
    inside = ENGINE.mode in INSIDE
    series = {
        "vllm:num_requests_running": RUNNING if inside else 0,
        "vllm:num_requests_waiting": WAITING if inside else 0,
        "vllm:generation_tokens_total": ENGINE.tokens,
    }
    return "".join(f'{name}{{engine="0"}} {value}\n' for name, value in series.items()).encode()


class Server(ThreadingHTTPServer):
    """Queues as many connections as uvicorn does before it lets one time out."""

    request_queue_size = 2048


def main() -> None:
    """Serve until killed."""
    http, control = (int(port) for port in sys.argv[1:3])
    served = Server(("127.0.0.1", control), Control)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    Server(("127.0.0.1", http), Api).serve_forever()


if __name__ == "__main__":
    main()
