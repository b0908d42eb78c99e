"""Many small writes at a time, but not all at once."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, Final, TypeVar

T = TypeVar("T")

AT_ONCE: Final = 16
"""Requests in flight: more only fill the API server's queue (its fair share for one account)."""


async def together(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The results in order; the first error is raised after everything else was done."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(each: Coroutine[Any, Any, T]) -> T:
        async with free:
            return await each

    parts = list(work)
    try:
        results = await asyncio.gather(*map(one, parts), return_exceptions=True)
    finally:
        for part in parts:
            part.close()  # those that a cancellation kept from starting
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
