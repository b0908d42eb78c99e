"""What the observed loads of a workload say about the startup budget it should have. Pure.

A budget is only ever raised by them, and only when the one in place has become too short, so that
no rollout follows from a load that took a minute more than the one before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from inferencehealth.api.durations import format_duration
from inferencehealth.api.probes import ProbeNumbers
from inferencehealth.api.report import Startup
from inferencehealth.kubelet import Numbers, startup_allowance
from inferencehealth.probes.budgets import compile_startup

MIN_LOADS: Final = 3
"""Loads before anything is concluded: the first may have pulled the model from afar."""
ROOM: Final = 1.5
"""A new budget is so many times the load that nine of ten do not exceed."""
ENOUGH: Final = 1.2
"""A budget in place that is so many times that load stays; a new one is a quarter longer."""
STEP: Final = 60
"""Seconds to which a learned budget is rounded up."""


@dataclass(frozen=True, slots=True)
class Learned:
    """A startup budget in seconds, and why it is not the default."""

    budget: float
    reason: str


def observed_load(observed: Sequence[Startup], image: str) -> Startup | None:
    """The slowest loads seen of that image on any kind of node; None where too few were seen.

    Other tags of the same repository count as well: a new version must not lose what was learned.
    """
    wanted = repository(image)
    seen = (s for s in observed if repository(s.image) == wanted and s.count >= MIN_LOADS)
    return max(seen, key=lambda each: each.p90, default=None)


def repository(image: str) -> str:
    """An image's name without tag and digest."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0]


def learned_startup(
    load: Startup | None, *, default: float, standing: float | None
) -> Learned | None:
    """The budget in seconds that takes the place of the default; None where the default stays.

    `standing` is the budget of our own probe that is in place.
    """
    enough = max(default, ENOUGH * load.p90) if load else default
    fresh = float(STEP * ceil(ROOM * load.p90 / STEP)) if load else default
    budget = standing if standing is not None and standing >= enough else fresh
    if budget <= default:
        return None
    if load and budget == fresh:
        return Learned(budget, f"startup {format_duration(budget)}: {_told(load)} × {ROOM:g}")
    return Learned(budget, _kept(budget, load))


def standing_budget(numbers: Numbers, timeout: int, exact: ProbeNumbers) -> float:
    """The budget in seconds that a startup probe in place stands for.

    It compiles to those very numbers again if any budget does.
    """
    allowed = int(startup_allowance(numbers))
    tried = range(allowed, max(0, allowed - numbers.period), -1)
    same = (b for b in tried if compile_startup(b, timeout, exact) == numbers)
    return float(next(same, allowed))


def _kept(standing: float, load: Startup | None) -> str:
    why = f" while {_told(load)}" if load else ""
    return f"startup {format_duration(standing)} is in place and enough{why}; it is only raised"


def _told(load: Startup) -> str:
    return f"p90 of {load.count} observed loads is {format_duration(load.p90)}"
