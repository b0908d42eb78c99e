"""Policies and reports as the tests of the tree need them."""

from typing import Any

from inferencehealth.api.policy import Policy
from inferencehealth.api.report import PodHealth, Report
from inferencehealth.controller.views import Silence, SilenceOf
from inferencehealth.status.reading import read_report

SINCE = "2026-11-21T12:00:00Z"
SYSTEM = "system"
CHECK = {
    "profile": "triton",
    "container": "server",
    "port": 8000,
    "podSelector": {"matchLabels": {"app": "a"}},
    "interval": "10s",
    "timeout": "5s",
    "failureThreshold": 3,
    "successThreshold": 1,
    "startupBudget": "10m",
}


def silent(seconds: float) -> SilenceOf:
    return lambda _lease: Silence(seconds, "11:00:00 UTC")


HEARD = silent(1.0)


def a_policy(
    name: str = "p", *, generation: int = 1, ready: str = "", namespace: str = "ml", **status: Any
) -> Policy:
    said = {"type": "Ready", "status": ready, "reason": "Said", "message": "so"}
    conditions = [said] if ready else []
    return Policy.model_validate(
        {
            "apiVersion": "inferencehealth.dev/v1alpha1",
            "kind": "InferenceHealthPolicy",
            "metadata": {"name": name, "namespace": namespace, "generation": generation},
            "spec": {"target": {"selector": {"matchLabels": {"a": "b"}}}},
            "status": {"observedGeneration": 1, "conditions": conditions} | status,
        }
    )


def a_pod(name: str = "a-1", verdict: str = "Ready", **more: Any) -> dict[str, Any]:
    given = {"name": name, "verdict": verdict, "reason": verdict, "since": SINCE} | more
    return PodHealth.model_validate(given).manifest()


def raw_report(
    *pods: dict[str, Any],
    name: str = "a",
    policy: str = "p",
    check: dict[str, Any] | None = CHECK,
    desired: int | None = None,
    probes: dict[str, Any] | None = None,
    **health: Any,
) -> dict[str, Any]:
    """A report on a Deployment with these pods, as the API server gives it."""
    verdicts = [pod["verdict"].lower() for pod in pods]
    counts = {"total": len(pods)} | {each: verdicts.count(each) for each in set(verdicts)}
    worst = max(pods, key=lambda pod: pod["verdict"] == "Broken", default={"verdict": "Unknown"})
    found = {
        "observedGeneration": 1,
        "checkedBy": "checker-a",
        "verdict": worst["verdict"],
        "reason": worst.get("reason", ""),
        "counts": counts,
        "pods": list(pods),
        "lastTransitionTime": SINCE,
    }
    return {
        "metadata": {"name": f"deployment-{name}", "namespace": "ml", "generation": 1},
        "spec": {
            "policy": policy,
            "workload": {"kind": "Deployment", "name": name, "uid": name},
            **({"check": check} if check else {}),
        },
        "status": {
            "desiredPods": len(pods) if desired is None else desired,
            "probes": probes or {"state": "Injected"},
            "health": found | health,
        },
    }


def a_report(*pods: dict[str, Any], everything: bool = True, **more: Any) -> Report:
    found = read_report(raw_report(*pods, **more), everything=everything)
    assert found is not None
    return found
