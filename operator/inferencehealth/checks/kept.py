"""Connections that stay open from one check of a server to the next, where the policy wants that.

One per server at most, for a bounded time, and never more than a part of the sockets we may have:
a pod that went away without a word is forgotten after MAX_IDLE.
"""

import asyncio
import resource
import threading
from typing import Final

from inferencehealth.checks.connection import Connection
from inferencehealth.checks.steps import Trust

MAX_IDLE: Final = 90.0
"""Seconds: longer than most intervals between two checks, and no worse than a server's own."""
SHARE: Final = 2
"""Idle connections take at most one in this many of the sockets that the process may have."""

Server = tuple[str, int, Trust | None]
"""Address, port and how it is trusted: a connection serves only who would have opened the same."""


class Kept:
    """The idle connections of one event loop, oldest first."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int) -> None:
        self.loop = loop
        self._limit = limit
        self._idle: dict[Server, tuple[float, Connection]] = {}
        self._alarm: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._idle)

    def take(self, server: Server) -> Connection | None:
        """The connection to the server, not kept any more; None where there is none to use."""
        _, connection = self._idle.pop(server, (0.0, None))
        if connection is None:
            return None
        connection.on_lost = None
        if connection.usable:
            return connection
        connection.reset()
        return None

    def keep(self, server: Server, connection: Connection) -> None:
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

    def _close(self, server: Server) -> None:
        _, connection = self._idle.pop(server, (0.0, None))
        if connection is not None:
            connection.on_lost = None
            connection.reset()

    def _forget(self, server: Server, connection: Connection) -> None:
        if self._idle.get(server, (0.0, None))[1] is connection:
            del self._idle[server]

    def _sweep(self) -> None:
        self._alarm, now = None, self.loop.time()
        for server, (until, _) in tuple(self._idle.items()):
            if until > now:
                self._alarm = self.loop.call_at(until, self._sweep)
                return
            self._close(server)


_of_thread = threading.local()  # a thread runs one loop at a time


def kept_by(loop: asyncio.AbstractEventLoop) -> Kept:
    """The idle connections of the thread's running loop; there are none in a new one."""
    found: Kept | None = getattr(_of_thread, "kept", None)
    if found is None or found.loop is not loop:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        found = _of_thread.kept = Kept(loop, max(1, soft // SHARE))
    return found
