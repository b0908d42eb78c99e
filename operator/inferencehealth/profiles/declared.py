"""What labels of other ecosystems say about a workload's server: supporting evidence only.

An author or a controller set them, so they decide between two readings of a container and stand
in where the image and its arguments say nothing; they never outweigh what a command runs.

Sources: GKE's serving samples (ai.gke.io/inference-server), AIBrix's samples
(model.aibrix.ai/engine), KubeAI's internal/modelcontroller (labelsForModel), the NIM Operator's
api/apps/v1alpha1/nimservice_types.go (GetStandardLabels).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from inferencehealth.workloads import Workload

_MANAGED_BY = "app.kubernetes.io/managed-by"

_ENGINES: Mapping[str, Mapping[str, str]] = {
    "ai.gke.io/inference-server": {
        "jetstream": "jetstream",
        "ollama": "ollama",
        "sglang": "sglang",
        "text-generation-inference": "tgi",
        "tgi": "tgi",
        "torchserve": "torchserve",
        "triton": "triton",
        "vllm": "vllm",
    },
    "model.aibrix.ai/engine": {"sglang": "sglang", "trtllm": "tensorrt-llm", "vllm": "vllm"},
}
"""Labels that name the server, and the profile of each name."""

_KUBEAI = {"infinity": "infinity", "ollama": "ollama", "vllm": "vllm"}
"""app.kubernetes.io/name where KubeAI manages the pod."""


@dataclass(frozen=True, slots=True)
class Declared:
    """The profile that a label or the kind names, and by what, to go on "recognised by"."""

    profile: str
    by: str


def declared_server(workload: Workload) -> Declared | None:
    """The server that the labels of the workload or of its pods name, if any does.

    Pods of Ray run Ray Serve, whatever engine it drives, and a RayService does nothing else.
    """
    if workload.kind in {"RayCluster", "RayService"}:
        serves = workload.kind == "RayService"
        return Declared("rayserve", "of a RayService") if serves else None
    labels = {**workload.labels, **pod_labels(workload)}
    for label, engines in _ENGINES.items():
        said = str(labels.get(label) or "").lower()
        if said in engines:
            return Declared(engines[said], f"label {label}: {said}")
    manager = labels.get(_MANAGED_BY)
    if manager == "k8s-nim-operator" and labels.get("app.kubernetes.io/part-of") == "nim-service":
        return Declared("nim", f"label {_MANAGED_BY}: {manager}")
    engine = str(labels.get("app.kubernetes.io/name") or "")
    if manager == "kubeai" and engine in _KUBEAI:
        return Declared(_KUBEAI[engine], f"label {_MANAGED_BY}: {manager}, engine {engine}")
    return None


def pod_labels(workload: Workload) -> Mapping[str, str]:
    """Labels of the pods that the workload makes."""
    template = (workload.raw.get("spec") or {}).get("template") or {}
    return (template.get("metadata") or {}).get("labels") or {}
