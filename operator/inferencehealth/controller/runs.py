"""What the controller counts while it works: runs, how long they take, and whether one hangs."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from inferencehealth.metrics import Spread

DURATION_BOUNDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds. A status takes milliseconds, a namespace of a thousand workloads up to ten seconds."""
DONE: Final = "done"
FAILED: Final = "failed"
HANGS: Final = 300.0
"""Seconds after which a run hangs: each of its requests is given up much sooner."""

T = TypeVar("T")


@dataclass(slots=True)
class Runs:
    """Sums since the start of the process; `began` is when the run that goes on began, if any."""

    results: Counter[str] = field(default_factory=lambda: Counter({DONE: 0, FAILED: 0}))
    duration: Spread = field(default_factory=lambda: Spread(DURATION_BOUNDS))
    waiting: Callable[[], int] = lambda: 0
    began: float | None = None
    clock: Callable[[], float] = time.monotonic

    def counted(self, work: Callable[[T], Awaitable[None]]) -> Callable[[T], Awaitable[None]]:
        """The same work, counted."""

        async def run(key: T) -> None:
            self.began = began = self.clock()
            result = FAILED
            try:
                await work(key)
                result = DONE
            finally:
                self.results[result] += 1
                self.duration.add(self.clock() - began)
                self.began = None

        return run

    def stuck(self) -> str:
        """Why this process should be started anew; "" if it need not be."""
        lasts = 0.0 if self.began is None else self.clock() - self.began
        return f"a run has lasted {lasts:.0f} s" if lasts > HANGS else ""
