"""The work queue between Kopf's events and reconciliation: keyed, coalescing, level-triggered.

Any number of events about one key within the settling time lead to one run; a key never runs
twice at once; a run that fails is tried again, later each time.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from inferencehealth.kube.errors import KubeError

SETTLE = 0.2
"""Seconds that a key waits for more events: a rollout sends a burst of them."""
FIRST_RETRY = 1.0
"""Seconds until a failed key runs again; doubled each time."""
LAST_RETRY = 60.0
"""Longest wait before another try, in seconds."""

logger = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)


class WorkQueue(Generic[Key]):
    """Runs `work(key)` for every key that was added, one run for many additions."""

    def __init__(self, work: Callable[[Key], Awaitable[None]]) -> None:
        """`work` brings the world in line with whatever is the case about the key now."""
        self._work = work
        self._due: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}
        self._changed = asyncio.Event()

    def add(self, key: Key, *, after: float = SETTLE) -> None:
        """Ask for a run in `after` seconds; a run that is due earlier stays as it is."""
        due = asyncio.get_running_loop().time() + after
        self._due[key] = min(due, self._due.get(key, due))
        self._changed.set()

    def __len__(self) -> int:
        """Keys that are due or wait to be."""
        return len(self._due)

    async def run(self) -> None:
        """Work until cancelled: one key at a time, so that writes have an order."""
        clock = asyncio.get_running_loop().time
        while True:
            self._changed.clear()
            key = min(self._due, key=self._due.__getitem__, default=None)
            wait = None if key is None else self._due[key] - clock()
            if key is not None and wait is not None and wait <= 0:
                del self._due[key]
                await self._once(key)
                continue
            try:
                await asyncio.wait_for(self._changed.wait(), timeout=wait)
            except TimeoutError:
                continue

    async def _once(self, key: Key) -> None:
        try:
            await self._work(key)
        except KubeError as error:
            logger.warning("not in line yet: %s", error, extra=self._again(key))
        except Exception:  # the boundary: a mistake about one key must not end the others'
            logger.exception("not in line yet", extra=self._again(key))
        else:
            self._failures.pop(key, None)

    def _again(self, key: Key) -> dict[str, object]:
        """Put the key back for a later try; what there is to log about it."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = min(FIRST_RETRY * 2 ** (failures - 1), LAST_RETRY)
        self.add(key, after=delay)
        return {"key": key, "again_in": delay}
