"""Which Events to write: repetitions of one become a count on it, and few of them a write. Pure."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final, Literal

WINDOW: Final = 600.0
"""Seconds within which the same thing said again is a repetition and no new Event."""
RECOUNT: Final = 60.0
"""Seconds after which a repetition updates the count in any case."""

Key = tuple[str, str, str]
"""UID of the object, reason and note."""


@dataclass(slots=True)
class Series:
    """One Event and its repetitions. Times are monotonic seconds."""

    name: str
    last_at: float
    count: int = 1
    known: int = 0
    """Count that the API server knows; 0 until the Event is made."""
    known_at: float = 0.0

    def written(self, count: int, now: float) -> None:
        """The API server has taken this count."""
        self.known, self.known_at = count, now


@dataclass(slots=True)
class Book:
    """The series of the last ten minutes, the longest silent first."""

    _series: OrderedDict[Key, Series] = field(default_factory=OrderedDict)

    def enter(
        self, key: Key, name: str, now: float
    ) -> tuple[Series, Literal["create", "count", "nothing"]]:
        """Enter an occurrence, and say what to write about it.

        `name` is the Event's if it becomes a new one. Counts are written at 2, 4, 8 … and
        otherwise once a minute, so that whatever repeats costs few writes.
        """
        self._forget(now)
        found = self._series.get(key)
        if found is None:
            self._series[key] = Series(name, now)
            return self._series[key], "create"
        found.count += 1
        found.last_at = now
        self._series.move_to_end(key)
        if not found.known:
            return found, "nothing"  # being made; the next repetition brings the count
        power_of_two = found.count & (found.count - 1) == 0
        due = power_of_two or now - found.known_at >= RECOUNT
        return found, "count" if due else "nothing"

    def drop(self, key: Key) -> None:
        """The Event does not exist (any more): the next occurrence makes a new one."""
        self._series.pop(key, None)

    def _forget(self, now: float) -> None:
        while self._series:
            key, oldest = next(iter(self._series.items()))
            if now - oldest.last_at < WINDOW:
                return
            del self._series[key]
