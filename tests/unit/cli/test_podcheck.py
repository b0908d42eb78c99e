"""What `ihp check` makes of a workload's pods; who is asked is for the integration tests."""

from typing import Any

import pytest

from inferencehealth.api.report import CheckSpec
from inferencehealth.checker.once import Asked, Checked
from inferencehealth.checker.ways import Way
from inferencehealth.checks.history import PodFacts
from inferencehealth.checks.steps import Outcome
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.cli.asked import Subject, owner_of
from inferencehealth.cli.podcheck import PodChecked, as_document, in_time, overall
from inferencehealth.kube.pods import PodRecord
from inferencehealth.problems import Problem
from tests.unit.status.given import CHECK

SPEC = CheckSpec.model_validate(CHECK)
NOW = 10_000.0


def result(verdict: Verdict, message: str = "", *outcomes: Outcome) -> Checked:
    steps = tuple(Asked("GET :8000/", outcome, 0, 0.1) for outcome in outcomes)
    return Checked(verdict, verdict.value, message, steps, 0.1)


def facts(started_at: int | None, *, ready: bool = False) -> PodFacts:
    return PodFacts("u", "10.0.0.1", "Running", started_at, "", "", 0, "", ready=ready)


def pod(name: str, verdict: Verdict, message: str = "") -> PodChecked:
    return PodChecked(name, result(verdict, message), Way.DIRECT)


REFUSED = result(Verdict.BROKEN, "refused", Outcome.REFUSED)
ANSWERED = result(Verdict.BROKEN, "model gone", Outcome.ANSWERED, Outcome.ANSWERED)
YOUNG, OLD = int(NOW) - 60, int(NOW) - 6000


@pytest.mark.parametrize(
    ("found", "container", "verdict"),
    [
        (REFUSED, facts(YOUNG), Verdict.LOADING),
        (REFUSED, facts(OLD), Verdict.BROKEN),
        (REFUSED, facts(YOUNG, ready=True), Verdict.BROKEN),
        (REFUSED, facts(None), Verdict.BROKEN),
        (ANSWERED, facts(YOUNG), Verdict.BROKEN),
        (result(Verdict.READY, "", Outcome.ANSWERED), facts(YOUNG), Verdict.READY),
    ],
    ids=["starting", "too late", "was ready", "unknown start", "answers", "serves"],
)
def test_silence_within_the_startup_budget_is_loading(
    found: Checked, container: PodFacts, verdict: Verdict
) -> None:
    assert in_time(found, container, SPEC, NOW).verdict is verdict


def test_the_worst_pod_decides_and_the_message_says_of_how_many() -> None:
    pods = [pod("a", Verdict.READY), pod("b", Verdict.BROKEN, "model gone")]
    about = Subject(SPEC, (), "")
    worst = overall(about, pods)
    assert (worst.verdict, worst.message) == (Verdict.BROKEN, "1 of 2 pods serve: model gone")
    told = as_document("deployment/x", about, worst, pods)
    assert (told["target"], told["verdict"]) == ("deployment/x", "Broken")
    assert [each["target"] for each in told["pods"]] == ["pod/a", "pod/b"]


def test_a_single_pod_is_told_as_a_url_is() -> None:
    about = Subject(SPEC, (), "", pod=True)
    told = as_document("pod/a", about, overall(about, [pod("a", Verdict.READY)]), [])
    assert "pods" not in told


def test_what_cannot_be_known_is_unknown_with_the_reason() -> None:
    about = Subject(Problem("ServerNotRecognised", "no server"), (), "")
    assert overall(about, []).reason == "ServerNotRecognised"
    assert overall(Subject(SPEC, (), ""), []).reason == "NoPods"


@pytest.mark.parametrize(
    ("controller", "owner"),
    [
        (("ReplicaSet", "web-5d4f"), ("Deployment", "web")),
        (("ReplicaSet", "other"), None),
        (("StatefulSet", "db"), ("StatefulSet", "db")),
        (("DaemonSet", "agent"), None),
        (None, None),
    ],
)
def test_a_pods_workload_is_found_by_who_made_it(controller: Any, owner: Any) -> None:
    labels = {"pod-template-hash": "5d4f"}
    record = PodRecord(
        "u", "ml", "p", labels, "", "Running", "", False, True, "", (), controller=controller
    )
    assert owner_of(record) == owner
