"""Which workloads of a policy are changed now, and why the others are not. Pure.

Plan all, change few at a time: a change that replaces serving pods takes one of
rollout.maxConcurrent turns; one that disturbs nobody (scaled to zero, nothing serves yet, pods
replaced by hand) needs none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from inferencehealth.api.policy import Policy
from inferencehealth.api.probes import Mode
from inferencehealth.api.report import ProbeState
from inferencehealth.api.rollouts import RevertReport, RolloutReport, RolloutState
from inferencehealth.controller import window
from inferencehealth.controller.guard import RUNNING
from inferencehealth.controller.inject import Refusal
from inferencehealth.controller.reverts import pause, told
from inferencehealth.controller.rollouts import Phase, Progress
from inferencehealth.probes.writes import JsonPatch, SsaApply
from inferencehealth.workloads import Workload

QUIET = frozenset({Phase.EMPTY, Phase.FRESH, Phase.MANUAL})
"""Phases in which a change disturbs nobody."""


class Act(StrEnum):
    """What is done about a workload in this run."""

    LEAVE = "Leave"
    WRITE = "Write"
    PUT_BACK = "PutBack"


@dataclass(frozen=True, slots=True)
class Case:
    """A workload of the policy, with all that the decision depends on."""

    target: Workload
    progress: Progress
    write: SsaApply | JsonPatch | None
    """What is left to write."""
    record: RolloutReport | None
    reverts: RevertReport | None
    refusal: Refusal | None
    """The API server's answer, if exactly this has been tried before."""
    undone: bool = True
    """Whether the old probes are back after a rollout that was halted."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and what to say where that is to wait; `again`: seconds until to look again."""

    act: Act
    state: ProbeState | None = None
    message: str = ""
    again: float | None = None


def decide(policy: Policy, cases: Sequence[Case], now: datetime) -> list[Decision]:
    """A decision for each case, in their order."""
    running = [c.target.ref for c in cases if _takes_a_turn(c)]
    halted = [c.target.ref for c in cases if c.record and c.record.state is RolloutState.HALTED]
    decisions = []
    for case in cases:
        made = _alone(policy, case, now) or _together(policy, running, halted, now)
        if made.act is Act.WRITE and case.progress.phase not in QUIET:
            running.append(case.target.ref)
        decisions.append(made)
    return decisions


def _takes_a_turn(case: Case) -> bool:
    """Whether our change is replacing its serving pods, and nobody has paused that."""
    record = case.record
    rolls = record is not None and record.state in RUNNING and record.available > 0
    return rolls and case.progress.phase is not Phase.PAUSED


def _alone(policy: Policy, case: Case, now: datetime) -> Decision | None:
    """What follows from the workload itself; None: it depends on the others."""
    if policy.spec.probes.mode is not Mode.APPLY:
        return Decision(Act.LEAVE)
    if case.record and case.record.state is RolloutState.HALTED:
        act = Act.LEAVE if case.undone else Act.PUT_BACK
        return Decision(act, ProbeState.HALTED, case.record.message)
    if case.reverts and case.reverts.stopped:
        return Decision(Act.LEAVE, ProbeState.CONFLICTED, told(case.reverts, case.target.kind))
    if case.write is None:
        return Decision(Act.LEAVE)
    if case.refusal:
        return Decision(Act.LEAVE, case.refusal.state, case.refusal.message)
    if case.reverts and isinstance(case.write, JsonPatch) and (left := pause(case.reverts, now)):
        why = told(case.reverts, case.target.kind)
        return Decision(Act.LEAVE, ProbeState.PENDING, why, again=left)
    if case.progress.phase in QUIET:
        return Decision(Act.WRITE)
    if case.progress.phase is Phase.PAUSED:
        return _waits("it is paused; its probes come once it is resumed")
    if case.progress.phase is Phase.ROLLING:
        return _waits("waits for the rollout that is under way to end")
    return None


def _together(
    policy: Policy, running: Sequence[str], halted: Sequence[str], now: datetime
) -> Decision:
    rollout = policy.spec.probes.rollout
    if halted:
        return _waits(f"no rollout is started, because that of {_named(halted)} failed")
    if not window.is_open(rollout.window, now):
        return _until_open(policy, now)
    if len(running) >= rollout.max_concurrent:
        several = "one workload" if rollout.max_concurrent == 1 else "few workloads"
        return _waits(f"waits for the rollout of {_named(running)}: {several} at a time")
    return Decision(Act.WRITE)


def _until_open(policy: Policy, now: datetime) -> Decision:
    asked = policy.spec.probes.rollout.window
    if asked is None or window.zone(asked.time_zone) is None:
        return _waits("the time zone of spec.probes.rollout.window is not known")
    opening = window.next_opening(asked, now)
    why = f"waits for the maintenance window, which opens {window.in_words(opening)}"
    return Decision(
        Act.LEAVE, ProbeState.PENDING, why, again=max(1.0, (opening - now).total_seconds())
    )


def _waits(why: str) -> Decision:
    return Decision(Act.LEAVE, ProbeState.PENDING, why)


def _named(refs: Iterable[str]) -> str:
    first, *others = refs
    return f"{first} and {len(others)} more" if others else first
