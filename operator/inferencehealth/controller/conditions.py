"""The conditions of a policy's status, each a pure function of what is known about its workloads.

They follow kstatus: `Ready` says whether everything required serves, `Reconciling` that it is on
its way there by itself, `Stalled` that somebody has to act first.
"""

import re
from collections.abc import Iterable, Sequence

from inferencehealth.api.conditions import REASON, Condition, ConditionStatus
from inferencehealth.api.policy import Policy
from inferencehealth.api.probes import Mode
from inferencehealth.api.report import Finding, ProbeState
from inferencehealth.api.rollouts import RolloutState
from inferencehealth.checks.verdicts import RANK, Verdict
from inferencehealth.controller.claims import LostClaim
from inferencehealth.controller.guard import RUNNING
from inferencehealth.controller.views import View, is_short
from inferencehealth.problems import REASONS

HALTED = "RolloutHalted"
OTHER = "Other"
"""Reason in place of one that is not a word."""
NAMED = 3
"""Things named in one message before "and N more"."""

_SETTLED = frozenset({ProbeState.INJECTED, ProbeState.KEPT})
_TROUBLED = frozenset({ProbeState.CONFLICTED, ProbeState.REFUSED})


def conditions(
    policy: Policy,
    views: Sequence[View],
    lost: Sequence[LostClaim],
    *,
    unseen: Sequence[str] = (),
    learning: bool = False,
) -> tuple[Condition, ...]:
    """All of them, in the order in which people read them; not yet dated. `unseen`: why kinds of
    workload are not seen. `learning`: API servers may not know yet what joins new workloads."""
    return (
        _ready(views, lost, unseen),
        _probes_injected(policy, views),
        _probes_conflicted(views),
        _reconciling(views, learning=learning),
        _stalled(views, lost),
    )


def _ready(views: Sequence[View], lost: Sequence[LostClaim], unseen: Sequence[str]) -> Condition:
    if not views:
        return _nothing_held(lost, unseen)
    troubled = sorted(filter(is_short, views), key=_badness, reverse=True)
    if not troubled:
        pods = sum(v.serving for v in views)
        if not pods:
            return _condition("Ready", ConditionStatus.UNKNOWN, "NoPods", "no pod is wanted")
        return _condition(
            "Ready",
            ConditionStatus.TRUE,
            "Serving",
            f"all that is required is served, by {_count(pods, 'pod')}",
        )
    worst = troubled[0]
    status = (
        ConditionStatus.UNKNOWN
        if worst.health.verdict == Verdict.UNKNOWN.value and not worst.health.counts.broken
        else ConditionStatus.FALSE
    )
    return _condition(
        "Ready",
        status,
        worst.health.reason or worst.health.verdict,
        _named(map(_sentence, troubled)),
    )


def _badness(view: View) -> tuple[int, str]:
    return RANK.get(view.health.verdict, len(RANK)), view.ref


def _sentence(view: View) -> str:
    wanted = max(view.desired, view.health.counts.total)
    told = view.health.message or view.health.verdict
    return f"{view.ref} serves on {view.serving} of {_count(wanted, 'pod')}: {told}"


def _nothing_held(lost: Sequence[LostClaim], unseen: Sequence[str]) -> Condition:
    if lost:
        return _condition("Ready", ConditionStatus.FALSE, "WorkloadClaimed", _lost_message(lost))
    told = (
        "the selector matches no workload in this namespace; compare spec.target.kinds and "
        "spec.target.selector with the labels of the workloads (not of their pods)"
    )
    return _condition("Ready", ConditionStatus.UNKNOWN, "NoWorkloads", "; ".join((*unseen, told)))


def _probes_injected(policy: Policy, views: Sequence[View]) -> Condition:
    mode = policy.spec.probes.mode
    states = [v.report.status.probes.state for v in views]
    done = sum(state in _SETTLED for state in states)
    if mode in (Mode.OFF, Mode.RECOMMEND):
        reason, what = {
            Mode.OFF: ("Off", "probes are left alone (mode Off)"),
            Mode.RECOMMEND: (
                "RecommendOnly",
                "probes are recommended in the reports, nothing is touched (mode Recommend)",
            ),
        }[mode]
        return _condition("ProbesInjected", ConditionStatus.FALSE, reason, what)
    if not views:
        return _condition(
            "ProbesInjected", ConditionStatus.FALSE, "NoWorkloads", "no workload held"
        )
    if done == len(states):
        return _condition(
            "ProbesInjected",
            ConditionStatus.TRUE,
            "InPlace",
            f"the probes of {_count(done, 'workload')} are as they should be{_gates(views)}",
        )
    waiting = [v for v in views if v.report.status.probes.state not in _SETTLED]
    worst = max((v.report.status.probes.state for v in waiting), key=tuple(ProbeState).index)
    waiting.sort(key=lambda v: v.report.status.probes.state is not worst)
    if mode is Mode.INITIAL and worst is ProbeState.RECOMMENDED:
        return _condition(
            "ProbesInjected",
            ConditionStatus.FALSE,
            "WaitingForRollout",
            f"{done} of {_count(len(states), 'workload')} have their probes; the others join the "
            f"next rollout that somebody else starts: {_named(v.ref for v in waiting)}",
        )
    return _condition(
        "ProbesInjected",
        ConditionStatus.FALSE,
        HALTED if worst is ProbeState.HALTED else worst.value,
        _named(f"{v.ref}: {_probe_message(v)}" for v in waiting),
    )


def _gates(views: Sequence[View]) -> str:
    gated = sum(v.report.status.probes.gate is ProbeState.INJECTED for v in views)
    return f"; the pods of {_count(gated, 'workload')} have the readiness gate" if gated else ""


def _probe_message(view: View) -> str:
    probes = view.report.status.probes
    return probes.message or f"probes are {probes.state.value}"


def _probes_conflicted(views: Sequence[View]) -> Condition:
    conflicted = [v for v in views if v.report.status.probes.state in _TROUBLED]
    if not conflicted:
        return _condition(
            "ProbesConflicted", ConditionStatus.FALSE, "None", "nobody else holds them"
        )
    return _condition(
        "ProbesConflicted",
        ConditionStatus.TRUE,
        conflicted[0].report.status.probes.state.value,
        _named(f"{v.ref}: {_probe_message(v)}" for v in conflicted),
    )


def _reconciling(views: Sequence[View], *, learning: bool) -> Condition:
    moving = [f"{v.ref}: {why}" for v in views if (why := _moving(v))]
    if learning:
        # Whoever waits for the policy, such as a sync wave, creates workloads right after it.
        moving.insert(0, "the API servers learn which probes new workloads get")
    if not moving:
        return _condition("Reconciling", ConditionStatus.FALSE, "Settled", "nothing is under way")
    return _condition("Reconciling", ConditionStatus.TRUE, "InProgress", _named(moving))


def _moving(view: View) -> str:
    record = view.report.status.probes.rollout
    if record and record.state in RUNNING:
        what = "replaced" if record.state is RolloutState.ROLLING else "watched"
        return f"its pods are being {what} after a change of their probes"
    if view.report.status.probes.state is ProbeState.PENDING:
        return _probe_message(view)
    if view.health.reason in ("NotChecked", "Rechecking"):
        return view.health.message
    if view.health.counts.loading:
        return f"{_count(view.health.counts.loading, 'pod')} loading"
    return ""


def _stalled(views: Sequence[View], lost: Sequence[LostClaim]) -> Condition:
    errors = [(v, f) for v in views for f in v.report.status.findings if f.id in REASONS]
    if errors:
        return _condition(
            "Stalled",
            ConditionStatus.TRUE,
            errors[0][1].id,
            _named(f"{v.ref}: {_finding_message(f)}" for v, f in errors),
        )
    halted = [v for v in views if v.report.status.probes.state is ProbeState.HALTED]
    if halted:
        remedy = "change the policy or that workload to try again"
        told = _named(f"{v.ref}: {_probe_message(v)}" for v in halted)
        return _condition("Stalled", ConditionStatus.TRUE, HALTED, f"{told}; {remedy}")
    if lost:
        return _condition("Stalled", ConditionStatus.TRUE, "WorkloadClaimed", _lost_message(lost))
    return _condition("Stalled", ConditionStatus.FALSE, "None", "nothing waits for anybody")


def _finding_message(finding: Finding) -> str:
    return " ".join(part for part in (finding.message, finding.remedy) if part)


def _lost_message(lost: Sequence[LostClaim]) -> str:
    claimed = _named(f"{claim.workload} by {claim.holder!r}" for claim in lost)
    return (
        f"claimed by an older policy: {claimed}; narrow spec.target.selector of one of them, "
        "or delete this policy"
    )


def _condition(type_: str, status: ConditionStatus, reason: str, message: str) -> Condition:
    # A reason may come from a kubelet by way of a report, and so be any text.
    word = reason if re.fullmatch(REASON, reason) else OTHER
    return Condition(type=type_, status=status, reason=word, message=message)


def _named(things: Iterable[str]) -> str:
    """The first few by name, the rest by number."""
    listed = list(things)
    more = f"; and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    return "; ".join(listed[:NAMED]) + more


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
