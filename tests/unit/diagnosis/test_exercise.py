"""The decisions of `ihp drill`: which pod may go, and what counts as traffic."""

from typing import Any

import pytest

from inferencehealth.diagnosis.exercise import (
    Exercise,
    Outcome,
    Stage,
    Step,
    choose,
    document,
    in_traffic,
    line,
    question,
)
from inferencehealth.kube.pods import PodRecord
from inferencehealth.problems import Problem


def pod(name: str, *, ready: bool = True) -> PodRecord:
    return PodRecord(
        uid=f"uid-{name}",
        namespace="ml",
        name=name,
        labels={},
        ip="10.0.0.1",
        phase="Running",
        node="n",
        deleting=False,
        ready=ready,
        unschedulable="",
        containers=(),
    )


def test_an_exercise_needs_pods() -> None:
    found = choose("deployment/x", ())
    assert isinstance(found, Problem)
    assert "no pods" in found.message


def test_an_exercise_never_comes_on_top_of_trouble() -> None:
    found = choose("deployment/x", (pod("a"), pod("b", ready=False)))
    assert isinstance(found, Problem)
    assert "ihp diagnose pod/b" in found.message


def test_one_of_the_ready_pods_goes() -> None:
    assert choose("deployment/x", (pod("b"), pod("a"))) == pod("a")


def test_whoever_has_one_pod_is_told_that_traffic_stops() -> None:
    assert "traffic stops" in question("deployment/x", "ml", "a", 1)
    assert "one of 2 pods" in question("deployment/x", "ml", "a", 2)


def endpoint(name: str = "a", uid: str = "uid-a", **conditions: Any) -> dict[str, Any]:
    return {"targetRef": {"kind": "Pod", "name": name, "uid": uid}, "conditions": conditions}


@pytest.mark.parametrize(
    ("endpoints", "routed"),
    [
        ([endpoint(ready=True)], True),
        ([endpoint()], True),  # a missing condition counts as ready
        ([endpoint(ready=False, terminating=True)], False),
        ([endpoint(uid="another", ready=True)], False),  # a StatefulSet's next pod has the name
        ([endpoint(name="b", uid="uid-b", ready=True)], False),
        ([{"conditions": {"ready": True}}], False),
        ([], False),
        (None, False),
    ],
)
def test_a_pod_is_in_traffic_while_a_slice_has_it_as_ready(endpoints: Any, routed: bool) -> None:
    slices = [{"endpoints": []}, {"endpoints": endpoints}]
    assert in_traffic(slices, "a", "uid-a") is routed


def exercise(*steps: Step) -> Exercise:
    return Exercise("deployment/x", "ml", "a", 2, steps, "b")


def test_an_exercise_passes_when_all_followed_or_had_not_to() -> None:
    done = [Step(stage, Outcome.DONE, 1.0) for stage in Stage]
    assert exercise(*done).passed
    skipped = [
        Step(s, Outcome.SKIPPED, 0.0) if "Traffic" in s else Step(s, Outcome.DONE, 1.0)
        for s in Stage
    ]
    assert exercise(*skipped).passed
    assert not exercise(*done[:-1]).passed
    assert not exercise(*done[:-1], Step(Stage.TRAFFIC_RETURNS, Outcome.NOT_IN_TIME, 9.0)).passed


def test_the_report_has_the_steps_in_order_whatever_came_first() -> None:
    found = document(
        exercise(
            Step(Stage.POD_READY, Outcome.DONE, 3.21),
            Step(Stage.CHECK_FAILS, Outcome.DONE, 4.0, "ConnectionRefused"),
        )
    )
    assert [step["step"] for step in found["steps"]] == ["CheckFails", "PodReady"]
    assert found["steps"][1]["seconds"] == 3.21
    assert found["passed"] is False


def test_a_line_says_by_words_how_a_step_ended() -> None:
    done = line(Step(Stage.POD_READY, Outcome.DONE, 3.21, "b"))
    assert done == "✓ done  a new pod is ready  after 3.2s (b)"
    assert line(Step(Stage.POD_READY, Outcome.NOT_IN_TIME, 60.0)).startswith("✗ not in time")
