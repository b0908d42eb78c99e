"""From policies and their reports to the tree that `ihp status` shows. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from inferencehealth.api.conditions import Condition, ConditionStatus
from inferencehealth.api.policy import Policy
from inferencehealth.api.report import ItemHealth, PodHealth, ProbeState, Report
from inferencehealth.api.status import PolicyStatus
from inferencehealth.checks.verdicts import RANK, SERVING, Verdict
from inferencehealth.controller.conditions import conditions
from inferencehealth.controller.reading import Unreadable
from inferencehealth.controller.views import SilenceOf, View, is_short, view
from inferencehealth.status import commands

HEALTHY: Final = frozenset(verdict.value for verdict in SERVING)
UNTROUBLED: Final = frozenset({Verdict.READY.value})
"""Verdicts of which only the number is of interest."""
NEEDS_SOMEBODY: Final = frozenset({ProbeState.CONFLICTED, ProbeState.REFUSED, ProbeState.HALTED})
NOT_SEEN: Final = "NotReconciled"
"""Reason for a policy that the controller has not looked at since it was written."""

Key = tuple[str, str]
"""Namespace and name of a policy."""


@dataclass(frozen=True, slots=True)
class PodNode:
    """One pod. `since` is RFC 3339, `latency` in seconds, 0 where nothing was measured."""

    name: str
    verdict: str
    reason: str
    message: str
    since: str
    latency: float
    kubelet_ready: bool
    restarts: int
    gate: str
    next: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ItemNode:
    """A model or a component over the workload's pods."""

    kind: str
    name: str
    required: bool
    ready: int
    total: int
    state: str
    reason: str
    message: str

    @property
    def serves(self) -> bool:
        """Whether it does on all pods that were asked."""
        return self.ready >= self.total and self.state in UNTROUBLED | {""}


@dataclass(frozen=True, slots=True)
class Note:
    """A finding: its stable name, and what is the case."""

    id: str
    message: str


@dataclass(frozen=True, slots=True)
class WorkloadNode:
    """One workload. `short`: it serves less than it should. `next` are commands to type."""

    ref: str
    profile: str
    verdict: str
    reason: str
    message: str
    since: str
    serving: int
    total: int
    desired: int
    models: str
    probes: str
    probes_message: str
    short: bool
    pods: tuple[PodNode, ...]
    items: tuple[ItemNode, ...]
    findings: tuple[Note, ...]
    next: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PolicyNode:
    """One policy. `ready` is the status of its condition Ready; `problems` wait for somebody."""

    namespace: str
    name: str
    mode: str
    verdict: str
    ready: str
    reason: str
    message: str
    serving: int
    total: int
    workloads: tuple[WorkloadNode, ...]
    problems: tuple[Note, ...]
    next: tuple[str, ...]


def tree(
    policies: Iterable[Policy | Unreadable],
    reports: Iterable[Report],
    silence_of: SilenceOf,
    system: str,
) -> tuple[PolicyNode, ...]:
    """The policies by namespace and name, each with its workloads, those in trouble first.

    `system` is the operator's own namespace.
    """
    answers = by_policy(reports)
    nodes = (
        policy_node(
            each, answers.get((each.metadata.namespace, each.metadata.name), ()), silence_of, system
        )
        for each in policies
    )
    return tuple(sorted(nodes, key=lambda node: (node.namespace, node.name)))


def by_policy(reports: Iterable[Report]) -> Mapping[Key, Sequence[Report]]:
    """The reports of each policy."""
    found: dict[Key, list[Report]] = {}
    for report in reports:
        found.setdefault((report.metadata.namespace, report.spec.policy), []).append(report)
    return found


def policy_node(
    policy: Policy | Unreadable, reports: Iterable[Report], silence_of: SilenceOf, system: str
) -> PolicyNode:
    """One policy with all that answers to it."""
    views = [view(report, silence_of) for report in reports]
    workloads = sorted((workload_node(v, system) for v in views), key=_worst_first)
    ready = _ready(policy, views)
    listed = [w.verdict for w in workloads if w.total or w.short]
    problems = tuple(_problems(policy.status, views))
    meta = policy.metadata
    return PolicyNode(
        namespace=meta.namespace,
        name=meta.name,
        mode=policy.spec.probes.mode.value if isinstance(policy, Policy) else "",
        verdict=max(listed, key=lambda v: RANK.get(v, 0), default=""),
        ready=ready.status.value,
        reason=ready.reason,
        message=ready.message,
        serving=sum(v.serving for v in views),
        total=sum(v.health.counts.total for v in views),
        workloads=tuple(workloads),
        problems=problems,
        next=commands.of_policy(
            meta.namespace,
            meta.name,
            waits=bool(problems) or not views,
            reason=ready.reason,
            system=system,
        ),
    )


def _ready(policy: Policy | Unreadable, views: Sequence[View]) -> Condition:
    """Its condition Ready as it is now: the controller's own rule, applied to what is current.

    What the controller wrote counts only where there is nothing to apply the rule to.
    """
    meta, status = policy.metadata, policy.status
    if isinstance(policy, Unreadable):
        return _condition(ConditionStatus.FALSE, "InvalidSpec", policy.message)
    if status.observed_generation < meta.generation:
        message = "the controller has not seen this version of the policy yet; is it running?"
        return _condition(ConditionStatus.UNKNOWN, NOT_SEEN, message)
    if not views:
        said = next((c for c in status.conditions if c.type == "Ready"), None)
        missing = _condition(ConditionStatus.UNKNOWN, NOT_SEEN, "the controller said nothing yet")
        return said or missing
    return next(c for c in conditions(policy, views, ()) if c.type == "Ready")


def _condition(status: ConditionStatus, reason: str, message: str) -> Condition:
    return Condition(type="Ready", status=status, reason=reason, message=message)


def _problems(status: PolicyStatus, views: Sequence[View]) -> Iterable[Note]:
    for condition in status.conditions:
        # With workloads at hand, who is refused or stalled is told beside each of them.
        if condition.type == "Stalled" and condition.status is ConditionStatus.TRUE and views:
            yield Note(condition.reason, condition.message)


def workload_node(seen: View, system: str) -> WorkloadNode:
    """One workload; of its pods all that its report lists."""
    report, health = seen.report, seen.health
    check, status = report.spec.check, report.status
    namespace = report.metadata.namespace
    container = check.container if check else ""
    pods = tuple(_pod(namespace, container, pod) for pod in health.pods)
    short = is_short(seen)
    troubled = status.probes.state in NEEDS_SOMEBODY
    findings = [*health.findings, *(f for f in status.findings if f.severity == "error")]
    stands_alone = short and all(pod.verdict in UNTROUBLED for pod in pods)
    return WorkloadNode(
        ref=seen.ref,
        profile=check.profile if check else "",
        verdict=health.verdict,
        reason=health.reason,
        message=health.message,
        since=health.last_transition_time,
        serving=seen.serving,
        total=health.counts.total,
        desired=seen.desired,
        models=health.models_serving,
        probes=status.probes.state.value,
        probes_message=status.probes.message if troubled else "",
        short=short,
        pods=pods,
        items=tuple(
            _item(kind, item)
            for kind, items in (("model", health.models), ("component", health.components))
            for item in items
        ),
        findings=tuple(Note(f.id, " ".join(filter(None, (f.message, f.remedy)))) for f in findings),
        next=commands.of_workload(
            namespace,
            seen.ref,
            reason=health.reason if stands_alone else "",
            report=report.metadata.name if troubled else "",
            advice=bool(health.findings),
            system=system,
        ),
    )


def _worst_first(node: WorkloadNode) -> tuple[bool, int, str]:
    return not node.short, -RANK.get(node.verdict, 0), node.ref


def _pod(namespace: str, container: str, pod: PodHealth) -> PodNode:
    return PodNode(
        name=pod.name,
        verdict=pod.verdict,
        reason=pod.reason,
        message=pod.message,
        since=pod.since,
        latency=pod.latency,
        kubelet_ready=pod.kubelet_ready,
        restarts=pod.restarts,
        gate=pod.gate,
        next=commands.of_pod(namespace, pod.name, container, pod.verdict, pod.reason),
    )


def _item(kind: str, item: ItemHealth) -> ItemNode:
    return ItemNode(
        kind=kind,
        name=f"{item.name}:{item.version}" if item.version else item.name,
        required=item.required,
        ready=item.ready,
        total=item.total,
        state=item.state,
        reason=item.reason,
        message=item.message,
    )
