"""A second event loop in a thread of its own, for what may not wait behind other work."""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Run(Protocol):
    """Runs a coroutine in the other loop; cancelled with whoever waits for it here."""

    async def __call__(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns or raises."""


@asynccontextmanager
async def apart(name: str) -> AsyncIterator[Run]:
    """The other loop, for as long as the block runs. What runs in it shares no client with us."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name=name, daemon=True)
    thread.start()

    async def run(work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))

    try:
        yield run
    finally:
        loop.call_soon_threadsafe(loop.stop)
        await asyncio.to_thread(thread.join)
        loop.close()
