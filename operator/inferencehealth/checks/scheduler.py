"""Runs checks when they are due: one loop for all pods, a task only while a check is in flight."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

from inferencehealth.checks.deadlines import Deadlines, Due

K = TypeVar("K", bound=Hashable)
logger = logging.getLogger(__name__)

TICK: Final = 0.005
"""Seconds between two looks at the deadlines at least: checks due in it start together, which
saves a wake-up each and costs no more than this in lateness."""


class Scheduler(Generic[K]):
    """Calls `check` for every key each interval, at most `concurrency` at a time.

    A key whose check is still in flight misses its turn: checks of one pod never overlap and
    never queue up. When all places are taken, those due longest go first, and the turns that pass
    meanwhile are lost. `started` is told of each check that starts, with its lateness.
    """

    def __init__(
        self,
        check: Callable[[K], Awaitable[None]],
        *,
        concurrency: int,
        started: Callable[[Due[K]], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._check = check
        self._free = concurrency
        self._started = started
        self._clock = clock
        self._deadlines: Deadlines[K] = Deadlines()
        self._in_flight: dict[K, asyncio.Future[None]] = {}
        self._wake = asyncio.Event()

    def put(self, key: K, *, interval: float, phase: float) -> None:
        """Check the key every `interval` seconds; `phase` (0 to 1) says when in it."""
        self._deadlines.put(key, interval=interval, phase=phase, now=self._clock())
        self._wake.set()

    def drop(self, key: K) -> None:
        """Start no further check of the key; one in flight runs to its end."""
        self._deadlines.drop(key)

    def lateness(self) -> float:
        """Seconds by which the check that has been due longest is late; 0 when none is."""
        at = self._deadlines.next_at()
        return 0.0 if at is None else max(0.0, self._clock() - at)

    async def run(self) -> None:
        """Run until cancelled; checks in flight are cancelled with it."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._wake.clear()
                self._start_due()
                at = self._deadlines.next_at()
                if at is None or self._free <= 0:
                    await self._wake.wait()
                    continue
                alarm = loop.call_later(max(TICK, at - self._clock()), self._wake.set)
                await self._wake.wait()
                alarm.cancel()
        finally:
            for task in self._in_flight.values():
                task.cancel()

    def _start_due(self) -> None:
        now = self._clock()
        while self._free > 0:
            due = self._deadlines.pop(now)
            if due is None:
                return
            if due.key in self._in_flight:
                continue
            if self._started is not None:
                self._started(due)
            self._free -= 1
            task = asyncio.ensure_future(self._check(due.key))
            self._in_flight[due.key] = task
            task.add_done_callback(lambda done, key=due.key: self._end(key, done))  # type: ignore[misc]

    def _end(self, key: K, task: asyncio.Future[None]) -> None:
        del self._in_flight[key]
        if self._free == 0:
            self._wake.set()
        self._free += 1
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a check ended in a bug of ours: %s", key, exc_info=error)
