import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from inferencehealth.controller import queue as queues
from inferencehealth.controller.queue import WorkQueue


@asynccontextmanager
async def running(queue: WorkQueue[str]) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.run())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_many_events_about_one_key_are_one_run() -> None:
    runs: list[str] = []
    done = asyncio.Event()

    async def work(key: str) -> None:
        runs.append(key)
        if key == "last":
            done.set()

    queue = WorkQueue(work)
    for _ in range(100):
        queue.add("a", after=0.01)
    queue.add("last", after=0.02)
    async with running(queue):
        await asyncio.wait_for(done.wait(), 5)
    assert runs == ["a", "last"]


async def test_what_is_added_during_its_run_runs_again() -> None:
    runs = 0
    done = asyncio.Event()

    async def work(key: str) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            queue.add(key, after=0)
        else:
            done.set()

    queue = WorkQueue(work)
    queue.add("a", after=0)
    async with running(queue):
        await asyncio.wait_for(done.wait(), 5)
    assert runs == 2


async def test_a_failing_key_is_tried_again_and_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queues, "FIRST_RETRY", 0.01)
    tries = 0
    healed, other = asyncio.Event(), asyncio.Event()

    async def work(key: str) -> None:
        nonlocal tries
        if key == "other":
            other.set()
            return
        tries += 1
        if tries < 3:
            raise RuntimeError("the API server said 500")
        healed.set()

    queue = WorkQueue(work)
    queue.add("bad", after=0)
    queue.add("other", after=0)
    async with running(queue):
        await asyncio.wait_for(asyncio.gather(healed.wait(), other.wait()), 5)
    assert tries == 3


async def test_an_earlier_due_time_wins() -> None:
    done = asyncio.Event()

    async def work(_: str) -> None:
        done.set()

    queue = WorkQueue(work)
    queue.add("a", after=3600)
    queue.add("a", after=0)
    async with running(queue):
        await asyncio.wait_for(done.wait(), 5)
