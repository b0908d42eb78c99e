"""How old a checker's last sign of life is, seen once and by the API server's clock alone. Pure.

A program that watches measures how long a Lease has not changed. Who looks once cannot; but the
API server itself notes in `managedFields` when it last took a change, and dates its answers. So
no clock of ours or of a checker's is compared with another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from inferencehealth.controller.views import Silence, SilenceOf

GONE: Final = Silence(float("inf"), "it stopped")
"""The silence of a checker whose Lease is not there: it was deleted when the checker ended."""


@dataclass(frozen=True, slots=True)
class SignOfLife:
    """A checker's Lease: `renewed` changes with each renewal, `written` is when the last came."""

    renewed: str
    written: datetime


def sign_of_life(lease: Mapping[str, Any]) -> SignOfLife | None:
    """What a Lease object says; None for one that was never renewed.

    By kubernetes' apimachinery (pkg/util/managedfields) an apply that changes a value sets the
    time of its manager's entry to that of the API server. Without entries the checker's own time
    counts.
    """
    renewed = (lease.get("spec") or {}).get("renewTime") or ""
    entries = lease["metadata"].get("managedFields") or ()
    times = [entry["time"] for entry in entries if entry.get("time")] or [renewed]
    if not renewed:
        return None
    return SignOfLife(renewed, max(map(_moment, times)))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Heard:
    """A checker's last sign of life: so old (seconds) when it was seen, at `seen` (monotonic)."""

    renewed: str
    age: float
    seen: float
    since: str


def heard(
    before: Heard | None, sign: SignOfLife, *, server_time: datetime | None, now: float
) -> Heard:
    """What is known of a checker after its Lease was seen.

    `server_time` is when the API server said so, None for an event of a watch, which comes at
    once; `now` are monotonic seconds.
    """
    if before is not None and before.renewed == sign.renewed:
        return before
    age = max(0.0, (server_time - sign.written).total_seconds()) if server_time else 0.0
    return Heard(sign.renewed, age, now, f"{sign.written:%H:%M:%S} UTC")


def silences(known: Mapping[str, Heard], now: float) -> SilenceOf:
    """The silence of each checker by the name of its Lease, at `now`."""

    def silence(lease: str) -> Silence:
        found = known.get(lease)
        return Silence(found.age + now - found.seen, found.since) if found else GONE

    return silence


def unheard(_lease: str) -> Silence:
    """The silence of checkers whose Leases may not be read: nothing is held against them."""
    return Silence(0.0, "")
