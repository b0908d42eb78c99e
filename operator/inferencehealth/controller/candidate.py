"""What a copy of the controller does about the Lease that says who acts. Pure.

Nobody compares clocks: a candidate measures on its own monotonic clock how long ago the renewal
last changed; what the Lease says is never read as a time.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from inferencehealth.kube.leases import Sighting
from inferencehealth.kube.requests import JsonObject
from inferencehealth.kube.timestamps import micro_time

LEASE: Final = "inferencehealth-controller"
"""Name of the Lease, in the operator's own namespace."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Seconds, those of Kubernetes' own controllers: a takeover needs `lease` of silence."""

    lease: float = 15.0
    deadline: float = 10.0
    """Without a renewal for so long a leader ends: a third of the lease before it is another's."""
    retry: float = 2.0
    request: float = 3.0
    """One request: three tries fit into the deadline."""


class Move(StrEnum):
    """What a copy has to do about the Lease that it sees."""

    CLAIM = "claim"
    RENEW = "renew"
    WAIT = "wait"
    LOST = "lost"


def decide(seen: Sighting | None, me: str, now: float, *, leads: bool, terms: Terms) -> Move:
    """What to do about the Lease as it was just read; None: there is none."""
    if seen is None or not seen.lease.holder:
        return Move.CLAIM
    if seen.lease.holder == me:
        return Move.RENEW
    if leads:
        return Move.LOST
    return Move.WAIT if now <= expires(seen, terms) else Move.CLAIM


def expires(seen: Sighting, terms: Terms) -> float:
    """When its holder has been silent for long enough, on the reader's clock.

    A holder of another version may have other terms; the longer ones count.
    """
    return seen.changed_at + max(seen.lease.duration, terms.lease)


def pause(seen: Sighting | None, now: float, chance: float, terms: Terms) -> float:
    """Seconds until a candidate looks again; `chance` in [0, 1) keeps candidates apart.

    It looks at the moment at which the Lease runs out, not only once a `retry`.
    """
    usual = terms.retry * (1 + chance / 10)
    left = expires(seen, terms) - now if seen else usual
    return min(usual, left + terms.retry * chance / 10) if left > 0 else usual


def claimed(raw: JsonObject | None, me: str, now: datetime, terms: Terms) -> JsonObject:
    """The Lease as its holder writes it; guarded by the resourceVersion it was read with."""
    before = raw or {"metadata": {"name": LEASE}}
    spec: dict[str, Any] = dict(before.get("spec") or {})
    if spec.get("holderIdentity") != me:
        spec["acquireTime"] = micro_time(now)
        spec["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + (raw is not None)
    spec |= {
        "holderIdentity": me,
        "leaseDurationSeconds": round(terms.lease),
        "renewTime": micro_time(now),
    }
    return {**before, "spec": spec}


def released(raw: JsonObject) -> JsonObject:
    """The Lease without a holder: whoever sees it may have it at once."""
    kept = {key: value for key, value in raw["spec"].items() if key != "holderIdentity"}
    return {**raw, "spec": kept}
