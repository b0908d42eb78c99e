from typing import Any

import pytest

from inferencehealth.controller.rollouts import Phase, progress
from tests.unit.controller.given import LATE, PROGRESSING, SETTLED, a_workload

NONE_AVAILABLE = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (SETTLED, Phase.SETTLED),
        # A pod that is lost, or one that the HPA adds, is no rollout.
        (SETTLED | {"availableReplicas": 1}, Phase.SETTLED),
        (SETTLED | {"replicas": 3, "updatedReplicas": 3}, Phase.SETTLED),
        (SETTLED | {"observedGeneration": 1}, Phase.ROLLING),
        (SETTLED | {"replicas": 3}, Phase.ROLLING),
        (SETTLED | {"conditions": PROGRESSING}, Phase.ROLLING),
        (SETTLED | {"conditions": LATE}, Phase.FAILED),
        # An outage of settled pods is no invitation to roll them all at once.
        (SETTLED | {"availableReplicas": 0}, Phase.SETTLED),
        (NONE_AVAILABLE | {"conditions": PROGRESSING}, Phase.FRESH),
        (NONE_AVAILABLE | {"conditions": LATE}, Phase.FAILED),
        (SETTLED | {"conditions": []}, Phase.SETTLED),
        (SETTLED | {"conditions": [], "updatedReplicas": 1}, Phase.ROLLING),
        (NONE_AVAILABLE, Phase.ROLLING),
    ],
)
def test_a_deployment_rolls_until_its_controller_says_that_it_is_complete(
    status: dict[str, Any], expected: Phase
) -> None:
    assert progress(a_workload(status=status)).phase is expected


def test_the_first_pods_of_a_deployment_are_nobodys_loss() -> None:
    assert progress(a_workload(status={}, revision="1")).phase is Phase.FRESH


def test_a_paused_deployment_is_paused_whatever_else_it_is() -> None:
    assert progress(a_workload(paused=True)).phase is Phase.PAUSED
    assert progress(a_workload(paused=True, replicas=0)).phase is Phase.PAUSED


def test_scaled_to_zero_is_empty_once_the_pods_are_gone() -> None:
    assert progress(a_workload(replicas=0, status={"replicas": 0})).phase is Phase.EMPTY
    assert progress(a_workload(replicas=0)).phase is not Phase.EMPTY


def test_a_quota_that_refuses_pods_is_what_a_failed_rollout_says() -> None:
    refused = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: gpus"}
    found = progress(a_workload(status=SETTLED | {"conditions": [*LATE, refused]}))
    assert (found.phase, found.message) == (Phase.FAILED, "exceeded quota: gpus")


STATEFUL = {
    "observedGeneration": 2,
    "replicas": 2,
    "availableReplicas": 2,
    "updatedReplicas": 2,
    "currentRevision": "a",
    "updateRevision": "a",
}
NEW = STATEFUL | {"updateRevision": "b"}


@pytest.mark.parametrize(
    ("status", "spec", "expected"),
    [
        (STATEFUL, {}, Phase.SETTLED),
        (STATEFUL | {"availableReplicas": 1}, {}, Phase.SETTLED),
        (NEW | {"updatedReplicas": 1}, {}, Phase.ROLLING),
        (NEW | {"availableReplicas": 1}, {}, Phase.ROLLING),
        (NEW, {}, Phase.SETTLED),
        (NEW | {"availableReplicas": 0}, {}, Phase.FRESH),
        (NEW | {"updatedReplicas": 1}, {"rollingUpdate": {"partition": 1}}, Phase.SETTLED),
        (NEW | {"updatedReplicas": 0}, {"rollingUpdate": {"partition": 2}}, Phase.MANUAL),
        (NEW | {"updatedReplicas": 0}, {"type": "OnDelete"}, Phase.MANUAL),
    ],
)
def test_a_stateful_set_rolls_as_far_as_its_strategy_goes(
    status: dict[str, Any], spec: dict[str, Any], expected: Phase
) -> None:
    found = a_workload(kind="StatefulSet", status=status, updateStrategy=spec)
    assert progress(found).phase is expected


def test_the_first_pods_of_a_stateful_set_are_nobodys_loss() -> None:
    status = STATEFUL | {"availableReplicas": 0, "observedGeneration": 1}
    assert progress(a_workload(kind="StatefulSet", status=status, generation=1)).phase is (
        Phase.FRESH
    )
