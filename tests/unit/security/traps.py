"""Servers of a hostile tenant, and traps that nobody may ever step into."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

LOOPBACK = "127.0.0.1"


@dataclass(slots=True)
class Heard:
    """A listening place and what was said to it, one entry a connection."""

    port: int = 0
    said: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def answering(*answers: bytes, keep: bool = False) -> AsyncIterator[Heard]:
    """A server that gives these bytes to each request, and goes on to listen if it is to `keep`
    its connections."""
    heard = Heard()
    going: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        going.add(writer)
        heard.said.append(b"")
        try:
            while True:
                heard.said[-1] += await reader.readuntil(b"\r\n\r\n")
                for answer in answers:
                    writer.write(answer)
                await writer.drain()
                if not keep:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, LOOPBACK, 0)
    heard.port = server.sockets[0].getsockname()[1]
    try:
        yield heard
    finally:
        server.close()
        for writer in going:
            writer.close()


def head(status: int, *lines: str, body: bytes = b"", reason: str = "Any") -> bytes:
    """An answer with these header lines, of the right length."""
    said = [f"HTTP/1.1 {status} {reason}", f"Content-Length: {len(body)}", *lines]
    return ("\r\n".join(said) + "\r\n\r\n").encode() + body
