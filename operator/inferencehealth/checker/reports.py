"""A report trimmed to what a checker needs: what to ask, and what was said last."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inferencehealth.api.report import CheckSpec, Health, ProbeState, Report, WorkloadRef
from inferencehealth.kube.store import Key


@dataclass(frozen=True, slots=True)
class ReportRecord:
    """One report. `check` is None while it is not known what to check.

    `health` is what the checkers wrote last, None before they wrote anything. `our_probes`: a
    startup or liveness probe of ours is in place.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    policy: str
    workload: WorkloadRef
    check: CheckSpec | None
    health: Health | None
    our_probes: bool = False
    desired: int = 0
    """Pods that the workload wants; 0 while the controller has not said it."""

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return self.namespace, self.name

    @property
    def policy_key(self) -> Key:
        """Namespace and name of its policy."""
        return self.namespace, self.policy


def project_report(raw: Mapping[str, Any]) -> ReportRecord:
    """The record of an InferenceHealthReport; raises ValueError for one of another version."""
    status = raw.get("status") or {}
    report = Report.model_validate(
        {"metadata": raw["metadata"], "spec": raw["spec"], "status": {}},
    )
    return ReportRecord(
        namespace=report.metadata.namespace,
        name=report.metadata.name,
        uid=report.metadata.uid,
        generation=report.metadata.generation,
        policy=report.spec.policy,
        workload=report.spec.workload,
        check=report.spec.check,
        health=_health(status.get("health")),
        our_probes=_are_ours(status.get("probes") or {}),
        desired=status.get("desiredPods") or 0,
    )


def _are_ours(probes: Mapping[str, Any]) -> bool:
    states = ((probes.get(name) or {}).get("state") for name in ("startup", "liveness"))
    return ProbeState.INJECTED.value in states


def _health(raw: Mapping[str, Any] | None) -> Health | None:
    """What was said last; None where another version said it in a way that this one cannot read."""
    if not raw:
        return None
    try:
        return Health.model_validate(raw)
    except ValueError:
        return None
