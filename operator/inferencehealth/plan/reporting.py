"""A plan as its workload's report shows it."""

import json
from typing import Any, Final

from inferencehealth.api.report import ProbeReport, ProbesReport, ProbeState
from inferencehealth.groups import WORKER_INDEX
from inferencehealth.kubelet import same_probe
from inferencehealth.plan.planning import Plan
from inferencehealth.probes.merge import Action, ProbePlan
from inferencehealth.workloads import OWNED_KINDS

_STATES: Final[dict[Action, ProbeState]] = {
    Action.OFF: ProbeState.OFF,
    Action.RECOMMEND: ProbeState.RECOMMENDED,
    Action.JOIN: ProbeState.RECOMMENDED,
    Action.KEEP: ProbeState.KEPT,
    Action.INJECT: ProbeState.PENDING,
    Action.REPLACE: ProbeState.PENDING,
    Action.REMOVE: ProbeState.PENDING,
    Action.IN_PLACE: ProbeState.INJECTED,
}

JOINS: Final = "the probes join the next rollout that somebody else starts"
"""What a workload in mode Initial waits for."""
JOINS_LEADERS: Final = "the probes join the leader of each group when its pod is made the next time"
"""The same of a LeaderWorkerSet, which itself stays as it is."""

_FROM_SETTLED: Final = tuple(ProbeState)
"""States from settled to troubled: the most troubled probe speaks for all three."""


def probes_report(planned: Plan, *, previous: ProbesReport | None = None) -> ProbesReport:
    """The probe half of a report's status, as long as no write has failed.

    `previous` is what the report says now: the author's probes that ours replaced are carried
    over from it. A plan with problems has no probes; its problems are told as findings.
    """
    before = previous or ProbesReport()
    known = by_kind(before)
    told = {
        one.kind: _probe_report(one, known[one.kind])
        for one in planned.probes
        if one.wanted or one.existing
    }
    gate = None if planned.gate.action is Action.OFF else _STATES[planned.gate.action]
    states = [report.state for report in told.values()] + ([gate] if gate else [])
    if not planned.probes:  # what the author wrote must not be forgotten while nothing is planned
        told = {
            kind: ProbeReport(state=ProbeState.OFF, original=old.original)
            for kind, old in known.items()
            if old and old.original
        }
    return ProbesReport(
        state=max(states, key=_FROM_SETTLED.index, default=ProbeState.OFF),
        container=planned.detection.container or before.container,
        startup=told.get("startupProbe"),
        liveness=told.get("livenessProbe"),
        readiness=told.get("readinessProbe"),
        gate=gate,
        patch=json.dumps(planned.patch, separators=(",", ":")) if planned.patch else "",
        message=_joins(planned) if any(p.action is Action.JOIN for p in planned.probes) else "",
    )


def _joins(planned: Plan) -> str:
    grouped = planned.check is not None and WORKER_INDEX in planned.check.pod_selector.match_labels
    return JOINS_LEADERS if grouped else JOINS


def by_kind(probes: ProbesReport) -> dict[str, ProbeReport | None]:
    """What is reported of each probe, by its field in the container."""
    told = (probes.startup, probes.liveness, probes.readiness)
    return dict(zip(OWNED_KINDS, told, strict=True))


def _probe_report(one: ProbePlan, previous: ProbeReport | None) -> ProbeReport:
    return ProbeReport(
        state=_state(one),
        wanted=one.wanted,
        former=one.existing if one.ours and not same_probe(one.existing, one.wanted) else None,
        original=_original(one, previous),
        reason=one.reason,
    )


def _state(one: ProbePlan) -> ProbeState:
    foreign = one.action is Action.IN_PLACE and not one.ours
    return ProbeState.KEPT if foreign else _STATES[one.action]


def _original(one: ProbePlan, previous: ProbeReport | None) -> dict[str, Any] | None:
    joins = one.action is Action.JOIN and one.wanted and not one.ours
    if one.action is Action.REPLACE or joins:
        return one.existing
    return previous.original if previous and one.ours else None
