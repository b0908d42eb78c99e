"""Plain HTTP over a new connection, on sockets of our own that one epoll watches: the quick way.

`http` takes it for what most checks are. It does what `connection` does on asyncio's transports,
for two thirds of the CPU time: no transport, no names asked of the kernel, no second wake-up when
the connection stands, no further read to learn that the server has closed. Linux only.
"""

import asyncio
import errno
import select
import socket
import threading
import time
from collections import deque
from typing import Final

from inferencehealth.checks.connecting import CONNECT_TIMEOUT, not_connected
from inferencehealth.checks.connection import LINGER, RESET_ON_CLOSE
from inferencehealth.checks.response import Response
from inferencehealth.checks.steps import Answer, Outcome

SUPPORTED: Final = hasattr(select, "epoll")

CHUNK: Final = 16 * 1024
"""Bytes that are received at once: a health answer, and no large buffer for each."""
BATCH: Final = 512
"""Events that are taken at once; the loop's other work gets its turn between two batches."""

_UNDER_WAY: Final = frozenset({0, errno.EINPROGRESS})
_ANYTHING: Final = (
    (select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET) if SUPPORTED else 0
)
_FAILED: Final = (select.EPOLLERR | select.EPOLLHUP) if SUPPORTED else 0
_TO_READ: Final = (select.EPOLLIN | select.EPOLLRDHUP | _FAILED) if SUPPORTED else 0
_CLOSED: Final = select.EPOLLRDHUP if SUPPORTED else 0


async def exchange(
    address: str,
    port: int,
    *,
    message: bytes,
    max_body: int,
    timeout: float,  # noqa: ASYNC109
) -> Answer:
    """What the server at an IP address answers to the message, and then how long it took."""
    loop, started = asyncio.get_running_loop(), time.monotonic()
    one = _Exchange(_poller_of(loop), message, max_body, loop.create_future())
    one.connect(address, port, timeout)
    try:
        outcome = await one.ended
    finally:
        one.leave()
    seconds, response = time.monotonic() - started, one.response
    if outcome is Outcome.ANSWERED:
        return response.answer(seconds)
    return response.cut(outcome, seconds)


class _Poller:
    """Watches the sockets of one loop's exchanges."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._epoll = select.epoll()
        self._watched: dict[int, _Exchange] = {}
        self._lingering: deque[tuple[float, _Exchange]] = deque()
        self._sweeping = False
        loop.add_reader(self._epoll.fileno(), self._look)

    def watch(self, number: int, one: "_Exchange") -> None:
        """Tell the exchange what happens to its socket."""
        self._watched[number] = one
        self._epoll.register(number, _ANYTHING)

    def forget(self, number: int) -> None:
        """The socket is about to be closed, which also ends its watch in the kernel."""
        self._watched.pop(number, None)

    def linger(self, one: "_Exchange") -> None:
        """Reset the connection in LINGER seconds unless it is closed by then."""
        self._lingering.append((self.loop.time() + LINGER, one))
        if not self._sweeping:
            self._sweeping = True
            self.loop.call_later(LINGER, self._sweep)

    def _look(self) -> None:
        watched = self._watched
        for number, events in self._epoll.poll(0, BATCH):
            one = watched.get(number)
            if one is not None:
                one.happened(events)

    def _sweep(self) -> None:
        lingering, now = self._lingering, self.loop.time()
        while lingering and lingering[0][0] <= now:
            lingering.popleft()[1].reset()
        self._sweeping = bool(lingering)
        if lingering:
            self.loop.call_later(max(0.0, lingering[0][0] - now), self._sweep)


class _Exchange:
    """One connection: its request, its answer, and then the wait for the server to close.

    `ended` resolves once, as soon as the outcome is known.
    """

    __slots__ = ("_alarm", "_connected", "_message", "_poller", "_sock", "ended", "response")

    def __init__(
        self, poller: _Poller, message: bytes, max_body: int, ended: "asyncio.Future[Outcome]"
    ) -> None:
        self._poller = poller
        self._message = message
        self._sock: socket.socket | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._connected = False
        self.ended = ended
        self.response = Response(max_body)

    def connect(self, address: str, port: int, timeout: float) -> None:
        """Begins; what fails at once is an outcome as well."""
        first = min(timeout, CONNECT_TIMEOUT)
        self._alarm = self._poller.loop.call_later(first, self._expire, timeout - first)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            self._sock = sock = socket.socket(family, socket.SOCK_STREAM)
            sock.setblocking(False)
            number = sock.connect_ex((address, port))
            if number not in _UNDER_WAY:
                self._end(not_connected(number))
                return
            self._poller.watch(sock.fileno(), self)
        except OSError as error:
            self._end(not_connected(error.errno))

    def happened(self, events: int) -> None:
        """Something happened to the socket, once for each change (EPOLLET)."""
        sock = self._sock
        if sock is None:
            return
        if self.ended.done():
            # It closes, as we wait for, or sends more than one whole answer.
            self._close() if events & _CLOSED else self.reset()
            return
        if not self._connected:
            number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if events & _FAILED else 0
            if number:
                self._end(not_connected(number))
                return
            self._connected = True
        if self._message:
            self._send(sock)
        if events & _TO_READ:
            self._receive(sock, closed=bool(events & _CLOSED))

    def leave(self) -> None:
        """Lets go: waits for the server to close if it answered in full, else resets."""
        if self._alarm is not None:
            self._alarm.cancel()
        if self._sock is None:
            return
        if self.ended.cancelled() or not self.ended.done():
            self.reset()
        else:
            self._poller.linger(self)

    def reset(self) -> None:
        """Ends the connection at once, without leaving a trace on either side."""
        if self._sock is not None:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            self._close()

    def _expire(self, left: float) -> None:
        """Time is up: for the connection if there is none yet, else once more `left` seconds on."""
        if not self._connected:
            self._end(Outcome.CONNECT_TIMEOUT)
        elif left > 0:
            self._alarm = self._poller.loop.call_later(left, self._expire, 0.0)
        else:
            self._end(Outcome.UNFINISHED if self.response.begun else Outcome.NO_ANSWER)

    def _send(self, sock: socket.socket) -> None:
        try:
            self._message = self._message[sock.send(self._message) :]
        except BlockingIOError:
            return
        except OSError:
            self._message = b""  # reading tells why, and what the server said before

    def _receive(self, sock: socket.socket, *, closed: bool) -> None:
        """Reads until there is no more; `closed`: the server has sent its last byte."""
        while True:
            try:
                data = sock.recv(CHUNK)
            except BlockingIOError:
                return
            except OSError:
                self._lost(clean=False)
                return
            outcome = self.response.feed(data) if data else None
            if outcome is not None:
                self._end(outcome)
            drained = len(data) < CHUNK
            if not data or (closed and drained):
                self._lost(clean=True)
            if drained or outcome is not None:
                return

    def _lost(self, *, clean: bool) -> None:
        if not self.ended.done():
            self._end(self.response.end(clean=clean))
        self._close()

    def _end(self, outcome: Outcome) -> None:
        if self.ended.done():
            return
        self.ended.set_result(outcome)
        if outcome is not Outcome.ANSWERED:
            self.reset()

    def _close(self) -> None:
        if self._sock is not None:
            self._poller.forget(self._sock.fileno())
            self._sock.close()
            self._sock = None


_of_thread = threading.local()  # a thread runs one loop at a time


def _poller_of(loop: asyncio.AbstractEventLoop) -> _Poller:
    found: _Poller | None = getattr(_of_thread, "poller", None)
    if found is None or found.loop is not loop:
        found = _of_thread.poller = _Poller(loop)
    return found
