"""The controller's numbers, as Prometheus would parse them."""

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from inferencehealth.api.conditions import Condition, ConditionStatus
from inferencehealth.api.status import PolicyStatus
from inferencehealth.controller import metrics
from inferencehealth.controller.board import Board, Posted
from inferencehealth.controller.metrics import MAX_MODELS, OTHERS, exposition
from inferencehealth.controller.pages import page
from inferencehealth.controller.runs import HANGS, Runs
from inferencehealth.controller.states import Part, WorkloadState

READY = PolicyStatus(
    conditions=(
        Condition(type="Ready", status=ConditionStatus.FALSE, reason="Broken", message="no"),
    )
)


def workload(name: str = "asr", **changes: Any) -> WorkloadState:
    fields: dict[str, Any] = {
        "kind": "Deployment",
        "name": name,
        "verdict": "Broken",
        "reason": "",
        "serving": 1,
        "wanted": 2,
        "short": True,
        "models": (Part("small", 1, 2),),
        "loads": 90.0,
    }
    return WorkloadState(**(fields | changes))


def board(*workloads: WorkloadState) -> Board:
    made = Board()
    conditions = {c.type: c.status.value for c in READY.conditions}
    made._posted["ml", "p"] = Posted(conditions, workloads, page(READY, workloads))
    return made


def read(made: Board, runs: Runs | None = None) -> dict[tuple[str, ...], float]:
    """Every sample by its name and its labels' values, by the labels' names in order."""
    text = exposition(made, runs or Runs(), {"Report": 7}, lambda: 3.5, lambda: True)().decode()
    return {
        (
            sample.name.removeprefix("inferencehealth_"),
            *(value for _, value in sorted(sample.labels.items())),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_workload_and_its_models_are_told_by_name() -> None:
    found = read(board(workload()))
    names = ("Deployment", "ml", "asr")
    assert found["policy_condition", "ml", "p", "False", "Ready"] == 1
    assert found["workload_verdict", "Deployment", "ml", "Broken", "asr"] == 1
    assert ("workload_verdict", "Deployment", "ml", "Ready", "asr") not in found
    assert (found["workload_pods_serving", *names], found["workload_pods_wanted", *names]) == (1, 2)
    assert found["model_pods_serving", "Deployment", "small", "ml", "asr"] == 1
    assert found["model_pods_asked", "Deployment", "small", "ml", "asr"] == 2
    assert found["learned_startup_seconds", *names] == 90
    assert found["api_writes_total", "Report"] == 7
    assert found["api_silence_seconds",] == 3.5


def test_a_workload_that_was_never_seen_to_load_has_learned_nothing() -> None:
    found = read(board(workload(loads=None)))
    assert not [name for name, *_ in found if name == "learned_startup_seconds"]


def test_models_beyond_the_limit_are_one() -> None:
    models = tuple(Part(f"m{i:02}", 1, 2) for i in range(MAX_MODELS + 5))
    found = read(board(workload(models=models)))
    told = [key for key in found if key[0] == "model_pods_asked"]
    assert len(told) == MAX_MODELS
    assert found["model_pods_asked", "Deployment", OTHERS, "ml", "asr"] == 2 * 6


def test_workloads_beyond_the_limit_are_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MAX_WORKLOADS", 3)
    found = read(board(*(workload(f"w{i}") for i in range(5))))
    assert len([key for key in found if key[0] == "workload_verdict"]) == 3
    assert (found["workloads",], found["workloads_omitted",]) == (5, 2)


async def test_runs_are_counted_by_how_they_end() -> None:
    now = 0.0
    runs = Runs(clock=lambda: now)

    async def work(key: str) -> None:
        nonlocal now
        now += 2.0
        if key == "bad":
            raise OSError(key)

    counted = runs.counted(work)
    await counted("good")
    with pytest.raises(OSError, match="bad"):
        await counted("bad")
    found = read(Board(), runs)
    assert (found["runs_total", "done"], found["runs_total", "failed"]) == (1, 1)
    assert found["run_duration_seconds_sum",] == 4


async def test_a_run_that_hangs_is_told_to_the_kubelet() -> None:
    now = 0.0
    runs = Runs(clock=lambda: now)
    told: list[str] = []

    async def work(_key: str) -> None:
        nonlocal now
        told.append(runs.stuck())
        now += HANGS + 1
        told.append(runs.stuck())

    await runs.counted(work)("x")
    assert told == ["", "a run has lasted 301 s"]
    assert runs.stuck() == ""
