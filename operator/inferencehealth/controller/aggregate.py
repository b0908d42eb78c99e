"""From the reports of a policy's workloads to the policy's status, bounded in size. Pure."""

from collections.abc import Iterable, Sequence

from inferencehealth.api.conditions import Condition, ConditionStatus, carry_transitions
from inferencehealth.api.policy import Policy
from inferencehealth.api.report import ItemHealth, Report
from inferencehealth.api.status import (
    Case,
    ModelCount,
    PolicyStatus,
    Summary,
    VerdictCounts,
    enough_serve,
)
from inferencehealth.checks.verdicts import RANK, Verdict
from inferencehealth.controller.claims import LostClaim
from inferencehealth.controller.conditions import conditions
from inferencehealth.controller.views import SilenceOf, View, is_short, view

MAX_CASES = 20
"""Worst cases listed in a policy's status (the CRD's maxItems)."""
MAX_MODELS = 50
"""Models listed in a policy's status (the CRD's maxItems)."""


def policy_status(
    policy: Policy,
    reports: Iterable[Report],
    *,
    lost: Sequence[LostClaim],
    silence_of: SilenceOf,
    now: str,
    unseen: Sequence[str] = (),
    learning: bool = False,
) -> PolicyStatus:
    """The whole status. `silence_of` tells whether the checkers still look, `unseen` why kinds of
    workload are not seen, `learning` whether API servers may not know yet what joins new ones."""
    views = [view(report, silence_of) for report in reports]
    generation = policy.metadata.generation
    said = conditions(policy, views, lost, unseen=unseen, learning=learning)
    dated = carry_transitions(
        (c.model_copy(update={"observed_generation": generation}) for c in said),
        policy.status.conditions,
        now,
    )
    models = _models(views)
    return PolicyStatus(
        observed_generation=generation,
        summary=_summary(views, len(models)),
        pods=_counts(views),
        models=models[:MAX_MODELS],
        worst=_worst(views)[:MAX_CASES],
        conditions=dated,
    )


def invalid_status(
    policy_generation: int, message: str, old: PolicyStatus, now: str
) -> PolicyStatus:
    """The status of a policy whose spec this operator can't read: it does nothing and says why."""
    problem = {
        "reason": "InvalidSpec",
        "message": message,
        "observed_generation": policy_generation,
    }
    conditions = (
        Condition(type="Ready", status=ConditionStatus.FALSE, **problem),
        Condition(type="Stalled", status=ConditionStatus.TRUE, **problem),
    )
    return PolicyStatus(
        observed_generation=policy_generation,
        conditions=carry_transitions(conditions, old.conditions, now),
    )


def _counts(views: Iterable[View]) -> VerdictCounts:
    fields = VerdictCounts.model_fields
    totals = dict.fromkeys(fields, 0)
    for each in views:
        for name in fields:
            totals[name] += getattr(each.health.counts, name)
    return VerdictCounts(**totals)


def _models(views: Iterable[View]) -> tuple[ModelCount, ...]:
    """The models over all workloads, those that serve least first."""
    found: dict[str, ModelCount] = {}
    for model in (m for v in views for m in v.health.models):
        name = _model_name(model)
        before = found.get(name, ModelCount(name=name, ready=0, total=0))
        found[name] = ModelCount(
            name=name,
            ready=before.ready + model.ready,
            total=before.total + model.total,
            reason=before.reason or model.reason,
            message=before.message or model.message,
        )
    return tuple(sorted(found.values(), key=lambda m: (m.ready >= m.total, m.name)))


def _model_name(model: ItemHealth) -> str:
    return f"{model.name}:{model.version}" if model.version else model.name


def _models_serving(views: Iterable[View], models: int) -> str:
    """The models that in each of their workloads enough pods serve, of all."""
    missed = {
        _model_name(model)
        for each in views
        for model in each.health.models
        if not enough_serve(model.ready, model.total, each.desired)
    }
    return f"{models - len(missed)}/{models}" if models else "-"


def _worst(views: Iterable[View]) -> tuple[Case, ...]:
    """The worst pods first; what the checks found about a workload stands before its pods."""
    return tuple(sorted(_cases(views), key=lambda c: (-RANK.get(c.verdict, 0), c.workload, c.pod)))


def _cases(views: Iterable[View]) -> Iterable[Case]:
    for each in views:
        listed = [p for p in each.health.pods if p.verdict != Verdict.READY.value]
        for pod in listed:
            yield Case(
                workload=each.ref,
                pod=pod.name,
                verdict=pod.verdict,
                reason=pod.reason,
                message=pod.message,
                since=pod.since,
            )
        for finding in each.health.findings:
            yield Case(
                workload=each.ref,
                verdict=each.health.verdict,
                reason=finding.id,
                message=finding.message,
            )
        if not listed and is_short(each):
            yield Case(
                workload=each.ref,
                verdict=each.health.verdict,
                reason=each.health.reason,
                message=each.health.message,
            )


def _summary(views: Sequence[View], models: int) -> Summary:
    profiles = sorted({v.report.spec.check.profile for v in views if v.report.spec.check})
    verdicts = [v.health.verdict for v in views if v.health.counts.total or is_short(v)]
    pods = _counts(views).total
    return Summary(
        profile=",".join(profiles),
        workloads=len(views),
        pods=f"{sum(v.serving for v in views)}/{pods}",
        models=_models_serving(views, models),
        verdict=max(verdicts, key=lambda verdict: RANK.get(verdict, 0), default=""),
    )
