"""Which gates the controller opens when a checker is gone: the pure half."""

from typing import Any

import pytest

from inferencehealth.api.gate import GateLimits
from inferencehealth.api.target import Selector
from inferencehealth.controller.gates import GatedReport, project_closed, project_gated, to_open
from inferencehealth.kube.events import ObjectRef
from inferencehealth.kube.pods import PodRecord

GATE = "inferencehealth.dev/models-ready"
REF = ObjectRef("inferencehealth.dev/v1alpha1", "InferenceHealthReport", "ml", "triton", "r1")
REPORT = GatedReport(REF, Selector(match_labels={"app": "triton"}), GateLimits(), "checker-a")


def raw_report(**check: Any) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "ml", "name": "triton", "uid": "r1"},
        "spec": {"check": {"podSelector": {"matchLabels": {"app": "triton"}}, **check}},
        "status": {"health": {"checkedBy": "checker-a"}},
    }


def test_only_reports_that_ask_for_a_gate_are_kept() -> None:
    assert project_gated(raw_report()) is None
    assert project_gated({**raw_report(), "spec": {}}) is None
    asked = raw_report(gate={"failOpenAfter": "30s", "floor": 2})
    found = project_gated(asked)
    assert found == GatedReport(
        REF, REPORT.selector, GateLimits(fail_open_after=30.0, floor=2), "checker-a"
    )


def test_a_report_that_no_checker_has_written_to_names_none() -> None:
    found = project_gated({**raw_report(gate={"floor": 1}), "status": {}})
    assert found is not None
    assert found.checked_by == ""


def raw_pod(
    name: str = "a", status: str = "", gates: tuple[str, ...] = (GATE,), **meta: Any
) -> dict[str, Any]:
    conditions = [{"type": GATE, "status": status}] if status else []
    return {
        "metadata": {
            "namespace": "ml",
            "name": name,
            "uid": f"uid-{name}",
            "labels": {"app": "triton"},
            **meta,
        },
        "spec": {"readinessGates": [{"conditionType": each} for each in gates]},
        "status": {"phase": "Running", "conditions": conditions},
    }


def closed(name: str = "a", **changes: Any) -> PodRecord:
    found = project_closed(raw_pod(name, **changes))
    assert found is not None
    return found


@pytest.mark.parametrize(
    "raw",
    [
        raw_pod(status="True"),
        raw_pod(gates=()),
        raw_pod(gates=("example.com/other",)),
        raw_pod(deletionTimestamp="2026-01-02T03:04:05Z"),
        {**raw_pod(), "status": {"phase": "Succeeded"}},
    ],
)
def test_a_pod_whose_gate_needs_no_opening_is_not_kept(raw: dict[str, Any]) -> None:
    assert project_closed(raw) is None


def test_the_reports_own_pods_are_opened_new_ones_and_closed_ones_alike() -> None:
    new, shut = closed("new"), closed("shut", status="False")
    other = closed("other", labels={"app": "vllm"})
    elsewhere = closed("far", namespace="other")
    assert to_open(REPORT, (new, shut, other, elsewhere), frozenset()) == (new, shut)


def test_a_gate_that_was_closed_again_is_left_to_whoever_did_it() -> None:
    assert to_open(REPORT, (closed("a"), closed("b")), frozenset({"uid-a"})) == (closed("b"),)
