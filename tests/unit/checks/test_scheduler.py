"""The scheduler with real tasks and a clock of the test's own."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from inferencehealth.checks.deadlines import Due
from inferencehealth.checks.scheduler import Scheduler


class Bench:
    """Checks that run until the test lets them end, and a clock that the test moves."""

    def __init__(self, concurrency: int = 10) -> None:
        self.now = 0.0
        self.running: dict[str, asyncio.Future[None]] = {}
        self.runs: Counter[str] = Counter()
        self.most = 0
        self.dues: list[Due[str]] = []
        self.scheduler = Scheduler(
            self._check, concurrency=concurrency, started=self.dues.append, clock=lambda: self.now
        )

    async def _check(self, key: str) -> None:
        self.runs[key] += 1
        self.running[key] = asyncio.get_running_loop().create_future()
        self.most = max(self.most, len(self.running))
        try:
            await self.running[key]
        finally:
            del self.running[key]

    def put(self, *keys: str) -> None:
        for number, key in enumerate(keys):
            self.scheduler.put(key, interval=10.0, phase=(number + 1) / 1000)

    async def move(self, to: float) -> None:
        """Moves the clock, and lets everything happen that can without it."""
        self.now = to
        self.scheduler._wake.set()
        await settle()

    async def finish(self, *keys: str) -> None:
        for key in keys:
            self.running[key].set_result(None)
        await settle()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[None]:
    task = asyncio.create_task(bench.scheduler.run())
    await settle()
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await settle()


async def test_each_key_is_checked_once_an_interval() -> None:
    bench = Bench()
    bench.put("a", "b")
    async with running(bench):
        for turn in range(1, 4):
            await bench.move(10.0 * turn + 1)
            await bench.finish("a", "b")
    assert bench.runs == {"a": 3, "b": 3}


async def test_a_check_in_flight_is_never_started_again_and_never_queued() -> None:
    bench = Bench()
    bench.put("slow", "quick")
    async with running(bench):
        await bench.move(11)
        for turn in range(2, 5):
            await bench.finish("quick")
            await bench.move(10.0 * turn + 1)
        assert bench.runs == {"slow": 1, "quick": 4}
        await bench.finish("slow")
        await bench.move(45)
        assert bench.runs["slow"] == 1
        await bench.move(51)
        assert bench.runs["slow"] == 2


async def test_no_more_than_the_bound_are_in_flight_and_the_longest_due_go_first() -> None:
    bench = Bench(concurrency=2)
    bench.put("a", "b", "c", "d")
    async with running(bench):
        await bench.move(11)
        assert list(bench.running) == ["a", "b"]
        await bench.move(15)
        await bench.finish("b")
        assert list(bench.running) == ["a", "c"]
        await bench.finish("a", "c")
        assert list(bench.running) == ["d"]
    assert bench.most == 2
    assert bench.dues[2].late == pytest.approx(14.97)


async def test_overload_loses_turns_instead_of_piling_them_up() -> None:
    bench = Bench(concurrency=1)
    bench.put("a", "b")
    async with running(bench):
        await bench.move(11)
        assert bench.scheduler.lateness() == pytest.approx(10.98)
        await bench.move(51)
        assert bench.scheduler.lateness() == pytest.approx(50.98)
        await bench.finish("a")
        assert bench.runs == {"a": 1, "b": 1}
        assert bench.dues[-1].missed == 5
        await bench.finish("b")
        assert bench.runs == {"a": 2, "b": 1}


async def test_a_dropped_key_is_not_checked_again() -> None:
    bench = Bench()
    bench.put("a")
    async with running(bench):
        await bench.move(11)
        bench.scheduler.drop("a")
        await bench.finish("a")
        await bench.move(61)
    assert bench.runs == {"a": 1}
    assert bench.scheduler.lateness() == 0.0


async def test_a_key_put_while_the_scheduler_sleeps_wakes_it() -> None:
    checked = asyncio.Event()

    async def check(_key: str) -> None:
        checked.set()

    scheduler = Scheduler(check, concurrency=1)
    task = asyncio.create_task(scheduler.run())
    await settle()
    scheduler.put("a", interval=0.05, phase=0.0)
    await asyncio.wait_for(checked.wait(), 5)
    task.cancel()


async def test_a_check_that_raises_is_logged_and_its_key_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    bench.put("a")
    with caplog.at_level(logging.ERROR):
        async with running(bench):
            await bench.move(11)
            bench.running["a"].set_exception(ValueError("no such thing"))
            await settle()
            await bench.move(21)
            assert bench.runs["a"] == 2
    assert "no such thing" in caplog.text


async def test_stopping_cancels_the_checks_in_flight() -> None:
    bench = Bench()
    bench.put("a", "b")
    async with running(bench):
        await bench.move(11)
        assert len(bench.running) == 2
    assert not bench.running
