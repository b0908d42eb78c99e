import pytest

from inferencehealth.controller.reports import report_name
from inferencehealth.controller.rollouts import rolling
from inferencehealth.workloads import workload


def test_a_report_is_named_after_its_workload() -> None:
    assert report_name("Deployment", "triton") == "deployment-triton"


def test_a_long_name_is_shortened_without_clashing() -> None:
    one, other = (report_name("StatefulSet", "a" * 250 + end) for end in ("xyz", "abc"))
    assert len(one) == len(other) == 253
    assert one != other


DONE = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (DONE, False),
        (DONE | {"observedGeneration": 1}, True),
        (DONE | {"replicas": 3}, True),
        (DONE | {"updatedReplicas": 1}, True),
        (DONE | {"availableReplicas": 1}, True),
        ({}, True),
    ],
)
def test_a_rollout_ends_when_every_pod_is_new_and_available(
    status: dict[str, int], expected: bool
) -> None:
    raw = {
        "kind": "Deployment",
        "metadata": {"name": "d", "generation": 2},
        "spec": {"replicas": 2, "template": {"spec": {"containers": []}}},
        "status": status,
    }
    assert rolling(workload(raw)) is expected
