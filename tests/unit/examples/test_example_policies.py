"""The policies a user would copy: read by the models, and planned without a problem."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from inferencehealth.api.policy import Policy
from inferencehealth.plan import plan
from inferencehealth.workloads import Workload, workload

EXAMPLES = Path(__file__).parents[3] / "examples"
FILES = sorted(EXAMPLES.glob("*.yaml"))

CONTAINERS: dict[str, dict[str, Any]] = {
    "triton": {
        "name": "triton",
        "image": "nvcr.io/nvidia/tritonserver:24.10-py3",
        "ports": [{"name": "http", "containerPort": 8000}],
    },
    "asr": {
        "name": "api-server",
        "image": "quay.io/smallestinc/self-hosted-api-server:1.0.0",
        "ports": [{"containerPort": 7100}],
    },
    "custom": {
        "name": "server",
        "image": "registry.example/team/embedder:3",
        "ports": [{"name": "http", "containerPort": 9000}],
    },
}
PORTS = {"triton": 8000, "asr": 7100, "custom": 9000}


def policy(path: Path) -> Policy:
    return Policy.model_validate(yaml.safe_load(path.read_text()))


def deployment(name: str) -> Workload:
    labels = dict(policy(EXAMPLES / f"{name}.yaml").spec.target.selector.match_labels)
    return workload(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": "ml", "uid": "1", "labels": labels},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [CONTAINERS[name]]},
                },
            },
        }
    )


def test_every_example_has_a_server_to_be_planned_for() -> None:
    assert {path.stem for path in FILES} == set(CONTAINERS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_only_recommends_so_that_applying_it_is_harmless(path: Path) -> None:
    assert policy(path).spec.probes.mode.value == "Recommend"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_is_planned_without_a_problem(path: Path) -> None:
    planned = plan(policy(path), deployment(path.stem))
    assert planned.problems == ()
    assert planned.check is not None
    assert planned.check.port == PORTS[path.stem]
    assert planned.patch is not None


def test_the_asr_example_keeps_the_documented_readiness_and_spares_what_a_restart_cannot_mend() -> (
    None
):
    planned = plan(policy(EXAMPLES / "asr.yaml"), deployment("asr"))
    wanted = {probe.kind: probe.wanted for probe in planned.probes}
    readiness, liveness = wanted["readinessProbe"], wanted["livenessProbe"]
    assert readiness is not None
    assert liveness is not None
    numbers = ("initialDelaySeconds", "periodSeconds", "timeoutSeconds", "failureThreshold")
    assert [readiness[number] for number in numbers] == [10, 5, 3, 3]
    assert "httpGet" not in liveness
