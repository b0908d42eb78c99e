"""Which changes of verdict become Events."""

from dataclasses import replace

import pytest

from inferencehealth.checker.announce import announcement
from inferencehealth.checker.engine import Transition
from inferencehealth.checks.history import NOT_CHECKED, History
from inferencehealth.checks.verdicts import Verdict

from .values import pod, report


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
    assert (told.related.kind, told.related.name) == ("InferenceHealthReport", "triton")
    assert told.note == "resnet50 failed to load"


def test_a_contradiction_of_the_kubelet_is_said() -> None:
    told = announcement(Transition(report(), replace(pod(), ready=True), READY, BROKEN))
    assert told is not None
    assert told.note == "resnet50 failed to load; the kubelet calls the pod ready"
