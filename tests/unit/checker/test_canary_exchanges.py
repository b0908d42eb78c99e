"""Canaries over real connections: every way in which a server may take a request and fail it."""

import asyncio
from contextlib import suppress

import pytest

from inferencehealth.checks import transports
from inferencehealth.checks.steps import Peer, Sign
from inferencehealth.profiles.canary import canary_of

from .answers import Write, answering, silence, streaming
from .values import spec

CANARY = {
    "mode": "Custom",
    "path": "/v1/completions",
    "body": {"prompt": "a"},
    "timeout": "300ms",
    "expect": {"jsonSchema": {"required": ["choices"]}},
}


@pytest.mark.parametrize(
    ("write", "sign", "reason"),
    [
        (answering(200, b'{"choices": []}'), Sign.SERVES, ""),
        (silence, Sign.SILENT, "CanaryTimedOut"),
        (streaming(b"data: a\n\n", forever=False), Sign.SILENT, "CanaryTimedOut"),
        (streaming(b"data: a\n\n" * 900, forever=True), Sign.FAILS, "CanaryFailed"),
        (answering(200, b'{"error": "engine dead"}'), Sign.FAILS, "CanaryFailed"),
        (answering(200, b"<html>"), Sign.FAILS, "CanaryFailed"),
        (answering(500, b"{}"), Sign.FAILS, "CanaryFailed"),
        (answering(429, b"{}"), Sign.BUSY, "CanaryBusy"),
        (answering(503, b"{}", "Retry-After: 5"), Sign.BUSY, "CanaryBusy"),
        (answering(503, b"{}"), Sign.FAILS, "CanaryFailed"),
        (answering(401, b"{}"), Sign.UNKNOWN, "CanaryDenied"),
        (answering(302, b"", "Location: http://127.0.0.1/"), Sign.FAILS, "CanaryFailed"),
    ],
)
async def test_each_way_to_take_a_request_and_fail_it_is_told(
    write: Write, sign: Sign, reason: str
) -> None:
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(15))
        with suppress(ConnectionError):
            await write(writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    canary = canary_of(spec(canary=CANARY))
    assert canary is not None
    peer = Peer("127.0.0.1")
    patience = canary.timeout if sign is Sign.SILENT else 10.0  # for a busy machine
    answer = await transports.ask(peer, port, canary.request, timeout=patience)
    server.close()
    reading = canary.read(answer)
    assert (reading.sign, reading.reason) == (sign, reason)
    assert asked[0].startswith(b"POST /v1/completions HTTP/1.1\r\n")
    assert asked[0].endswith(b'\r\n\r\n{"prompt": "a"}')


async def test_a_stream_without_end_is_good_where_no_schema_has_to_see_it() -> None:
    canary = canary_of(spec(canary={k: v for k, v in CANARY.items() if k != "expect"}))
    assert canary is not None
    write = streaming(b"data: a\n\n" * 900, forever=True)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await write(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    answer = await transports.ask(Peer("127.0.0.1"), port, canary.request, timeout=10)
    server.close()
    assert canary.read(answer).sign is Sign.SERVES
