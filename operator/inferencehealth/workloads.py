"""A Deployment, StatefulSet or LeaderWorkerSet as a value, for detection and planning."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inferencehealth.groups import LEADER_WORKER_SET, as_workload_spec, group_size
from inferencehealth.kubelet import DEFAULT_GRACE

OWNED_KINDS = ("startupProbe", "livenessProbe", "readinessProbe")
"""The probe fields of a container, in the order in which the kubelet runs them."""


@dataclass(frozen=True, slots=True)
class ContainerPort:
    """A declared port of a container."""

    number: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """One container of the pod template. `raw` is the object as the API server gave it."""

    name: str
    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    env: Mapping[str, str]
    ports: tuple[ContainerPort, ...]
    sidecar: bool
    """A native sidecar: an init container with restartPolicy Always."""
    raw: Mapping[str, Any]

    @property
    def variables(self) -> frozenset[str]:
        """Names of all its environment variables, also of those without a plain value."""
        return frozenset(str(entry["name"]) for entry in self.raw.get("env") or ())

    def probe(self, kind: str) -> dict[str, Any] | None:
        """The author's probe of that kind (`livenessProbe` …), if there is one."""
        found = self.raw.get(kind)
        return dict(found) if found else None


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload with everything a decision about it needs. `raw` is the whole object."""

    kind: str
    api_version: str
    namespace: str
    name: str
    uid: str
    generation: int
    labels: Mapping[str, str]
    owner: tuple[str, str] | None
    """Kind and name of the controller that owns it, if any."""
    replicas: int
    selector: Mapping[str, Any]
    containers: tuple[Container, ...]
    grace: int
    """Seconds that its pods have to end."""
    raw: Mapping[str, Any]
    group_size: int = 1
    """Pods that serve together as one; more than 1 only in a LeaderWorkerSet."""

    @property
    def ref(self) -> str:
        """Kind and name as kubectl takes them: "deployment/triton"."""
        return f"{self.kind.lower()}/{self.name}"


def _grace(pod: Mapping[str, Any]) -> int:
    given = pod.get("terminationGracePeriodSeconds")
    return given if isinstance(given, int) else DEFAULT_GRACE


def workload(raw: Mapping[str, Any]) -> Workload:
    """The value of a workload object as the API server or a file gives it.

    Of a LeaderWorkerSet it is the leaders that are looked at: its `raw` has their template and
    their selector where a Deployment has its own.

    Raises KeyError where the object lacks what the API server demands of it.
    """
    if raw["kind"] == LEADER_WORKER_SET and "template" not in raw["spec"]:
        raw = {**raw, "spec": as_workload_spec(raw)}
    meta, spec = raw["metadata"], raw["spec"]
    pod = spec["template"].get("spec") or {}
    owners = [o for o in meta.get("ownerReferences") or () if o.get("controller")]
    return Workload(
        kind=raw["kind"],
        api_version=raw.get("apiVersion", "apps/v1"),
        namespace=meta.get("namespace", ""),
        name=meta["name"],
        uid=meta.get("uid", ""),
        generation=meta.get("generation", 0),
        labels=meta.get("labels") or {},
        owner=(owners[0]["kind"], owners[0]["name"]) if owners else None,
        replicas=1 if spec.get("replicas") is None else spec["replicas"],
        selector=spec.get("selector") or {},
        containers=tuple(container(c) for c in pod.get("containers") or ())
        + tuple(
            container(c, sidecar=True)
            for c in pod.get("initContainers") or ()
            if c.get("restartPolicy") == "Always"
        ),
        grace=_grace(pod),
        raw=raw,
        group_size=group_size(raw),
    )


def container(raw: Mapping[str, Any], *, sidecar: bool = False) -> Container:
    """The value of one container object; environment entries without a plain value are left out."""
    return Container(
        name=raw["name"],
        image=raw.get("image") or "",
        command=tuple(str(word) for word in raw.get("command") or ()),
        args=tuple(str(word) for word in raw.get("args") or ()),
        env={
            e["name"]: str(e["value"]) for e in raw.get("env") or () if e.get("value") is not None
        },
        ports=tuple(
            ContainerPort(number=p["containerPort"], name=p.get("name", ""))
            for p in raw.get("ports") or ()
            if isinstance(p.get("containerPort"), int)
        ),
        sidecar=sidecar,
        raw=raw,
    )
