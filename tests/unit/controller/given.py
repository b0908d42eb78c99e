"""Workloads, policies and records, as the tests of the rollout guard need them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from inferencehealth.api.policy import Policy
from inferencehealth.api.report import Health
from inferencehealth.api.rollouts import RolloutReport, RolloutState
from inferencehealth.api.status import VerdictCounts
from inferencehealth.controller.moments import stamp
from inferencehealth.workloads import Workload, workload

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SETTLED = {
    "observedGeneration": 2,
    "replicas": 2,
    "updatedReplicas": 2,
    "availableReplicas": 2,
    "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}],
}
PROGRESSING = [{"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}]
LATE = [
    {
        "type": "Progressing",
        "status": "False",
        "reason": "ProgressDeadlineExceeded",
        "message": "timed out",
    }
]


def ago(seconds: float) -> str:
    return stamp(NOW - timedelta(seconds=seconds))


def a_workload(
    name: str = "triton",
    *,
    kind: str = "Deployment",
    status: dict[str, Any] | None = None,
    revision: str = "2",
    container: dict[str, Any] | None = None,
    managed: list[dict[str, Any]] | None = None,
    generation: int = 2,
    **spec: Any,
) -> Workload:
    server = {"name": "server", "image": "triton:1", **(container or {})}
    return workload(
        {
            "kind": kind,
            "apiVersion": "apps/v1",
            "metadata": {
                "name": name,
                "namespace": "ml",
                "uid": f"uid-{name}",
                "generation": generation,
                "annotations": {"deployment.kubernetes.io/revision": revision},
                "managedFields": managed or [],
            },
            "spec": {
                "replicas": 2,
                "progressDeadlineSeconds": 600,
                "template": {"metadata": {}, "spec": {"containers": [server]}},
                **spec,
            },
            "status": SETTLED if status is None else status,
        }
    )


def a_policy(mode: str = "Apply", generation: int = 1, **probes: Any) -> Policy:
    return Policy.model_validate(
        {
            "apiVersion": "inferencehealth.dev/v1alpha1",
            "kind": "InferenceHealthPolicy",
            "metadata": {"name": "p", "namespace": "ml", "generation": generation},
            "spec": {
                "target": {"selector": {"matchLabels": {"a": "b"}}},
                "probes": {"mode": mode, **probes},
            },
        }
    )


def a_record(state: RolloutState = RolloutState.ROLLING, **more: Any) -> RolloutReport:
    given = {"since": ago(30), "subject": "s", "generation": 2, "available": 2} | more
    return RolloutReport(state=state, **given)


def a_health(verdict: str = "Ready", **counts: int) -> Health:
    total = sum(counts.values())
    return Health(verdict=verdict, counts=VerdictCounts(total=total, **counts))
