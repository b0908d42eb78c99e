"""Policies and reports on a real API server, as their controller and checkers leave them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from inferencehealth.api.names import CHECKER_LEASE_LABEL, SYSTEM_NAMESPACE
from inferencehealth.checks.verdicts import RANK
from inferencehealth.controller.leases import CHECKER
from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import Conflict
from inferencehealth.kube.leases import lease_body
from inferencehealth.kube.requests import LEASES, NAMESPACES, POLICIES, REPORTS

Raw = dict[str, Any]

MANAGER = "test"
LEASE = "inferencehealth-checker-test"
INTERVAL = "1h"
"""So that the checker, which is none, is not missed while a test runs."""
REASONS = {
    "Ready": ("Serving", ""),
    "Degraded": ("ModelNotReady", "optional model embed is not ready"),
    "Loading": ("ModelLoading", "model ranker is loading for 3m"),
    "Broken": ("ModelLoadFailed", "model ranker: failed to load: CUDA out of memory"),
    "Unknown": ("ApiServerUnreachable", "the pod could not be asked"),
    "Busy": ("NoAnswer", "the server works on 64 requests and answers none"),
    "Asleep": ("Asleep", "the server was put to sleep"),
}


async def checker(client: Client) -> None:
    """A checker's sign of life, so that what the reports say is believed."""
    with suppress(Conflict):
        await client.create(NAMESPACES, {"metadata": {"name": SYSTEM_NAMESPACE}})
    now = datetime.now(UTC)
    labels = {CHECKER_LEASE_LABEL: CHECKER}
    body = lease_body(holder=LEASE, labels=labels, duration=3600, now=now)
    await client.apply(LEASES, LEASE, body, namespace=SYSTEM_NAMESPACE, manager=MANAGER, force=True)


async def policy(client: Client, namespace: str, name: str, *, ready: str = "True") -> None:
    """A policy that its controller has seen."""
    target = {"selector": {"matchLabels": {"tier": "inference"}}}
    body = {"metadata": {"name": name}, "spec": {"target": target}}
    made = await client.create(POLICIES, body, namespace=namespace)
    condition = {
        "type": "Ready",
        "status": ready,
        "reason": "Serving",
        "message": "all serve",
        "observedGeneration": 1,
        "lastTransitionTime": _ago(600),
    }
    status = {"observedGeneration": made["metadata"]["generation"], "conditions": [condition]}
    await _status(client, POLICIES, namespace, name, status)


async def report(
    client: Client,
    namespace: str,
    name: str,
    pods: Sequence[Raw],
    *,
    policy: str,
    models: Sequence[str] = ("asr", "embed", "ranker"),
    profile: str = "triton",
) -> None:
    """A report on a Deployment of that name."""
    check = {
        "profile": profile,
        "container": "server",
        "port": 8000,
        "podSelector": {"matchLabels": {"app": "a"}},
        "interval": INTERVAL,
        "timeout": "5s",
        "failureThreshold": 3,
        "successThreshold": 1,
        "startupBudget": "10m",
    }
    workload = {"kind": "Deployment", "name": name, "uid": f"uid-{name}"}
    spec = {"policy": policy, "workload": workload, "check": check}
    await client.create(REPORTS, {"metadata": {"name": name}, "spec": spec}, namespace=namespace)
    await tell(client, namespace, name, pods, models=models)


async def tell(
    client: Client, namespace: str, name: str, pods: Sequence[Raw], *, models: Sequence[str]
) -> None:
    """The report says this of its pods from now on."""
    worst_first = sorted(pods, key=lambda each: -RANK[each["verdict"]])
    counts = Counter(each["verdict"].lower() for each in pods)
    worst = worst_first[0]
    serving = counts["ready"] + counts["degraded"]
    health = {
        "observedGeneration": 1,
        "checkedBy": LEASE,
        "verdict": worst["verdict"],
        "reason": worst["reason"],
        "message": f"pod {worst['name']}: {worst['message']}" if worst["message"] else "",
        "counts": {"total": len(pods), **counts},
        "podsServing": f"{serving}/{len(pods)}",
        "modelsServing": f"{len(models)}/{len(models)}",
        "pods": worst_first,
        "models": [_model(each, pods) for each in models],
        "lastTransitionTime": _ago(900),
    }
    status = {"desiredPods": len(pods), "probes": {"state": "Recommended"}, "health": health}
    await _status(client, REPORTS, namespace, name, status)


def pod(name: str, verdict: str = "Ready", *, down: Iterable[str] = ()) -> Raw:
    """One pod, on which these models do not serve."""
    reason, message = REASONS[verdict]
    return {
        "name": name,
        "verdict": verdict,
        "reason": reason,
        "message": message,
        "since": _ago(600),
        "kubeletReady": verdict in {"Ready", "Degraded"},
        "restarts": 3 if verdict == "Broken" else 0,
        "latency": "12ms",
        "notReady": [{"name": each, "state": verdict} for each in down],
    }


def _model(name: str, pods: Sequence[Raw]) -> Raw:
    states = [each["state"] for pod in pods for each in pod["notReady"] if each["name"] == name]
    return {
        "name": name,
        "required": name != "embed",
        "ready": len(pods) - len(states),
        "total": len(pods),
        "state": max(states, key=RANK.__getitem__, default="Ready"),
    }


async def _status(client: Client, resource: Any, namespace: str, name: str, status: Raw) -> None:
    await client.merge_patch(
        resource,
        name,
        {"status": status},
        namespace=namespace,
        manager=MANAGER,
        subresource="status",
    )


def _ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
