"""A pod trimmed to what a check or a verdict needs: the only form in which 10,000 pods are held.

The raw object takes 64 KiB in memory; the record takes less than a hundredth of that, because the
strings that pods have in common are stored once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from sys import intern
from typing import Any, Final

from inferencehealth.api.names import READINESS_GATE

FINISHED: Final = frozenset({"Succeeded", "Failed"})
"""Phases that a pod never leaves; nothing of it runs (Kubernetes docs, Pod Lifecycle)."""
MAX_UNSCHEDULABLE: Final = 256
"""Characters kept of the scheduler's message, which lists every kind of node that does not fit."""


@dataclass(frozen=True, slots=True)
class ContainerRecord:
    """One container, sidecars included, as the kubelet last reported it.

    `started_at` is when the running process began (epoch seconds), None while none runs; `started`
    says that its startup probe has passed. `waiting` and `last_termination` are the kubelet's
    reasons ("CrashLoopBackOff", "OOMKilled"), empty when there is none; `last_exit` is the exit
    code of the process before. `image` stands as the pod's spec says it.
    """

    name: str
    ready: bool
    started: bool
    restarts: int
    started_at: int | None
    waiting: str
    last_termination: str
    last_exit: int | None = None
    image: str = ""


@dataclass(frozen=True, slots=True)
class GateRecord:
    """Our readiness gate on a pod that carries it.

    `status` is the condition's ("True", "False"), empty while nobody has set it; `reason` its
    reason and `since` when it last changed. `containers_ready_at` is since when the kubelet's own
    probes pass, None while they do not. Times are epoch seconds.
    """

    status: str = ""
    reason: str = ""
    since: int | None = None
    containers_ready_at: int | None = None


Controller = tuple[str, str]
"""Kind and name of the object that manages a pod, in the pod's namespace."""


@dataclass(frozen=True, slots=True)
class PodRecord:
    """One pod that has not finished.

    `ip` and `node` are empty until it is placed; `deleting`: its deletion has begun; `ready`: the
    Ready condition, so what Services go by, and `ready_since` when it last changed (epoch
    seconds); `unschedulable`: the scheduler's message, if it finds
    no node; `gate`: our readiness gate, None on a pod that carries none; `controller`: kind and
    name of the object that manages it, None for a bare pod; `host_ports`: the ports that it
    declares, if it lives in its node's network, whose other ports are the node's; None: it has a
    network of its own.
    """

    uid: str
    namespace: str
    name: str
    labels: Mapping[str, str]
    ip: str
    phase: str
    node: str
    deleting: bool
    ready: bool
    unschedulable: str
    containers: tuple[ContainerRecord, ...]
    gate: GateRecord | None = None
    controller: Controller | None = None
    ready_since: int | None = None
    host_ports: frozenset[int] | None = None

    def container(self, name: str) -> ContainerRecord | None:
        """The container of that name."""
        return next((c for c in self.containers if c.name == name), None)


def project_pod(raw: Mapping[str, Any]) -> PodRecord | None:
    """The record of a Pod object; None for one that has finished (Succeeded, Failed).

    Raises KeyError where the object lacks what the API server demands of it.
    """
    meta, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
    phase = status.get("phase") or "Pending"
    if phase in FINISHED:
        return None
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    return PodRecord(
        uid=meta["uid"],
        namespace=intern(meta["namespace"]),
        name=meta["name"],
        labels=_labels(tuple(sorted((meta.get("labels") or {}).items()))),
        ip=status.get("podIP") or "",
        phase=intern(phase),
        node=intern(spec.get("nodeName") or ""),
        deleting=bool(meta.get("deletionTimestamp")),
        ready=conditions.get("Ready", {}).get("status") == "True",
        unschedulable=_unschedulable(conditions.get("PodScheduled", {})),
        containers=_containers(spec, status),
        gate=_gate(spec, conditions),
        controller=_controller(meta),
        ready_since=_epoch(conditions.get("Ready", {}).get("lastTransitionTime")),
        host_ports=_declared(spec) if spec.get("hostNetwork") else None,
    )


def _declared(spec: Mapping[str, Any]) -> frozenset[int]:
    return frozenset(
        port["containerPort"]
        for kind in ("containers", "initContainers")
        for container in spec.get(kind) or ()
        for port in container.get("ports") or ()
    )


def _controller(meta: Mapping[str, Any]) -> Controller | None:
    for owner in meta.get("ownerReferences") or ():
        if owner.get("controller"):
            return _same(owner["kind"], owner["name"])
    return None


# Stored once for all pods of a ReplicaSet.
@lru_cache(maxsize=4096)
def _same(kind: str, name: str) -> Controller:
    return intern(kind), intern(name)


def _gate(
    spec: Mapping[str, Any], conditions: Mapping[str, Mapping[str, Any]]
) -> GateRecord | None:
    carried = (each.get("conditionType") for each in spec.get("readinessGates") or ())
    if READINESS_GATE not in carried:
        return None
    ours, kubelets = conditions.get(READINESS_GATE, {}), conditions.get("ContainersReady", {})
    passes = kubelets.get("status") == "True"
    return GateRecord(
        status=intern(ours.get("status") or ""),
        reason=intern(ours.get("reason") or ""),
        since=_epoch(ours.get("lastTransitionTime")),
        containers_ready_at=(_epoch(kubelets.get("lastTransitionTime")) or 0) if passes else None,
    )


def _containers(spec: Mapping[str, Any], status: Mapping[str, Any]) -> tuple[ContainerRecord, ...]:
    said = {
        s["name"]: s
        for kind in ("containerStatuses", "initContainerStatuses")
        for s in status.get(kind) or ()
    }
    sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    return tuple(
        _container(c, said.get(c["name"]) or {})
        for c in (*(spec.get("containers") or ()), *sidecars)
    )


def _container(spec: Mapping[str, Any], status: Mapping[str, Any]) -> ContainerRecord:
    state = status.get("state") or {}
    ended = state.get("terminated") or (status.get("lastState") or {}).get("terminated") or {}
    return ContainerRecord(
        name=intern(spec["name"]),
        ready=bool(status.get("ready")),
        started=bool(status.get("started")),
        restarts=status.get("restartCount") or 0,
        started_at=_epoch((state.get("running") or {}).get("startedAt")),
        waiting=intern((state.get("waiting") or {}).get("reason") or ""),
        last_termination=intern(ended.get("reason") or ""),
        last_exit=ended.get("exitCode"),
        image=intern(spec.get("image") or ""),
    )


def _epoch(time: str | None) -> int | None:
    return int(datetime.fromisoformat(time).timestamp()) if time else None


def _unschedulable(scheduled: Mapping[str, Any]) -> str:
    if scheduled.get("status") != "False":
        return ""
    return intern((scheduled.get("message") or scheduled.get("reason") or "")[:MAX_UNSCHEDULABLE])


# The pods of one template carry the same labels; StatefulSets, whose pods all differ, just miss.
@lru_cache(maxsize=4096)
def _labels(items: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    return {intern(key): intern(value) for key, value in items}
