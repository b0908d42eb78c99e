"""The HTTP transport: one request to a server, one answer; the edge where checks touch a network.

Every request has a connection of its own, as a kubelet's probe has, so that a full accept queue
or a dead listener is seen. Nothing here judges: an answer says how the exchange ended, and the
step that asked reads it.
"""

import asyncio
import errno
import re
import socket
import struct
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, cast

import httptools

from inferencehealth import __version__
from inferencehealth.checks.steps import Answer, Outcome, Peer, Request

MAX_HEAD: Final = 16 * 1024
"""Bytes of status lines and headers that are read at most, interim responses included."""

LINGER: Final = 1.0
"""Seconds a server has to close after its answer, before we reset the connection.

A server that closes first keeps TIME_WAIT on its side; a thousand checks a second would
otherwise hold 60,000 sockets on ours (kubernetes/kubernetes#115143, where a kubelet waits 1 s).
"""

_FRAMING: Final = 8
"""Wire bytes per byte of body: a chunk of one byte costs six, and leaves room for trailers."""

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_OURS: Final = frozenset(
    {
        "host",
        "user-agent",
        "accept-encoding",
        "connection",
        "content-length",
        "transfer-encoding",
        "expect",
        "upgrade",
    }
)
_METHOD = re.compile(r"[A-Z]+\Z")
_PATH = re.compile(r"/[!-~]*\Z")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_VALUE = re.compile(r"[ -~]*\Z")

_CONNECT_OUTCOMES: Final = {
    errno.ECONNREFUSED: Outcome.REFUSED,
    errno.ECONNRESET: Outcome.RESET,
    errno.ECONNABORTED: Outcome.RESET,
    errno.ETIMEDOUT: Outcome.CONNECT_TIMEOUT,
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request's bytes around the place where the host goes."""

    before_host: bytes
    after_host: bytes


@lru_cache(maxsize=4096)
def prepare(request: Request) -> Prepared:
    """The bytes of a request.

    Raises ValueError for a request that could say something else on the wire than it says here:
    line breaks, blanks or other unprintable characters in the path or a header, a header that
    frames the message, or a method whose answer is framed differently.
    """
    if not _METHOD.match(request.method) or request.method in {"HEAD", "CONNECT"}:
        raise ValueError(f"{request.method!r} is no method that a check can use")
    if not _PATH.match(request.path):
        raise ValueError(f'{request.path!r} is no path: printable ASCII that starts with "/"')
    for name, value in request.headers:
        if not _NAME.match(name) or not _VALUE.match(value):
            raise ValueError(f"header {name!r} has unprintable characters")
        if name.lower() in _OURS:
            raise ValueError(f"header {name!r} is written by the check itself")
    lines = [
        f"User-Agent: inferencehealth/{__version__}",
        "Accept-Encoding: identity",
        "Connection: close",
        *(f"{name}: {value}" for name, value in request.headers),
    ]
    if request.body or request.method != "GET":
        lines.append(f"Content-Length: {len(request.body)}")
    return Prepared(
        before_host=f"{request.method} {request.path} HTTP/1.1\r\nHost: ".encode("ascii"),
        after_host=("\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode("ascii") + request.body,
    )


async def ask(peer: Peer, port: int, request: Request, *, timeout: float) -> Answer:  # noqa: ASYNC109
    """What the server at an IP address answers within `timeout` seconds, connecting included.

    Redirects are answers like any other, proxies do not exist, and a name is never resolved: an
    address that is no IP address is UNREACHABLE. Raises ValueError only for a request that
    `prepare` refuses; whatever the network does becomes an outcome.
    """
    prepared = prepare(request)
    started, address = time.monotonic(), peer.address
    ipv6 = ":" in address
    try:
        socket.inet_pton(socket.AF_INET6 if ipv6 else socket.AF_INET, address)
    except (OSError, ValueError):
        return Answer(Outcome.UNREACHABLE)
    host = f"[{address}]:{port}" if ipv6 else f"{address}:{port}"
    message = prepared.before_host + host.encode("ascii") + prepared.after_host
    loop = asyncio.get_running_loop()
    exchange = _Exchange(message, request.max_body, loop)
    try:
        async with asyncio.timeout(timeout):
            await loop.create_connection(lambda: exchange, address, port)
            outcome = await exchange.ended
    except TimeoutError:
        outcome = Outcome.NO_ANSWER if exchange.connected else Outcome.CONNECT_TIMEOUT
    except OSError as error:
        outcome = _CONNECT_OUTCOMES.get(error.errno or 0, Outcome.UNREACHABLE)
    finally:
        exchange.leave()
    seconds = time.monotonic() - started
    if outcome is Outcome.ANSWERED:
        return Answer(outcome, exchange.status, exchange.body, seconds)
    return Answer(outcome, seconds=seconds)


class _Exchange(asyncio.Protocol):
    """One connection: writes the request, parses the answer, then waits for the server to close.

    `ended` resolves once, as soon as the outcome is known; the connection may outlive it by
    LINGER seconds.
    """

    __slots__ = (
        "_left_body",
        "_left_head",
        "_left_wire",
        "_lingering",
        "_loop",
        "_message",
        "_parser",
        "_parts",
        "_transport",
        "connected",
        "ended",
        "in_body",
        "sized",
        "status",
    )

    def __init__(self, message: bytes, max_body: int, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._message = message
        self._parser = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self._left_head = MAX_HEAD
        self._left_body = max_body
        self._left_wire = 2 * MAX_HEAD + _FRAMING * max_body
        self._transport: asyncio.Transport | None = None
        self._lingering: asyncio.TimerHandle | None = None
        self.ended: asyncio.Future[Outcome] = loop.create_future()
        self.connected = False
        self.in_body = False
        self.sized = False
        self.status = 0

    @property
    def body(self) -> bytes:
        return b"".join(self._parts)

    def leave(self) -> None:
        """Lets go of the connection: waits for the server to close it if it answered in full."""
        if self._transport is None:
            return
        if self.ended.done() and not self.ended.cancelled() and self.status:
            self._lingering = self._loop.call_later(LINGER, self._reset)
        else:
            self._reset()

    def _end(self, outcome: Outcome) -> None:
        if self.ended.done():
            return
        self.ended.set_result(outcome)
        if outcome is not Outcome.ANSWERED:
            self.status = 0
            self._reset()

    def _reset(self) -> None:
        if self._transport is None:
            return
        peer = self._transport.get_extra_info("socket")
        if peer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self.connected = True
        self._transport.write(self._message)

    def data_received(self, data: bytes) -> None:
        if self.ended.done():
            # More than one whole answer: nobody reads on.
            self._reset()
            return
        self._left_wire -= len(data)
        if self._left_wire < 0:
            self._end(Outcome.TOO_LARGE)
        try:
            while data and not self.ended.done():
                if self._left_head <= 0 and not self.in_body:
                    self._end(Outcome.TOO_LARGE)
                    break
                part = data if self.in_body else data[: self._left_head]
                self._parser.feed_data(part)
                self._left_head -= len(part)
                data = data[len(part) :]
        except httptools.HttpParserError:
            self._end(Outcome.MALFORMED)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            whole = exc is None and self.in_body and not self.sized
            self._end(Outcome.ANSWERED if whole else Outcome.RESET)
        if self._lingering is not None:
            self._lingering.cancel()
        self._transport = None
        # The parser holds this object by its callbacks; without the cut only the collector of
        # reference cycles would free the two, a thousand times a second.
        del self._parser

    # httptools callbacks

    def on_header(self, name: bytes, _value: bytes) -> None:
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self.sized = True

    def on_headers_complete(self) -> None:
        if self.ended.done():
            return
        self.status = self._parser.get_status_code()
        self.in_body = self.status >= 200
        if self.status < 100 or self.status == 101:
            # Impossible, or a change of protocol that nobody asked for.
            self._end(Outcome.MALFORMED)

    def on_body(self, body: bytes) -> None:
        self._left_body -= len(body)
        if self._left_body < 0:
            self._end(Outcome.TOO_LARGE)
        elif not self.ended.done():
            self._parts.append(body)

    def on_message_complete(self) -> None:
        if self.in_body:
            self._end(Outcome.ANSWERED)
        else:
            # An interim response: the answer is still to come.
            self.sized = False
            self.status = 0
