"""A road between a client and the API server that can be closed, cut and made silent."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from yarl import URL


class Relay:
    """Carries bytes both ways; `passable` holds them back while it is not set."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._roads: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.passable = asyncio.Event()
        self.passable.set()

    async def open(self) -> None:
        """Accept connections, on the same port every time."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Refuse new connections and break those there are."""
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self) -> None:
        """Break all connections."""
        for road in list(self._roads):
            road.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_connection(self._host, self._port)
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._roads.add(writer)
        try:
            while chunk := await reader.read(65536):
                await self.passable.wait()
                writer.write(chunk)
                await writer.drain()
        except OSError:
            pass
        finally:
            self._roads.discard(writer)
            writer.close()


@asynccontextmanager
async def relay_to(server: str) -> AsyncIterator[Relay]:
    """A relay to the server of that URL."""
    url = URL(server)
    assert url.host is not None
    assert url.port is not None
    relay = Relay(url.host, url.port)
    await relay.open()
    try:
        yield relay
    finally:
        relay.passable.set()
        await relay.close()
