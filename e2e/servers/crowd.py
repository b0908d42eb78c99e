"""Many clients at once, in a process of their own: what they cost is not the observer's time.

`python -m e2e.servers.crowd PORT PATH CLIENTS BODY` sends from each client one request after the
other, and says `all sent` when every client has sent its first.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping

from e2e.servers.processes import LOOPBACK, RunningServer, launch, wait_until

ALL_SENT = "all sent"

_SEND_SECONDS = 120.0  # 1,500 connections need 2 on an idle machine
_AGAIN_SECONDS = 0.2  # before another try where a server has no room for more connections
_CHUNK = 64 * 1024
_AT_ONCE = 64  # connections being opened; more than a listen backlog of 128 must not wait


@contextlib.contextmanager
def crowd(
    server: RunningServer, path: str, body: Mapping[str, object], *, clients: int
) -> Iterator[None]:
    """The length of a `with` block in which so many clients POST to the path without a pause.

    It begins when each has sent a request, and leaves the server the moment it ends.
    """
    words = (str(server.ports["http"]), path, str(clients), json.dumps(body))
    command = [sys.executable, "-m", __name__, *words]
    log = server.log.with_name(f"crowd-of-{clients}.log")
    clients_of_it = launch("crowd", command, ports={}, log=log)
    try:
        wait_until(clients_of_it, lambda: ALL_SENT in log.read_text(), timeout=_SEND_SECONDS)
        yield
    finally:
        clients_of_it.kill()


async def _all(port: int, request: bytes, clients: int) -> None:
    sent, gate = 0, asyncio.Semaphore(_AT_ONCE)

    def told() -> None:
        nonlocal sent
        sent += 1
        if sent == clients:
            print(ALL_SENT, flush=True)

    await asyncio.gather(*(_client(port, request, gate, told) for _ in range(clients)))


async def _client(
    port: int, request: bytes, gate: asyncio.Semaphore, told: Callable[[], None]
) -> None:
    """One client for ever; `told` is called when it has sent its first request."""
    begun = False
    while True:
        try:
            async with gate:
                reader, writer = await asyncio.open_connection(LOOPBACK, port)
                writer.write(request)
                await writer.drain()
        except OSError:
            await asyncio.sleep(_AGAIN_SECONDS)
            continue
        if not begun:
            told()
            begun = True
        with contextlib.suppress(OSError):
            while await reader.read(_CHUNK):
                pass
        writer.close()


def main(argv: list[str]) -> None:
    """Run until killed."""
    port, path, clients, body = argv
    head = f"POST {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body.encode())}\r\nConnection: close\r\n\r\n"
    asyncio.run(_all(int(port), head.encode() + body.encode(), int(clients)))


if __name__ == "__main__":
    main(sys.argv[1:])
