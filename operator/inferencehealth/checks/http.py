"""The HTTP transport: one request to a server, one answer; the edge where checks touch a network.

Every request has a connection of its own, as a kubelet's probe has, so that a full accept queue
or a dead listener is seen; where the policy says so, one connection is kept from check to check.
Nothing here judges: an answer says how the exchange ended, and the step that asked reads it.
"""

import asyncio
import re
import socket
import ssl
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from inferencehealth import __version__
from inferencehealth.checks import sockets
from inferencehealth.checks.connecting import CONNECT_TIMEOUT, not_connected
from inferencehealth.checks.connection import Connection
from inferencehealth.checks.kept import Kept, kept_by
from inferencehealth.checks.steps import Answer, Outcome, Peer, Request, Trust
from inferencehealth.checks.tls import what_failed

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

_REMEMBERED: Final = 16 * 1024
"""Bytes of a body whose request is made once: an audio clip is sent seldom, and would be kept."""

Server = tuple[str, int, Trust | None]
"""Address, port and how it is trusted: a connection serves only who would have opened the same."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request's bytes around the place where the host goes, for either kind of connection."""

    before_host: bytes
    closing: bytes
    keeping: bytes


def prepare(request: Request) -> Prepared:
    """The bytes of a request; remembered, unless they are many.

    Raises ValueError for a request that could say something else on the wire than it says here:
    line breaks, blanks or other unprintable characters in the path or a header, a header that
    frames the message, or a method whose answer is framed differently.
    """
    return _prepared(request) if len(request.body) <= _REMEMBERED else _prepare(request)


def _prepare(request: Request) -> Prepared:
    if not _METHOD.match(request.method) or request.method in {"HEAD", "CONNECT"}:
        raise ValueError(f"{request.method!r} is no method that a check can use")
    if not _PATH.match(request.path):
        raise ValueError(f'{request.path!r} is no path: printable ASCII that starts with "/"')
    for name, value in request.headers:
        if not _NAME.match(name) or not _VALUE.match(value):
            raise ValueError(f"header {name!r} has unprintable characters")
        if name.lower() in _OURS:
            raise ValueError(f"header {name!r} is written by the check itself")
    return Prepared(
        before_host=f"{request.method} {request.path} HTTP/1.1\r\nHost: ".encode("ascii"),
        closing=_after_host(request, "close"),
        keeping=_after_host(request, "keep-alive"),
    )


_prepared = lru_cache(maxsize=4096)(_prepare)


def _after_host(request: Request, connection: str) -> bytes:
    lines = [
        f"User-Agent: inferencehealth/{__version__}",
        "Accept-Encoding: identity",
        f"Connection: {connection}",
        *(f"{name}: {value}" for name, value in request.headers),
    ]
    if request.body or request.method != "GET":
        lines.append(f"Content-Length: {len(request.body)}")
    return ("\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode("ascii") + request.body


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
    host = (peer.host or (f"[{address}]:{port}" if ipv6 else f"{address}:{port}")).encode("ascii")
    loop = asyncio.get_running_loop()
    # What is not safe to send twice never goes over a connection that may be dead already.
    if not peer.keep_alive or request.method != "GET":
        message = prepared.before_host + host + prepared.closing
        if sockets.SUPPORTED and peer.trust is None:
            return await sockets.exchange(
                address, port, message=message, max_body=request.max_body, timeout=timeout
            )
        fresh = _connection(loop, peer, message, request.max_body)
        return await _exchange(fresh, peer, port, timeout=timeout)
    message = prepared.before_host + host + prepared.keeping
    kept = kept_connections()
    idle = kept.take((address, port, peer.trust))
    if idle is not None:
        idle.begin(message=message, max_body=request.max_body)
        answer = await _exchange(idle, peer, port, timeout=timeout, kept=kept)
        if answer.outcome is not Outcome.RESET or idle.response.begun:
            return answer
        # It was dead before we asked: that says nothing about the server.
        timeout -= time.monotonic() - started
    fresh = _connection(loop, peer, message, request.max_body)
    return await _exchange(fresh, peer, port, timeout=timeout, kept=kept)


def kept_connections() -> Kept[Server, Connection]:
    """The idle connections of the running loop."""
    return kept_by(asyncio.get_running_loop(), "http")


def _connection(
    loop: asyncio.AbstractEventLoop, peer: Peer, message: bytes, max_body: int
) -> Connection:
    return Connection(loop, message=message, max_body=max_body, secured=peer.trust is not None)


async def _exchange(
    connection: Connection,
    peer: Peer,
    port: int,
    *,
    timeout: float,  # noqa: ASYNC109
    kept: Kept[Server, Connection] | None = None,
) -> Answer:
    """One exchange over the connection, which is made if it is new, and kept if that is wanted."""
    loop, started, why = asyncio.get_running_loop(), time.monotonic(), ""
    alarm = _Alarm(loop, connection, timeout)
    try:
        if not connection.connected:
            await loop.create_connection(lambda: connection, peer.address, port)
            if peer.trust is not None:
                await _secure(loop, connection, peer.trust, peer.address)
        outcome = await connection.ended
        why = connection.why
    except asyncio.CancelledError:
        if not alarm.rang_alone():
            raise
        outcome = _unfinished(connection)
    except ssl.SSLError as error:
        outcome, why = Outcome.TLS, what_failed(error)
    except OSError as error:
        outcome = _broken(connection, error)
    finally:
        alarm.stop()
        if kept is not None and connection.usable:
            kept.keep((peer.address, port, peer.trust), connection)
        else:
            connection.leave()
    seconds, response = time.monotonic() - started, connection.response
    if outcome is Outcome.ANSWERED:
        return response.answer(seconds)
    return response.cut(outcome, seconds, why)


async def _secure(
    loop: asyncio.AbstractEventLoop, connection: Connection, trust: Trust, address: str
) -> None:
    """TLS over the connection, then the request; raises ssl.SSLError and OSError."""
    if connection.raw is None:
        return  # lost already: its outcome is known
    name = trust.name or (address if trust.verified else "")
    transport = await loop.start_tls(
        connection.raw, connection, trust.context, server_hostname=name
    )
    if transport is not None:
        connection.send(transport)


def _unfinished(connection: Connection) -> Outcome:
    """What an exchange came to whose time is up."""
    if connection.ended.done() and not connection.ended.cancelled():
        return connection.ended.result()
    if not connection.connected:
        return Outcome.CONNECT_TIMEOUT
    return Outcome.UNFINISHED if connection.response.begun else Outcome.NO_ANSWER


def _broken(connection: Connection, error: OSError) -> Outcome:
    """What an exchange came to whose connection failed."""
    if connection.connected:
        return Outcome.RESET  # in the handshake of TLS; asyncio gives no errno then
    return not_connected(error.errno)


class _Alarm:
    """Ends the wait of the current task, first for a connection, then for the whole answer.

    As asyncio.timeout() does by cancelling the task, but with one timer for both bounds.
    """

    __slots__ = ("_connection", "_left", "_loop", "_rung", "_task", "_timer")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, connection: Connection, timeout: float
    ) -> None:
        self._loop = loop
        self._connection = connection
        self._task = asyncio.current_task(loop)
        self._rung = False
        first = timeout if connection.connected else min(timeout, CONNECT_TIMEOUT)
        self._left = timeout - first
        self._timer = loop.call_later(first, self._ring)

    def stop(self) -> None:
        """Does not ring any more."""
        self._timer.cancel()

    def rang_alone(self) -> bool:
        """Whether the task was cancelled by this alarm and nobody else; takes that back."""
        return self._rung and self._task is not None and self._task.uncancel() <= 0

    def _ring(self) -> None:
        if self._left > 0 and self._connection.connected:
            self._timer = self._loop.call_later(self._left, self._ring)
            self._left = 0.0
        elif self._task is not None:
            self._rung = True
            self._task.cancel()
