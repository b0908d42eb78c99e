"""A workload that a controller makes is not edited; its owner's fields are given to paste."""

from typing import Any

import pytest
import yaml

from inferencehealth.api.report import Finding
from inferencehealth.plan import apply_operations, plan
from tests.unit.plan.given import TRITON, a_policy, deployment

KINDS = ("startupProbe", "livenessProbe", "readinessProbe")


OF_A_RUNTIME = {"prometheus.kserve.io/port": "8080"}


def owned_finding(
    owner: str,
    container: str = "server",
    labels: dict[str, str] | None = None,
    **annotations: str,
) -> tuple[Finding, dict[str, Any]]:
    """The finding, and the probes that are recommended for the workload itself."""
    controller = [{"kind": owner, "name": "llama", "controller": True}]
    target = deployment(
        {"image": TRITON, "name": container}, ownerReferences=controller, labels=labels or {}
    )
    target.raw["spec"]["template"]["metadata"] = {"annotations": annotations}
    planned = plan(a_policy(probes={"mode": "Apply"}), target)
    assert apply_operations(planned, target) is None
    [finding] = [f for f in planned.findings if f.id == "OwnedByController"]
    return finding, {probe.kind: probe.wanted for probe in planned.probes}


def pasted(finding: Finding) -> dict[str, Any]:
    """The YAML of the remedy, below its first line."""
    parsed = yaml.safe_load(finding.remedy.partition("\n")[2])
    assert isinstance(parsed, dict)
    return parsed


def at(document: dict[str, Any], path: str) -> Any:
    value: Any = document
    for key in path.split("."):
        value = value[int(key)] if key.isdecimal() else value[key]
    return value


OWNERS: dict[str, tuple[str, dict[str, str], str, str]] = {
    "KServe, predictor of a runtime": (
        "InferenceService",
        {},
        "kserve-container",
        "spec.predictor.model",
    ),
    "KServe, transformer": (
        "InferenceService",
        {"component": "transformer"},
        "kserve-container",
        "spec.transformer.containers.0",
    ),
    "KServe through Knative": (
        "Revision",
        {"serving.kserve.io/inferenceservice": "iris"},
        "kserve-container",
        "spec.predictor.model",
    ),
    "KServe's LLM service": ("LLMInferenceService", {}, "main", "spec.template.containers.0"),
    "Knative": (
        "Revision",
        {"serving.knative.dev/service": "s"},
        "user-container",
        "spec.template.spec.containers.0",
    ),
    "leader": (
        "LeaderWorkerSet",
        {},
        "leader",
        "spec.leaderWorkerTemplate.leaderTemplate.spec.containers.0",
    ),
    "worker": (
        "Pod",
        {"leaderworkerset.sigs.k8s.io/name": "l"},
        "worker",
        "spec.leaderWorkerTemplate.workerTemplate.spec.containers.0",
    ),
    "Ray's head": (
        "RayService",
        {},
        "ray-head",
        "spec.rayClusterConfig.headGroupSpec.template.spec.containers.0",
    ),
    "Ray's worker": (
        "RayCluster",
        {"ray.io/node-type": "worker", "ray.io/group": "gpu"},
        "ray-worker",
        "spec.workerGroupSpecs.0.template.spec.containers.0",
    ),
}


@pytest.mark.parametrize(("owner", "labels", "container", "path"), OWNERS.values(), ids=OWNERS)
def test_the_owners_fields_carry_the_recommended_probes(
    owner: str, labels: dict[str, str], container: str, path: str
) -> None:
    finding, wanted = owned_finding(owner, container, labels, **OF_A_RUNTIME)
    there = at(pasted(finding), path)
    assert {kind: there[kind] for kind in KINDS} == wanted
    assert there.get("name", container) == container
    assert "&" not in finding.remedy


def test_a_nim_service_takes_each_probe_with_a_switch() -> None:
    finding, wanted = owned_finding("NIMService")
    spec = pasted(finding)["spec"]
    assert spec == {kind: {"enabled": True, "probe": wanted[kind]} for kind in KINDS}


def test_the_object_that_a_person_edits_is_named() -> None:
    finding, _ = owned_finding("Revision", labels={"serving.kserve.io/inferenceservice": "iris"})
    assert "InferenceService iris" in finding.message
    assert finding.remedy.startswith("Put the recommended probes into InferenceService iris: spec.")


def test_an_owner_that_is_not_known_is_named_without_inventing_fields() -> None:
    finding, _ = owned_finding("Contraption")
    assert finding.remedy == "Put the recommended probes into Contraption llama: its own spec."


def test_probes_that_are_right_already_are_not_asked_for_again() -> None:
    _, wanted = owned_finding("LeaderWorkerSet")
    controller = [{"kind": "LeaderWorkerSet", "name": "llama", "controller": True}]
    settled = deployment({"image": TRITON, **wanted}, ownerReferences=controller)
    planned = plan(a_policy(probes={"mode": "Apply"}), settled)
    [finding] = [f for f in planned.findings if f.id == "OwnedByController"]
    assert "\n" not in finding.remedy


def isvc(ready: dict[str, Any], mode: str = "Recommend") -> Any:
    owner = [{"kind": "InferenceService", "name": "iris", "controller": True}]
    server = {
        "name": "kserve-container",
        "image": "kserve/sklearnserver:v0.15.2",
        "args": ["--model_name=iris", "--http_port=8080"],
        "readinessProbe": ready,
    }
    return plan(a_policy(probes={"mode": mode}), deployment(server, ownerReferences=owner))


def test_the_probe_that_kserve_gives_by_itself_is_no_authors_to_keep() -> None:
    default = {"tcpSocket": {"port": 8080}, "timeoutSeconds": 1, "periodSeconds": 10}
    for mode in ("Recommend", "Initial", "Apply"):
        planned = isvc(default, mode)
        [finding] = [f for f in planned.findings if f.id == "OwnedByController"]
        probes = at(pasted(finding), "spec.predictor.containers.0")
        assert probes["readinessProbe"]["httpGet"]["path"] == "/v1/models/iris"
        assert "ReadinessOnlyProcess" in {f.id for f in planned.findings}


@pytest.mark.parametrize(
    "own", [{"tcpSocket": {"port": 9000}}, {"tcpSocket": {"port": 8080}, "periodSeconds": 3}]
)
def test_a_probe_that_differs_from_kserves_own_is_its_authors(own: dict[str, Any]) -> None:
    [finding] = [f for f in isvc(own).findings if f.id == "OwnedByController"]
    assert "readinessProbe" not in at(pasted(finding), "spec.predictor.containers.0")
