"""Which changes of verdict become Events."""

from dataclasses import replace

import pytest

from inferencehealth.checker.announce import (
    announcement,
    gate_announcement,
    refusal_announcement,
)
from inferencehealth.checker.engine import Transition
from inferencehealth.checker.gating import GateChange, GatedPod, Step
from inferencehealth.checks.history import NOT_CHECKED, History
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.kube.gates import Gate
from inferencehealth.kube.pods import GateRecord

from .values import pod, report, spec


def history(verdict: Verdict, reason: str = "R", message: str = "m") -> History:
    return History(uid="u", verdict=verdict, reason=reason, message=message, since=0.0)


READY = history(Verdict.READY, "Serving", "")
BROKEN = history(Verdict.BROKEN, "ModelLoadFailed", "resnet50 failed to load")
UNKNOWN = history(Verdict.UNKNOWN, "ConnectTimeout", "no connection")
NEW = history(Verdict.UNKNOWN, NOT_CHECKED, "")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (READY, BROKEN, ("Warning", "ModelLoadFailed")),
        (NEW, BROKEN, ("Warning", "ModelLoadFailed")),
        (BROKEN, READY, ("Normal", "Recovered")),
        (BROKEN, history(Verdict.DEGRADED), ("Normal", "Recovered")),
        (READY, UNKNOWN, ("Warning", "ConnectTimeout")),
        (NEW, UNKNOWN, None),
        (NEW, READY, None),
        (READY, history(Verdict.BUSY), None),
        (history(Verdict.LOADING), READY, None),
        (BROKEN, history(Verdict.LOADING), None),
    ],
)
def test_what_is_told(before: History, after: History, expected: tuple[str, str] | None) -> None:
    told = announcement(Transition(report(), pod(), before, after))
    assert (told and (told.type, told.reason)) == expected


def test_an_event_is_about_the_pod_and_names_the_report() -> None:
    told = announcement(Transition(report(), pod(ready=False), READY, BROKEN))
    assert told is not None
    assert (told.regarding.kind, told.regarding.name, told.regarding.uid) == (
        "Pod",
        "triton-0",
        "uid-triton-0",
    )
    assert told.related is not None
    assert (told.related.kind, told.related.name) == ("InferenceHealthReport", "triton")
    assert told.note == "resnet50 failed to load"


def test_a_contradiction_of_the_kubelet_is_said() -> None:
    told = announcement(Transition(report(), replace(pod(), ready=True), READY, BROKEN))
    assert told is not None
    assert told.note == "resnet50 failed to load; the kubelet calls the pod ready"


@pytest.mark.parametrize(
    ("profile", "remedy"),
    [
        ("triton", "Reload the model through the repository API: unload it, then load it. Or"),
        ("vllm", "Restart the pod"),
    ],
)
def test_what_no_probe_sees_comes_with_what_mends_it(profile: str, remedy: str) -> None:
    told = announcement(
        Transition(
            report(check=spec(profile=profile)),
            pod(ready=False),
            READY,
            history(Verdict.BROKEN, "CanaryTimedOut", "the canary gets no answer within 10s"),
        )
    )
    assert told is not None
    assert told.note.startswith("the canary gets no answer within 10s. No probe")
    assert remedy in told.note


GATED_POD = GatedPod(
    namespace="ml",
    name="triton-0",
    uid="uid-triton-0",
    verdict=Verdict.BROKEN,
    reason="ModelNotLoaded",
    message="model resnet50 is not loaded",
    since=0.0,
    served=True,
    ready=True,
    gate=GateRecord("True"),
)


@pytest.mark.parametrize(
    ("step", "is_open", "reason", "told"),
    [
        (Step.CLOSE, False, "ModelNotLoaded", ("Warning", "TakenOutOfTraffic")),
        (Step.REOPEN, True, "Serving", ("Normal", "BackInTraffic")),
        (Step.REOPEN, True, "KeptByFloor", ("Warning", "KeptInTraffic")),
        (Step.EXPLAIN, True, "KeptByFloor", ("Warning", "KeptInTraffic")),
        (Step.ADMIT, True, "FailedOpen", ("Warning", "GateFailedOpen")),
        (Step.ADMIT, True, "Serving", None),
        (Step.EXPLAIN, False, "Loading", None),
        (Step.EXPLAIN, True, "Serving", None),
    ],
)
def test_a_gate_is_announced_where_it_is_not_what_everybody_expects(
    step: Step, is_open: bool, reason: str, told: tuple[str, str] | None
) -> None:
    change = GateChange(
        GATED_POD, step, Gate(open=is_open, reason=reason, message="why", since=0.0)
    )
    found = gate_announcement(report(), change)
    assert (found and (found.type, found.reason)) == told
    if found is not None:
        assert found.regarding.uid == "uid-triton-0"
        assert found.related is not None
        assert found.related.name == "triton"
        assert found.note == ("why" if is_open else f"{reason}: why")


def test_the_gate_of_a_pod_without_a_report_is_announced_about_the_pod_alone() -> None:
    change = GateChange(
        GATED_POD, Step.ADMIT, Gate(open=True, reason="FailedOpen", message="why", since=0.0)
    )
    found = gate_announcement(None, change)
    assert found is not None
    assert found.related is None


def test_a_right_to_set_gates_that_is_lacking_is_named_with_its_remedy() -> None:
    found = refusal_announcement(report(), "pods is forbidden")
    assert (found.type, found.reason) == ("Warning", "GateRefused")
    assert found.regarding.kind == "InferenceHealthReport"
    assert "pods is forbidden" in found.note
    assert "patch on pods/status" in found.note
