"""Whether this process was awake: notices when its loop stood still or the machine slept.

After such a lapse the timeouts of all checks in flight expire at once, before any answer that lies
waiting is read. What they say is about us and not about the pods.
"""

import time
from collections.abc import Callable
from typing import Final

LAPSE: Final = 2.0
"""Seconds between two turns that are more than a busy machine's hiccup."""
PULSE: Final = 0.5
"""Seconds between two looks: each costs a few microseconds."""

_SLEEPLESS: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # Linux has the former


def sleepless() -> float:
    """Seconds of a clock that nobody sets and that goes on while the machine is suspended."""
    return time.clock_gettime(_SLEEPLESS)


class Attention:
    """Notices lapses; `lapsed` is called with the seconds of each, as soon as it is noticed.

    `look` is to be called every `PULSE` seconds, in the loop whose standing still it notices.
    """

    def __init__(
        self, lapsed: Callable[[float], None], clock: Callable[[], float] = sleepless
    ) -> None:
        self._lapsed = lapsed
        self._clock = clock
        self._looked: float | None = None
        self._ended = float("-inf")

    def now(self) -> float:
        """Seconds of the clock."""
        return self._clock()

    def look(self) -> None:
        """Notice the time."""
        now = self._clock()
        before, self._looked = self._looked, now
        if before is not None and now - before >= LAPSE:
            self._ended = now
            self._lapsed(now - before)

    def lapsed_since(self, moment: float) -> bool:
        """Whether there was a lapse after that moment, one included that ends just now."""
        self.look()
        return self._ended >= moment
