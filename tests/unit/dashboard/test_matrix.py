"""Pods × models: only what the report says is shown."""

import pytest

from inferencehealth.api.report import MAX_NOT_READY, PodHealth
from inferencehealth.dashboard.matrix import NOT_TOLD, cells
from inferencehealth.status.tree import ItemNode
from tests.unit.status.given import a_pod


def pod(verdict: str = "Ready", **not_ready: str) -> PodHealth:
    named = [{"name": name, "state": state} for name, state in not_ready.items()]
    return PodHealth.model_validate(a_pod("p", verdict, notReady=named))


def model(name: str = "m", ready: int = 2, total: int = 4, state: str = "Broken") -> ItemNode:
    return ItemNode("model", name, True, ready, total, state, "", "")


ALL = model(ready=4, state="Ready")
NONE = model(ready=0)
SOME = model()
TOO_MANY = {f"x{i}": "Broken" for i in range(MAX_NOT_READY)}


@pytest.mark.parametrize(
    ("told", "item", "cell"),
    [
        (pod("Broken", m="Loading"), SOME, "Loading"),
        (pod("Broken", other="Broken"), SOME, "Ready"),
        (pod("Ready"), SOME, "Ready"),
        (pod("Degraded", other="Loading"), SOME, "Ready"),
        (pod("Broken"), SOME, NOT_TOLD),
        (pod("Unknown"), SOME, NOT_TOLD),
        (pod("Unknown"), NONE, NOT_TOLD),
        (pod("Loading"), ALL, "Ready"),
        (pod("Loading"), model(ready=2, total=2, state="Ready"), NOT_TOLD),
        (pod("Broken", **TOO_MANY), SOME, NOT_TOLD),
        (pod("Broken", **TOO_MANY), NONE, "Broken"),
        (pod("Broken", **TOO_MANY), ALL, "Ready"),
    ],
)
def test_a_cell_says_what_the_report_says_and_no_more(
    told: PodHealth, item: ItemNode, cell: str
) -> None:
    assert cells(told, [item], pods=4) == [cell]
