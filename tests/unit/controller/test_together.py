"""Many writes at a time: results, errors, and an end in the middle of them."""

import asyncio
import inspect

import pytest

from inferencehealth.controller.together import AT_ONCE, together


async def test_results_come_in_the_order_of_the_work() -> None:
    async def after(turns: int) -> int:
        for _ in range(turns):
            await asyncio.sleep(0)
        return turns

    assert await together(after(turns) for turns in (3, 1, 2)) == [3, 1, 2]


async def test_an_error_is_raised_after_all_else_was_done() -> None:
    done = []

    async def work(number: int) -> None:
        await asyncio.sleep(0)
        if number == 0:
            raise ValueError("the first")
        done.append(number)

    with pytest.raises(ValueError, match="the first"):
        await together(work(number) for number in range(AT_ONCE * 2))
    assert done == list(range(1, AT_ONCE * 2))


async def test_a_cancellation_leaves_no_work_behind_that_nobody_awaits() -> None:
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        await asyncio.Event().wait()

    parts = [work() for _ in range(AT_ONCE + 1)]
    whole = asyncio.create_task(together(parts))
    await begun.wait()
    whole.cancel()
    with pytest.raises(asyncio.CancelledError):
        await whole
    assert {inspect.getcoroutinestate(part) for part in parts} == {inspect.CORO_CLOSED}
