"""When each check is due: a heap of deadlines, spread evenly over the interval. Pure.

Every key keeps its own phase, so ten thousand pods are asked one after the other instead of all
at once, and at the same moments again after a check ran late. `scheduler` runs them.
"""

import heapq
import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from zlib import crc32

K = TypeVar("K", bound=Hashable)

_HASHES: Final = 2**32
MIN_APART: Final = 0.5
"""Share of the interval that lies between a late check and the next one at least."""
_SLACK: Final = 64
"""Dead entries that are tolerated before the heap is built anew."""


def phase(seed: str) -> float:
    """Where in the interval a key's checks lie, from 0 up to 1, the same for ever."""
    return crc32(seed.encode()) / _HASHES


@dataclass(frozen=True, slots=True)
class Due(Generic[K]):
    """A check that is due. `late` is by how many seconds; `missed` counts the turns it lost."""

    key: K
    late: float
    missed: int


class Deadlines(Generic[K]):
    """The next deadline of every key. Times are seconds of any clock that never goes back."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, K]] = []
        self._turns: dict[K, tuple[int, float, float]] = {}  # serial, interval, offset
        self._serial = 0

    def __len__(self) -> int:
        return len(self._turns)

    def __contains__(self, key: object) -> bool:
        return key in self._turns

    def put(self, key: K, *, interval: float, phase: float, now: float) -> None:
        """Check the key every `interval` seconds from now on; a key that does already keeps on."""
        offset = phase * interval
        known = self._turns.get(key)
        if known is not None and known[1:] == (interval, offset):
            return
        self._push(key, interval, offset, _next_turn(now, interval, offset))

    def drop(self, key: K) -> None:
        """Never check the key again."""
        if self._turns.pop(key, None) is not None and len(self._heap) > 2 * len(self) + _SLACK:
            self._heap = [entry for entry in self._heap if self._is_live(entry)]
            heapq.heapify(self._heap)

    def next_at(self) -> float | None:
        """When the next check is due; None while there are no keys."""
        while self._heap and not self._is_live(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop(self, now: float) -> Due[K] | None:
        """The check that has been due longest, None if none is; its key's next turn is set.

        Turns that passed meanwhile are lost: a late check is never made up for by two. The next
        one is at least half an interval away, so that nobody is asked twice in a row.
        """
        at = self.next_at()
        if at is None or at > now:
            return None
        _, _, key = heapq.heappop(self._heap)
        _, interval, offset = self._turns[key]
        following = _next_turn(now + interval * MIN_APART, interval, offset)
        self._push(key, interval, offset, following)
        return Due(key, late=now - at, missed=max(0, round((following - at) / interval) - 1))

    def _push(self, key: K, interval: float, offset: float, at: float) -> None:
        self._serial += 1
        self._turns[key] = (self._serial, interval, offset)
        heapq.heappush(self._heap, (at, self._serial, key))

    def _is_live(self, entry: tuple[float, int, K]) -> bool:
        turn = self._turns.get(entry[2])
        return turn is not None and turn[0] == entry[1]


def _next_turn(now: float, interval: float, offset: float) -> float:
    """The first moment after `now` that lies `offset` after a whole number of intervals."""
    at = offset + interval * (math.floor((now - offset) / interval) + 1)
    # Rounding may place it at `now` itself, which would make one turn two.
    return at if at > now else at + interval
