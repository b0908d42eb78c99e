"""Where the controllers that make workloads of their own take probes, as YAML to paste.

A workload with such an owner is never edited: its controller would write it back. `plan` puts the
fields of the owner into the remedy of its finding instead.

Sources: kserve/kserve pkg/apis/serving/v1beta1/predictor.go (PredictorSpec, PredictorExtensionSpec)
and v1alpha1/llm_inference_service_types.go; NVIDIA/k8s-nim-operator api/apps/v1alpha1
(common_types.go: Probe); kubernetes-sigs/lws api/leaderworkerset/v1 (LeaderWorkerTemplate);
ray-project/kuberay ray-operator/apis/ray/v1 (RayClusterSpec); Knative's serving.knative.dev/v1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from inferencehealth.groups import LEADER_WORKER_SET, SET_NAME, has_leader_template
from inferencehealth.kubelet import same_probe
from inferencehealth.workloads import Container, Workload

Probes = Mapping[str, Mapping[str, Any]]
"""Probes by their field: startupProbe, livenessProbe, readinessProbe."""

_ISVC = "serving.kserve.io/inferenceservice"
_KNATIVE = "serving.knative.dev/service"
KSERVE_CONTAINER = "kserve-container"
_FETCHED = "internal.serving.kserve.io/storage-initializer-sourceuri"
_NUMBERS = "prometheus.kserve.io/port"
_FROM = "STORAGE_URI"
"""Variable by which a container of the predictor's own says what KServe is to fetch for it."""
KSERVE_PORT = 8080


@dataclass(frozen=True, slots=True)
class Owner:
    """Who makes the workload, as its author knows it."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class _Kind:
    where: str
    """Field of the owner, for a sentence."""
    fields: Callable[[Workload, Container, Probes], dict[str, Any]]
    note: str = ""


def owner_of(workload: Workload) -> Owner | None:
    """The object that a person edits: of what stands in between (a Knative Revision, the leader
    pod of a LeaderWorkerSet), labels tell whose it is.
    """
    if workload.owner is None:
        return None
    kind, name = workload.owner
    between = {
        "Revision": (("InferenceService", _ISVC), ("Service", _KNATIVE)),
        "Pod": ((LEADER_WORKER_SET, SET_NAME),),
    }
    for real, label in between.get(kind, ()):
        if workload.labels.get(label):
            return Owner(real, workload.labels[label])
    return Owner(kind, name)


def gave(workload: Workload, container: Container, kind: str) -> bool:
    """Whether the probe that is there is no author's, but what the owner gives where there is none.

    KServe does that: a TCP readiness probe on the first port, or 8080 (v0.15.2,
    pkg/controller/v1beta1/inferenceservice/reconcilers/deployment, setDefaultPodSpec).
    """
    owner = owner_of(workload)
    if kind != "readinessProbe" or owner is None or owner.kind != "InferenceService":
        return False
    port = container.ports[0].number if container.ports else KSERVE_PORT
    return same_probe(container.probe(kind), {"tcpSocket": {"port": port}})


def field_of(owner: Owner) -> str:
    """The field of the owner that takes probes, in words."""
    known = _KINDS.get(owner.kind)
    return known.where if known else "its own spec"


def to_paste(owner: Owner, workload: Workload, container: Container, probes: Probes) -> str:
    """The probes as fields of the owner, in YAML; empty where the owner's kind is not known."""
    known = _KINDS.get(owner.kind)
    if known is None or not probes:
        return ""
    fields = {"spec": known.fields(workload, container, probes)}
    text: str = yaml.dump(fields, Dumper=_Plain, sort_keys=False, width=100)
    return f"# {known.note}\n{text}" if known.note else text


class _Plain(yaml.SafeDumper):
    """YAML without anchors, although two probes may share a handler."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def _listed(container: Container, probes: Probes) -> dict[str, Any]:
    return {"containers": [{"name": container.name, **probes}]}


def _inference_service(workload: Workload, container: Container, probes: Probes) -> dict[str, Any]:
    component = workload.labels.get("component") or "predictor"
    if component == "predictor" and _is_of_a_runtime(workload, container):
        return {component: {"model": dict(probes)}}
    return {component: _listed(container, probes)}


def _is_of_a_runtime(workload: Workload, container: Container) -> bool:
    """Whether a runtime makes the container for a model, and not the predictor by itself.

    Both call it the same; what KServe is to fetch, and where a runtime tells its numbers, stands in
    annotations (seen on 0.15.2; pkg/constants, and config/runtimes).
    """
    template = workload.raw["spec"]["template"].get("metadata") or {}
    annotations = template.get("annotations") or {}
    of_a_model = any(key in annotations for key in (_FETCHED, _NUMBERS))
    return of_a_model and container.name == KSERVE_CONTAINER and _FROM not in container.variables


def _nim_service(_workload: Workload, _container: Container, probes: Probes) -> dict[str, Any]:
    return {kind: {"enabled": True, "probe": probe} for kind, probe in probes.items()}


def _leader_worker_set(workload: Workload, container: Container, probes: Probes) -> dict[str, Any]:
    template = "leaderTemplate" if _leads(workload) else "workerTemplate"
    return {"leaderWorkerTemplate": {template: {"spec": _listed(container, probes)}}}


def _leads(workload: Workload) -> bool:
    """Whether the probes are for leaders alone: workers answer none."""
    if workload.kind == LEADER_WORKER_SET:
        return workload.group_size > 1 or has_leader_template(workload.raw)
    return workload.owner is not None and workload.owner[0] == LEADER_WORKER_SET


def _template(_workload: Workload, container: Container, probes: Probes) -> dict[str, Any]:
    return {"template": {"spec": _listed(container, probes)}}


def _pod_template(_workload: Workload, container: Container, probes: Probes) -> dict[str, Any]:
    return {"template": _listed(container, probes)}


def _ray_cluster(workload: Workload, container: Container, probes: Probes) -> dict[str, Any]:
    template = {"template": {"spec": _listed(container, probes)}}
    if workload.labels.get("ray.io/node-type") == "worker":
        group = workload.labels.get("ray.io/group") or "workers"
        return {"workerGroupSpecs": [{"groupName": group, **template}]}
    return {"headGroupSpec": template}


def _ray_service(workload: Workload, container: Container, probes: Probes) -> dict[str, Any]:
    return {"rayClusterConfig": _ray_cluster(workload, container, probes)}


_KINDS: Mapping[str, _Kind] = {
    "InferenceService": _Kind(
        "spec.predictor",
        _inference_service,
        "A predictor takes them where it says what to run: a model, or containers of its own.",
    ),
    "LLMInferenceService": _Kind("spec.template", _pod_template),
    LEADER_WORKER_SET: _Kind(
        "spec.leaderWorkerTemplate",
        _leader_worker_set,
        "Where there is no leaderTemplate, leaders are made like workers, and the probes would "
        "restart those: write one.",
    ),
    "NIMService": _Kind(
        "spec.startupProbe, spec.livenessProbe and spec.readinessProbe", _nim_service
    ),
    "RayCluster": _Kind("spec.headGroupSpec and spec.workerGroupSpecs", _ray_cluster),
    "RayService": _Kind("spec.rayClusterConfig", _ray_service),
    "Service": _Kind("spec.template", _template),
}
