"""A plan as its workload's report shows it."""

import json
from typing import Any, Final

from inferencehealth.api.report import ProbeReport, ProbesReport, ProbeState
from inferencehealth.plan.planning import Plan
from inferencehealth.probes.merge import Action, ProbePlan

_STATES: Final[dict[Action, ProbeState]] = {
    Action.OFF: ProbeState.OFF,
    Action.RECOMMEND: ProbeState.RECOMMENDED,
    Action.KEEP: ProbeState.KEPT,
    Action.INJECT: ProbeState.PENDING,
    Action.REPLACE: ProbeState.PENDING,
    Action.REMOVE: ProbeState.PENDING,
    Action.IN_PLACE: ProbeState.INJECTED,
}

_FROM_SETTLED: Final = tuple(ProbeState)
"""States from settled to troubled: the most troubled probe speaks for all three."""


def probes_report(planned: Plan, *, previous: ProbesReport | None = None) -> ProbesReport:
    """The probe half of a report's status, as long as no write has failed.

    `previous` is what the report says now: the author's probes that ours replaced are carried
    over from it. A plan with problems has no probes; its problems are told as findings.
    """
    before = previous or ProbesReport()
    originals = {
        "startupProbe": before.startup,
        "livenessProbe": before.liveness,
        "readinessProbe": before.readiness,
    }
    told = {
        one.kind: _probe_report(one, originals[one.kind])
        for one in planned.probes
        if one.wanted or one.existing
    }
    states = [report.state for report in told.values()]
    return ProbesReport(
        state=max(states, key=_FROM_SETTLED.index, default=ProbeState.OFF),
        startup=told.get("startupProbe"),
        liveness=told.get("livenessProbe"),
        readiness=told.get("readinessProbe"),
        patch=json.dumps(planned.patch, separators=(",", ":")) if planned.patch else "",
    )


def _probe_report(one: ProbePlan, previous: ProbeReport | None) -> ProbeReport:
    return ProbeReport(
        state=_state(one), wanted=one.wanted, original=_original(one, previous), reason=one.reason
    )


def _state(one: ProbePlan) -> ProbeState:
    foreign = one.action is Action.IN_PLACE and not one.ours
    return ProbeState.KEPT if foreign else _STATES[one.action]


def _original(one: ProbePlan, previous: ProbeReport | None) -> dict[str, Any] | None:
    if one.action is Action.REPLACE:
        return one.existing
    return previous.original if previous and one.ours else None
