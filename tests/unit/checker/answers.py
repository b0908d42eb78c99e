"""What a server may answer a canary with, written to its socket."""

import asyncio
from collections.abc import Awaitable, Callable

Write = Callable[[asyncio.StreamWriter], Awaitable[None]]


def answering(status: int, body: bytes, *headers: str) -> Write:
    lines = [f"HTTP/1.1 {status} Any", f"Content-Length: {len(body)}", *headers, "", ""]

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write("\r\n".join(lines).encode() + body)

    return write


async def silence(_writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def streaming(chunk: bytes, *, forever: bool) -> Write:
    """A stream that never ends: that goes on for ever, or says one thing and then nothing."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            await writer.drain()
            if not forever:
                await asyncio.Event().wait()

    return write
