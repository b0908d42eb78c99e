"""Whether a workload is in the middle of replacing its pods. Pure."""

from typing import Any

from inferencehealth.workloads import Workload


def rolling(workload: Workload) -> bool:
    """Whether some of its pods still run an older template, or do not serve yet.

    Deployments and StatefulSets count their pods in the same fields (apps/v1).
    """
    status: dict[str, Any] = workload.raw.get("status") or {}
    if status.get("observedGeneration", 0) < workload.generation:
        return True
    wanted = workload.replicas
    return bool(
        status.get("updatedReplicas", 0) < wanted
        or status.get("availableReplicas", 0) < wanted
        or status.get("replicas", 0) > wanted
    )
