"""The model server of these suites: a Triton to whoever asks, behind all fake pods at once.

kwok gives its pods addresses of 127.64.0.0/12. One process listens at the first thousand of them,
on a port that the manifests name, so that several clusters of one machine are not in each other's
way.
"""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from e2e.servers.processes import free_ports

SERVED = "resnet50"
"""The one model that it has."""
ADDRESSES = tuple(f"127.64.{third}.{fourth}" for third in range(4) for fourth in range(256))
PATIENCE = 30.0


@contextmanager
def serving() -> Iterator[int]:
    """The servers, for the length of a `with` block; gives their port."""
    (port,) = free_ports(1)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    begun = asyncio.run_coroutine_threadsafe(
        asyncio.start_server(_converse, list(ADDRESSES), port), loop
    )
    server = begun.result(PATIENCE)
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        if length := re.search(rb"(?i)\r\ncontent-length: *(\d+)", head):
            await reader.readexactly(int(length[1]))
        status, body = _answer(head.partition(b"\r\n")[0].decode())
        text = json.dumps(body).encode()
        start = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
        writer.write(f"{start}Content-Length: {len(text)}\r\nConnection: close\r\n\r\n".encode())
        writer.write(text)
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        return  # who asked has gone
    finally:
        writer.close()


def _answer(request: str) -> tuple[str, object]:
    """Status and body, as Triton with that one model loaded gives them."""
    path = request.split(" ")[1]
    if path == "/v2/repository/index":
        return "200 OK", [{"name": SERVED, "version": "1", "state": "READY"}]
    if path == f"/v2/models/{SERVED}":
        told = {"name": SERVED, "versions": ["1"], "platform": "python"}
        return "200 OK", {**told, "inputs": [_tensor("IN")], "outputs": [_tensor("OUT")]}
    if path == f"/v2/models/{SERVED}/infer":
        return "200 OK", {"model_name": SERVED, "outputs": [{**_tensor("OUT"), "data": [0, 0]}]}
    if path.startswith("/v2/models/") and not path.startswith(f"/v2/models/{SERVED}"):
        return "400 Bad Request", {"error": "Request for unknown model"}
    return "200 OK", {}


def _tensor(name: str) -> dict[str, object]:
    return {"name": name, "datatype": "FP32", "shape": [1, 2]}
