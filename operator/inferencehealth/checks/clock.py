"""What time it is for the checker, and whether somebody moved the hands.

Times are epoch seconds, because pods' starts come so from other machines. Somebody may set that
clock, or suspend the machine; what lasts must go on lasting then, so whoever keeps times asks
`jump` before `now` and moves them by it (`history.moved`).
"""

import time
from collections.abc import Callable
from typing import Final

MIN_JUMP: Final = 1.0
"""Seconds; below it the clock is only being tuned (NTP slews by at most 0.5 ms a second)."""


class Clock:
    """Epoch seconds by `wall`, watched by `steady`, which nobody sets (seconds of any origin).

    A suspended machine is a jump too: Linux stops the steady clock meanwhile.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._apart = wall() - steady()

    def now(self) -> float:
        """Epoch seconds."""
        return self._wall()

    def jump(self) -> float:
        """Seconds by which the clock was set since this was last asked; 0 when it was not."""
        apart = self._wall() - self._steady()
        by, self._apart = apart - self._apart, apart
        return by if abs(by) >= MIN_JUMP else 0.0
