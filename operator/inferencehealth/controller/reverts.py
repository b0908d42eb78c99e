"""Somebody changes our probes back: noticed, counted, and given up before it becomes a war. Pure.

No conflict tells of it: a tool that forces its fields, or writes the whole object, never asks.
What tells is that we wrote a probe, nothing else has changed since, and it is not there any more.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from inferencehealth.api.names import FIELD_MANAGER
from inferencehealth.api.report import ProbesReport, ProbeState
from inferencehealth.api.rollouts import RevertReport, RolloutReport, RolloutState
from inferencehealth.controller.moments import elapsed, stamp
from inferencehealth.controller.remedies import BY_HAND, remedy
from inferencehealth.kubelet import same_probe
from inferencehealth.plan import Plan, by_kind
from inferencehealth.probes.merge import WRITES
from inferencehealth.probes.ownership import claims
from inferencehealth.workloads import OWNED_KINDS, Workload

ROUNDS: Final = 3
"""Times that we write before we give up: each costs the workload two rollouts."""
BACKOFF: Final = (60.0, 300.0)
"""Seconds from a revert until the next try, by round: a tool's sync period, then several."""
FORGIVEN: Final = 3600.0
"""Seconds in place after which reverts are forgotten: an hour is many a tool's slowest period."""

_WRITTEN: Final = frozenset({RolloutState.ROLLING, RolloutState.VERIFYING, RolloutState.DONE})


def observe(
    before: ProbesReport, planned: Plan, target: Workload, subject: str, now: datetime
) -> tuple[RevertReport | None, bool]:
    """Who reverted us as far as is known now, and whether that has just happened once more.

    `before` is what the report says; `subject` the digest of policy and pod template.
    """
    known = before.reverts if before.reverts and before.reverts.subject == subject else None
    lost = _lost(before, planned, subject)
    if not lost:
        forgiven = known and not known.stopped and _held(before.rollout, now) > FORGIVEN
        return (None if forgiven else known), False
    count = known.count + 1 if known else 1
    manager = _culprit(target, planned.detection.container, lost)
    found = RevertReport(
        count=count,
        stopped=count >= ROUNDS or not manager or manager.startswith(BY_HAND),
        manager=manager,
        field=" and ".join(lost),
        since=stamp(now),
        subject=subject,
    )
    return found, True


def pause(reverts: RevertReport | None, now: datetime) -> float:
    """Seconds to wait before the next try; 0: none."""
    if reverts is None or reverts.stopped:
        return 0.0
    wait = BACKOFF[min(reverts.count, len(BACKOFF)) - 1]
    return max(0.0, wait - elapsed(reverts.since, now))


def given_up(reverts: RevertReport | None) -> tuple[str, ...]:
    """The probes that we leave to somebody else, by their fields; none while we still try.

    Our name has to go from them: what is left of ours in a probe, a number that the other never
    wrote, would stand alone when its owner deletes the rest, and the API server refuses that.
    """
    if reverts is None or not reverts.stopped:
        return ()
    return tuple(kind for kind in OWNED_KINDS if kind in reverts.field)


def told(reverts: RevertReport, kind: str) -> str:
    """What happened and what ends it, for the owner of a workload of that kind."""
    who = repr(reverts.manager) if reverts.manager else "somebody who left no name"
    times = f"{reverts.count} times" if reverts.count > 1 else "once"
    happened = f"{who} changed our {reverts.field} back, {times}"
    if reverts.stopped:
        return f"{happened}. {remedy(reverts.manager, kind)}"
    return f"{happened}; round {reverts.count} of {ROUNDS}. {remedy(reverts.manager, kind)}"


def _lost(before: ProbesReport, planned: Plan, subject: str) -> tuple[str, ...]:
    """The probes that we wrote for this very subject and that are not as we wrote them."""
    record = before.rollout
    if record is None or record.subject != subject or record.state not in _WRITTEN:
        return ()
    reported = by_kind(before)
    return tuple(
        each.kind
        for each in planned.probes
        if each.action in WRITES
        and (old := reported[each.kind])
        and old.state is ProbeState.INJECTED
        and not same_probe(old.wanted, each.existing)
    )


def _held(record: RolloutReport | None, now: datetime) -> float:
    """Seconds for which what we wrote has been in place."""
    return elapsed(record.since, now) if record and record.state in _WRITTEN else 0.0


def _culprit(target: Workload, container: str, kinds: Iterable[str]) -> str:
    """Who owns a part of those probes now; of several, who came last. Empty: nobody."""
    found: list[Mapping[str, Any]] = [
        entry for entry in claims(target, container, kinds) if entry.get("manager") != FIELD_MANAGER
    ]
    return str(max(found, key=lambda e: str(e.get("time", "")))["manager"]) if found else ""
