"""What the checker counts while it runs: plain numbers, cheap to raise, read by `metrics`."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

LATENESS_BOUNDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds. A check may start one tick of the scheduler late; from seconds on we are overloaded."""
DURATION_BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0)
"""Seconds. A healthy server answers in milliseconds; a timeout is 0.1 s at least."""

VOID: Final = "Void"
"""Outcome of a check over which this process stood still."""
OUTDATED: Final = "Outdated"
"""Outcome of a check whose pod, container or spec changed meanwhile."""


class Spread:
    """How often a value fell between which bounds."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count one value; one at a bound lies below it."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


@dataclass(slots=True)
class Counters:
    """Sums since the start of the process.

    `shed` are turns that pods lost because we were late, `checks` rounds by what they came to (a
    sign, or VOID or OUTDATED), `transitions` changes of a pod's verdict by the new one, `lapses`
    how often this process stood still. Times are in seconds.
    """

    lateness: Spread = field(default_factory=lambda: Spread(LATENESS_BOUNDS))
    duration: Spread = field(default_factory=lambda: Spread(DURATION_BOUNDS))
    shed: int = 0
    lapses: int = 0
    checks: Counter[str] = field(default_factory=Counter)
    transitions: Counter[str] = field(default_factory=Counter)
