"""Canaries at servers that take them badly: over real connections, by way of all of the machinery.

The clock is the test's, the sockets are real: nothing here waits for a time to pass, but for the
timeouts of canaries, which are short.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from inferencehealth.checker.canaries import Canaries
from inferencehealth.checker.turns import canary_findings
from inferencehealth.checker.work import Checked, first_history, work_for
from inferencehealth.checks import transports
from inferencehealth.checks.steps import Item, Reading, Sign

from .answers import Write, answering, silence, streaming
from .values import START, pod, report, spec

VLLM = Reading(Sign.SERVES, models=(Item("llama", Sign.SERVES),))
TRITON = Reading(Sign.SERVES, models=(Item("m", Sign.SERVES, "1"),))
DECLARED = (
    b'{"name": "m", "inputs": [{"name": "IN", "datatype": "FP32", "shape": [1, 4]}], "outputs": []}'
)
AUTO = {"mode": "Auto", "interval": "60s"}
QUICK = "200ms"
"""For servers that never answer."""
PATIENT = "30s"
"""For those that do, on a busy machine."""


class World:
    """A server on a real port, and the canaries of a checker whose clock the test moves."""

    def __init__(self, port: int, profile: str, green: Reading, canary: dict[str, Any]) -> None:
        self.now, self.green = 0.0, green
        check = spec(profile=profile, endpoints=None, port=port, canary=canary)
        work = work_for(report(check=check), check)
        found = pod(ip="127.0.0.1")
        self.checked = Checked(work, found, first_history(work, found, START), looked_at=0.0)
        self.canaries = Canaries(transports.ask, None, lambda: self.now)

    async def round(self, seconds: float = 10.0) -> Reading:
        """The reading of a round so many seconds later, after what it sent has ended."""
        self.now += seconds
        self.canaries.weigh(self.checked, self.green)
        while self.canaries._in_flight:
            await asyncio.wait(self.canaries._in_flight.values())
        return self.canaries.weigh(self.checked, self.green)

    async def sent(self, count: int) -> Reading:
        """The reading after so many canaries."""
        reading = self.green
        for _ in range(200):
            if self.canaries.sent >= count:
                return reading
            reading = await self.round()
        raise AssertionError(f"{self.canaries.sent} canaries were sent")


@asynccontextmanager
async def world(
    write: Write, profile: str = "vllm", *, within: str = PATIENT, **canary: Any
) -> AsyncIterator[World]:
    """A server that answers everything green, but for what is posted."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            tasks.add(task)
        head = await reader.readuntil(b"\r\n\r\n")
        told = {b"GET /v2/models/m": DECLARED}
        body = next((b for begin, b in told.items() if head.startswith(begin)), b"{}")
        with suppress(ConnectionError):
            await (write if head.startswith(b"POST") else answering(200, body))(writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    green = TRITON if profile == "triton" else VLLM
    made = World(port, profile, green, AUTO | {"timeout": within} | canary)
    try:
        yield made
    finally:
        await made.canaries.close()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_who_takes_a_canary_and_never_answers_is_broken_by_the_second() -> None:
    async with world(silence, within=QUICK) as made:
        assert (await made.sent(1)).sign is Sign.SERVES
        reading = await made.sent(2)
    assert (reading.sign, reading.reason) == (Sign.FAILS, "CanaryTimedOut")


@pytest.mark.parametrize("forever", [True, False])
async def test_a_stream_without_end_serves_from_its_first_token(forever: bool) -> None:
    token = b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n'
    within = PATIENT if forever else "5s"
    async with world(streaming(token * 100, forever=forever), within=within) as made:
        assert (await made.sent(1)).sign is Sign.SERVES


async def test_a_stream_of_nothing_but_comments_is_no_work() -> None:
    async with world(streaming(b": ping\n\n", forever=False), within=QUICK) as made:
        assert (await made.sent(2)).reason == "CanaryTimedOut"


@pytest.mark.parametrize(
    ("profile", "body"),
    [
        ("vllm", b'{"error": {"message": "s3cret", "code": 500}}'),
        ("vllm", b'{"object": "error", "message": "s3cret"}'),
        ("triton", b'{"error": "Stub process s3cret is not healthy."}'),
    ],
)
async def test_200_and_an_error_is_a_failure(profile: str, body: bytes) -> None:
    async with world(answering(200, body), profile) as made:
        reading = await made.sent(1)
    assert (reading.sign, reading.reason) == (Sign.FAILS, "CanaryFailed")
    assert "with an error" in reading.message
    assert "s3cret" not in reading.message


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("asked_for", "rounds"), [("120", 12), ("5", 1), ("999999999", 60), ("soon", 1)]
)
async def test_who_asks_to_be_left_alone_is_busy_and_left_alone_within_bounds(
    status: int, asked_for: str, rounds: int
) -> None:
    async with world(answering(status, b"{}", f"Retry-After: {asked_for}")) as made:
        reading = await made.sent(1)
        assert (reading.sign, reading.reason) == (Sign.BUSY, "CanaryBusy")
        for _ in range(rounds - 1):
            assert (await made.round()).sign is Sign.BUSY
            assert made.canaries.sent == 1, "no other before it was asked for"
        await made.sent(2)


async def test_who_wants_a_key_is_held_against_nobody_and_says_what_to_set() -> None:
    async with world(answering(401, b"{}")) as made:
        assert (await made.sent(1)).sign is Sign.SERVES
        (finding,) = canary_findings(made.checked.memory.canaries.values())
    assert finding.id == "CanaryNeedsKey"
    assert "headersFrom" in finding.remedy


async def test_who_refuses_the_policys_own_canary_is_unknown_and_says_what_to_set() -> None:
    custom: dict[str, Any] = {"mode": "Custom", "path": "/v1/completions", "body": {"prompt": "a"}}
    async with world(answering(401, b"{}"), **custom) as made:
        reading = await made.sent(1)
    assert (reading.sign, reading.reason) == (Sign.UNKNOWN, "CanaryDenied")
    assert "spec.checks.canary.headersFrom" in reading.message
