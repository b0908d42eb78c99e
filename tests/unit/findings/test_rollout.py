"""Whether a rollout can get on when every accelerator is in use."""

from typing import Any

import pytest

from inferencehealth.findings.rollout import accelerators, rollout_can_stall
from inferencehealth.lint.linting import judge
from inferencehealth.workloads import workload
from tests.unit.findings.given import VLLM, a_workload


def rolling(surge: Any, unavailable: Any) -> dict[str, Any]:
    return {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


@pytest.mark.parametrize(
    ("spec", "stalls"),
    [
        ({}, True),
        ({"replicas": 3}, True),
        ({"replicas": 4}, False),  # a quarter of four may be unavailable
        ({"replicas": 0}, False),
        ({"strategy": {"type": "Recreate"}}, False),
        ({"strategy": rolling(0, 1)}, False),
        ({"strategy": rolling(1, 0), "replicas": 8}, True),
        ({"strategy": rolling(1, 1)}, False),
        ({"strategy": rolling("25%", "34%"), "replicas": 3}, False),
        ({"strategy": rolling("25%", "33%"), "replicas": 3}, True),
        ({"strategy": rolling("0%", "25%"), "replicas": 2}, False),  # Kubernetes then takes one
        ({"strategy": rolling("odd", None), "replicas": 2}, False),
    ],
)
def test_a_rollout_that_may_take_no_old_pod_away_can_stall(
    spec: dict[str, Any], stalls: bool
) -> None:
    assert (rollout_can_stall(a_workload(**spec)) is not None) is stalls


def test_the_reason_names_workload_and_accelerators() -> None:
    why = rollout_can_stall(a_workload(replicas=2))
    assert why is not None
    for part in ("deployment/llama", "2 replicas", "1 nvidia.com/gpu", "maxUnavailable 0"):
        assert part in why


def test_a_stateful_set_replaces_its_pods_in_place() -> None:
    assert rollout_can_stall(a_workload("StatefulSet", replicas=2)) is None


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"limits": {"nvidia.com/gpu": "2"}}, {"nvidia.com/gpu": 2}),
        ({"requests": {"amd.com/gpu": 1}}, {"amd.com/gpu": 1}),
        ({"limits": {"nvidia.com/mig-1g.5gb": 1}}, {"nvidia.com/mig-1g.5gb": 1}),
        ({"limits": {"google.com/tpu": "4", "cpu": "8"}}, {"google.com/tpu": 4}),
        ({"limits": {"aws.amazon.com/neuron": 1}}, {"aws.amazon.com/neuron": 1}),
        ({"limits": {"nvidia.com/gpu": 0}}, {}),
        ({"limits": {"cpu": 2}}, {}),
        ({}, {}),
    ],
)
def test_accelerators_are_counted(resources: Any, expected: dict[str, int]) -> None:
    container = {"name": "vllm", **VLLM, "resources": resources}
    target = workload(
        {
            "kind": "Deployment",
            "metadata": {"name": "a"},
            "spec": {"template": {"spec": {"containers": [container]}}},
        }
    )
    assert accelerators(target) == expected


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"replicas": 3}, True),
        ({"replicas": 1}, False),
        ({"replicas": 3, "podManagementPolicy": "Parallel"}, False),
    ],
)
def test_ordered_pods_are_advised_against(spec: dict[str, Any], told: bool) -> None:
    ids = {one.id for one in judge(a_workload("StatefulSet", **spec), None).findings}
    assert ("OrderedPods" in ids) is told
