"""What canaries were sent, and what they cost: counted as they end, told in metrics and reports."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from inferencehealth.api.report import CanaryCost
from inferencehealth.checks.steps import Reading, Sign

MAX_REQUESTS: Final = 8
"""Kinds of requests that a report lists; a server with one model has one."""


class Ended(StrEnum):
    """How a canary ended, or why none was needed."""

    GOOD = "Good"
    SLOW = "Slow"
    FAILED = "Failed"
    UNANSWERED = "Unanswered"
    BUSY = "Busy"
    REFUSED = "Refused"
    """The server did not take the request as such, or not without a key: no fault of its own."""
    SKIPPED = "Skipped"
    """Not sent: real requests made progress."""


_ENDS: Final = {
    Sign.SERVES: Ended.GOOD,
    Sign.DEGRADED: Ended.SLOW,
    Sign.FAILS: Ended.FAILED,
    Sign.SILENT: Ended.UNANSWERED,
    Sign.BUSY: Ended.BUSY,
}


def ended(reading: Reading) -> Ended:
    """How a canary ended whose answer reads like this."""
    return _ENDS.get(reading.sign, Ended.REFUSED)


@dataclass(slots=True)
class Tally:
    """The canaries of one workload, or of one kind of server, since this checker has it."""

    ends: Counter[Ended] = field(default_factory=Counter)
    seconds: float = 0.0
    requests: Counter[str] = field(default_factory=Counter)

    def add(self, end: Ended, seconds: float = 0.0, request: str = "") -> None:
        """Count one; `request` says what was sent, for a report."""
        self.ends[end] += 1
        self.seconds += seconds
        if request and (request in self.requests or len(self.requests) < MAX_REQUESTS):
            self.requests[request] += 1

    @property
    def sent(self) -> int:
        """Canaries that were sent."""
        return self.ends.total() - self.ends[Ended.SKIPPED]

    def cost(self, interval: float) -> CanaryCost | None:
        """As a report tells it; None where none was sent yet."""
        if not self.sent:
            return None
        return CanaryCost(
            requests=tuple(sorted(self.requests)),
            interval=interval,
            sent=self.sent,
            failed=self.ends[Ended.FAILED] + self.ends[Ended.UNANSWERED],
            skipped=self.ends[Ended.SKIPPED],
            seconds=round(self.seconds, 1),
        )
