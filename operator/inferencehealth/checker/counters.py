"""What the checker counts while it runs: plain numbers, cheap to raise, read by `metrics`."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from inferencehealth.checker.restarts import Cause, Probes
from inferencehealth.metrics import Spread

LATENESS_BOUNDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds. A check may start one tick of the scheduler late; from seconds on we are overloaded."""
DURATION_BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0)
"""Seconds. A healthy server answers in milliseconds; a timeout is 0.1 s at least."""

VOID: Final = "Void"
"""Outcome of a check over which this process stood still."""
OUTDATED: Final = "Outdated"
"""Outcome of a check whose pod, container or spec changed meanwhile."""


@dataclass(slots=True)
class Counters:
    """Sums since the start of the process.

    `shed` are turns that pods lost because we were late, `checks` rounds by what they came to (a
    sign, or VOID or OUTDATED), `transitions` changes of a pod's verdict by the new one, `lapses`
    how often this process stood still, `restarts` those of servers by cause and probes, `spared`
    those that our probes avoided. Times are in seconds.
    """

    lateness: Spread = field(default_factory=lambda: Spread(LATENESS_BOUNDS))
    duration: Spread = field(default_factory=lambda: Spread(DURATION_BOUNDS))
    shed: int = 0
    lapses: int = 0
    checks: Counter[str] = field(default_factory=Counter)
    transitions: Counter[str] = field(default_factory=Counter)
    restarts: Counter[tuple[Cause, Probes]] = field(default_factory=Counter)
    spared: int = 0
