"""Where a workload stands with replacing its pods, by its controller's own word. Pure.

Sources: k8s.io/kubernetes pkg/controller/deployment (util/deployment_util.go: DeploymentComplete;
progress.go: a rollout that has once completed keeps the reason NewReplicaSetAvailable, also while
it is scaled or loses pods) and pkg/controller/statefulset (stateful_set_control.go).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from inferencehealth.workloads import Workload

REVISION = "deployment.kubernetes.io/revision"
FIRST_REVISION = "1"
COMPLETE = "NewReplicaSetAvailable"
DEADLINE = "ProgressDeadlineExceeded"


class Phase(StrEnum):
    """What a change of the pod template would meet now."""

    EMPTY = "Empty"
    """Scaled to zero: no pod to replace."""
    MANUAL = "Manual"
    """Its pods are replaced when somebody deletes them (OnDelete, or a partition above all)."""
    FRESH = "Fresh"
    """Its pods are being made and none is available yet: a change disturbs nobody, and joins a
    rollout that happens anyway.
    """
    PAUSED = "Paused"
    SETTLED = "Settled"
    """The last rollout is complete."""
    ROLLING = "Rolling"
    FAILED = "Failed"
    """The last rollout is not complete, and its controller has given it up."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The phase of a workload, what its controller says about it, and its available pods."""

    phase: Phase
    message: str = ""
    available: int = 0


def progress(workload: Workload) -> Progress:
    """Where the workload stands."""
    status: Mapping[str, Any] = workload.raw.get("status") or {}
    available = status.get("availableReplicas") or 0
    if workload.raw["spec"].get("paused"):
        return Progress(Phase.PAUSED, available=available)
    if not workload.replicas and not status.get("replicas"):
        return Progress(Phase.EMPTY)
    decide = _stateful_set if workload.kind == "StatefulSet" else _deployment
    phase, message = decide(workload, status)
    return Progress(phase, message, available)


def _deployment(workload: Workload, status: Mapping[str, Any]) -> tuple[Phase, str]:
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    reason = (conditions.get("Progressing") or {}).get("reason")
    updated, total = status.get("updatedReplicas") or 0, status.get("replicas") or 0
    available = status.get("availableReplicas") or 0
    if not available and (reason not in (None, COMPLETE) or _first(workload)):
        failed = reason == DEADLINE and _observed(workload, status)
        return (Phase.FAILED, _said(conditions)) if failed else (Phase.FRESH, "")
    if not _observed(workload, status):
        return Phase.ROLLING, ""
    if reason == DEADLINE:
        return Phase.FAILED, _said(conditions)
    if reason == COMPLETE:
        return (Phase.SETTLED if total == updated else Phase.ROLLING), ""
    if reason is None:  # no deadline is set, so nothing is said about progress either
        enough = min(updated, available) >= workload.replicas
        return (Phase.SETTLED if enough and total == updated else Phase.ROLLING), ""
    return Phase.ROLLING, ""


def _first(workload: Workload) -> bool:
    annotations = workload.raw["metadata"].get("annotations") or {}
    return bool(annotations.get(REVISION, FIRST_REVISION) == FIRST_REVISION)


def _observed(workload: Workload, status: Mapping[str, Any]) -> bool:
    return (status.get("observedGeneration") or 0) >= workload.generation


def _said(conditions: Mapping[str, Mapping[str, Any]]) -> str:
    """Why pods could not be made (a quota, say), else that there was no progress."""
    failure = conditions.get("ReplicaFailure") or conditions.get("Progressing") or {}
    return str(failure.get("message", ""))


def _stateful_set(workload: Workload, status: Mapping[str, Any]) -> tuple[Phase, str]:
    if _replaced_by_hand(workload):
        return Phase.MANUAL, ""
    same = status.get("currentRevision") == status.get("updateRevision")
    available = status.get("availableReplicas") or 0
    if not available and (not same or workload.generation == 1):
        return Phase.FRESH, ""
    if not _observed(workload, status):
        return Phase.ROLLING, ""
    due = workload.replicas - _partition(workload)
    updated = same or (status.get("updatedReplicas") or 0) >= due
    # Without a new revision, a pod that is missing is a failure of its own and no rollout.
    enough = same or available >= workload.replicas
    return (Phase.SETTLED if updated and enough else Phase.ROLLING), ""


def _replaced_by_hand(workload: Workload) -> bool:
    strategy = workload.raw["spec"].get("updateStrategy") or {}
    return strategy.get("type") == "OnDelete" or _partition(workload) >= max(workload.replicas, 1)


def _partition(workload: Workload) -> int:
    strategy = workload.raw["spec"].get("updateStrategy") or {}
    return int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
