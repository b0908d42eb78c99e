"""From verdicts as they come to what the last hour was like. Pure; times are epoch seconds."""

from dataclasses import dataclass
from typing import Final

HOUR: Final = 3600.0
"""Seconds that are kept."""
MAX_MARKS: Final = 120
"""Changes kept of one workload: one that flaps faster loses its older ones, and says since when."""


@dataclass(frozen=True, slots=True)
class Mark:
    """From `at` on the verdict was this one, until the next mark."""

    at: float
    verdict: str


Timeline = tuple[Mark, ...]
"""Oldest first; nothing is known of the time before the first."""


def begun(verdict: str, since: float | None, now: float) -> Timeline:
    """The timeline of a verdict first seen at `now`, which stands since then or, if it was told,
    since earlier. A time to come is another clock's, and not believed.
    """
    return (Mark(now if since is None else min(since, now), verdict),)


def noted(timeline: Timeline, verdict: str, now: float) -> Timeline:
    """The timeline after the verdict was seen at `now`; the very same one where nothing changed."""
    if timeline[-1].verdict != verdict:
        timeline = (*timeline, Mark(now, verdict))
    return _recent(timeline, now)


def _recent(timeline: Timeline, now: float) -> Timeline:
    """Without what ended more than an hour ago."""
    begin = now - HOUR
    first = max((i for i, mark in enumerate(timeline) if mark.at <= begin), default=0)
    first = max(first, len(timeline) - MAX_MARKS)
    return timeline[first:] if first else timeline
