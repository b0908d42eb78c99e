"""Whether a maintenance window is open, and when it opens next. Pure."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from inferencehealth.api.policy import Policy
from inferencehealth.api.probes import Day, Window
from inferencehealth.problems import Problem

WEEK = 7
DAYS = tuple(Day)
"""Monday first, as datetime.weekday() counts."""


def is_open(window: Window | None, now: datetime) -> bool:
    """Whether a rollout may start now. `now` has a time zone; the window's own may be another."""
    if window is None:
        return True
    return any(opens <= now < closes for opens, closes in _spans(window, now))


def next_opening(window: Window, now: datetime) -> datetime:
    """When the window opens next, in its own time zone."""
    return min(opens for opens, _ in _spans(window, now) if opens > now)


def in_words(opening: datetime) -> str:
    """The opening as a person reads it: "Mon 2026-11-23 22:00 Europe/Berlin"."""
    return f"{DAYS[opening.weekday()]} {opening:%Y-%m-%d %H:%M} {opening.tzinfo}"


def window_problem(policy: Policy) -> Problem | None:
    """What keeps the policy's window from being understood."""
    window = policy.spec.probes.rollout.window
    if window is None or zone(window.time_zone) is not None:
        return None
    return Problem(
        "InvalidTimeZone",
        f"Policy {policy.metadata.name} names the time zone {window.time_zone!r}, which is not in "
        "the IANA time zone database. Write a name such as Europe/Berlin or UTC in "
        "spec.probes.rollout.window.timeZone.",
        "spec.probes.rollout.window.timeZone",
    )


def zone(name: str) -> ZoneInfo | None:
    """The time zone of that name; None where there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: the name of a directory of the database
        return None


def _spans(window: Window, now: datetime) -> list[tuple[datetime, datetime]]:
    """The openings from a week ago to a week ahead; wall-clock times, so that summer time fits."""
    there = zone(window.time_zone)
    if there is None:
        return []
    start, end = time.fromisoformat(window.start), time.fromisoformat(window.end)
    today = now.astimezone(there).date()
    dates = (today + timedelta(days=n) for n in range(-WEEK, WEEK + 1))
    return [
        (
            datetime.combine(date, start, there),
            datetime.combine(date + timedelta(days=1 if end <= start else 0), end, there),
        )
        for date in dates
        if DAYS[date.weekday()] in window.days
    ]
