"""What a server's counters say in the place of a canary, right before one is due. Pure.

Green endpoints and counters are both read then. Real requests that get on prove more than a canary
could; real requests that stand still for long enough prove it too, and a canary would only join
their queue. Everything else is for the canary to find out.
"""

from dataclasses import dataclass

from inferencehealth.checks import progress as counters
from inferencehealth.checks.progress import (
    NO_PROGRESS,
    PROGRESSING,
    WAITING,
    Progress,
    Sample,
)
from inferencehealth.checks.steps import Reading

_OF_COUNTERS = frozenset({NO_PROGRESS, PROGRESSING, WAITING})
"""Reasons of verdicts that the counters gave, and so can take back."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the counters say: `verdict` against the pod (None: nothing), and the seconds after
    which they are read again."""

    verdict: Reading | None
    again: float


def told(
    progress: Progress,
    before: Sample | None,
    seen: Sample | None,
    held: Reading | None,
    *,
    interval: float,
    own: float = 0.0,
) -> Told | None:
    """What takes the canary's place; None: it is to be sent.

    `before` and `seen` are two looks, `held` is what counts against the pod so far, `interval` the
    seconds between two canaries. `own` is how much our canaries may have moved the counters
    between the two looks.
    """
    if seen is None:
        return None
    patience = max(progress.patience, progress.while_green)
    soon = min(interval, patience)
    if before is not None and seen.done > before.done + own:
        return _moving(progress, before, seen, held, again=soon if seen.inside else interval)
    if stuck := counters.stands_still(progress, seen, patience):
        return Told(stuck, soon)
    if seen.inside and patience < interval and held is None:
        # A second look costs the server nothing, and comes before a canary could tell.
        return Told(None, soon)
    return None


def _moving(
    progress: Progress, before: Sample, seen: Sample, held: Reading | None, *, again: float
) -> Told | None:
    """Of a server that got on with real requests since the last look."""
    if held is None or held.reason == NO_PROGRESS:
        return Told(None, again)
    if held.reason in _OF_COUNTERS and seen.waiting:
        return Told(counters.works(progress, before, seen), again)
    return None
