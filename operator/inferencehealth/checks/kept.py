"""Connections that stay open from one check of a server to the next, where the policy wants that.

One per server at most, for a bounded time, and never more than a part of the sockets we may have:
a pod that went away without a word is forgotten after MAX_IDLE.
"""

import asyncio
import resource
import threading
from collections.abc import Callable, Hashable
from typing import Any, Final, Generic, Literal, Protocol, TypeVar

MAX_IDLE: Final = 90.0
"""Seconds: longer than most intervals between two checks, and no worse than a server's own."""
SHARE: Final = 4
"""Idle connections of each kind take at most one in so many of the sockets the process may have."""


class Idle(Protocol):
    """A connection that can be kept. `on_lost` is called once when it ends by itself."""

    on_lost: Callable[[], None] | None

    @property
    def usable(self) -> bool:
        """Whether another request can follow the last one."""

    def reset(self) -> None:
        """Ends it at once."""


_NONE: Final = (0.0, None)

S = TypeVar("S", bound=Hashable)
C = TypeVar("C", bound=Idle)


class Kept(Generic[S, C]):
    """The idle connections of one event loop, oldest first, by all they were opened with."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int) -> None:
        self.loop = loop
        self._limit = limit
        self._idle: dict[S, tuple[float, C]] = {}
        self._alarm: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._idle)

    def take(self, server: S) -> C | None:
        """The connection to the server, not kept any more; None where there is none to use."""
        _, connection = self._idle.pop(server, _NONE)
        if connection is None:
            return None
        connection.on_lost = None
        if connection.usable:
            return connection
        connection.reset()
        return None

    def keep(self, server: S, connection: C) -> None:
        """Keeps a usable connection for the next check; one that is kept already goes."""
        self._close(server)
        if len(self._idle) >= self._limit:
            self._close(next(iter(self._idle)))
        self._idle[server] = self.loop.time() + MAX_IDLE, connection
        connection.on_lost = lambda: self._forget(server, connection)
        if self._alarm is None:
            self._alarm = self.loop.call_at(self.loop.time() + MAX_IDLE, self._sweep)

    def close(self) -> None:
        """Closes all of them."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        for server in tuple(self._idle):
            self._close(server)

    def _close(self, server: S) -> None:
        _, connection = self._idle.pop(server, _NONE)
        if connection is not None:
            connection.on_lost = None
            connection.reset()

    def _forget(self, server: S, connection: C) -> None:
        if self._idle.get(server, _NONE)[1] is connection:
            del self._idle[server]

    def _sweep(self) -> None:
        self._alarm, now = None, self.loop.time()
        for server, (until, _) in tuple(self._idle.items()):
            if until > now:
                self._alarm = self.loop.call_at(until, self._sweep)
                return
            self._close(server)


_of_thread = threading.local()  # a thread runs one loop at a time


def kept_by(loop: asyncio.AbstractEventLoop, kind: Literal["http", "grpc"]) -> Kept[Any, Any]:
    """The idle connections of the thread's running loop; there are none in a new one."""
    found: Kept[Any, Any] | None = getattr(_of_thread, kind, None)
    if found is None or found.loop is not loop:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        found = Kept(loop, max(1, soft // SHARE))
        setattr(_of_thread, kind, found)
    return found
