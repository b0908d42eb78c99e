from typing import Any

import pytest

from inferencehealth.api.report import Detection, ProbeReport, ProbesReport, ProbeState
from inferencehealth.api.rollouts import RevertReport, RolloutState
from inferencehealth.controller.remedies import remedy
from inferencehealth.controller.reverts import observe, pause, told
from inferencehealth.plan import Action, Plan, ProbePlan
from tests.unit.controller.given import NOW, a_record, a_workload, ago
from tests.unit.plan.given import owned

OURS = {"httpGet": {"path": "/v2/health/live", "port": 8000}}
THEIRS = {"httpGet": {"path": "/healthz", "port": 8000}}


def planned(
    existing: dict[str, Any] | None, action: Action = Action.REPLACE, wanted: Any = OURS
) -> Plan:
    probe = ProbePlan("livenessProbe", wanted, action, existing, ours=False, reason="")
    return Plan(Detection(container="server"), probes=(probe,))


def reported(
    state: RolloutState = RolloutState.DONE, subject: str = "s", reverts: Any = None
) -> ProbesReport:
    return ProbesReport(
        state=ProbeState.INJECTED,
        liveness=ProbeReport(state=ProbeState.INJECTED, wanted=OURS),
        rollout=a_record(state, subject=subject),
        reverts=reverts,
    )


def target(*managers: str, existing: dict[str, Any] | None = THEIRS) -> Any:
    times = ("2026-11-21T11:00:00Z", "2026-11-21T11:59:00Z")
    managed = [
        owned("livenessProbe", manager=m, time=t) for m, t in zip(managers, times, strict=False)
    ]
    container = {"livenessProbe": existing} if existing else {}
    return a_workload(container=container, managed=managed)


def test_what_is_as_we_wrote_it_is_no_revert() -> None:
    assert observe(reported(), planned(OURS, Action.IN_PLACE), target(), "s", NOW) == (None, False)


@pytest.mark.parametrize(
    "before",
    [
        reported(subject="older"),  # somebody changed policy or image: a new matter
        reported(RolloutState.STARTING),  # it may never have been written
        reported(RolloutState.HALTED),  # we took it back ourselves
        ProbesReport(),
    ],
)
def test_only_what_we_wrote_for_this_very_subject_can_be_reverted(before: ProbesReport) -> None:
    found = target("argocd-controller")
    assert observe(before, planned(THEIRS), found, "s", NOW) == (None, False)


def test_numbers_that_we_now_want_otherwise_are_no_revert() -> None:
    learned = {**OURS, "periodSeconds": 30}
    found = planned(OURS, Action.INJECT, learned)
    assert observe(reported(), found, target("inferencehealth"), "s", NOW) == (None, False)


def test_a_probe_that_its_author_took_back_under_keep_is_theirs() -> None:
    found = observe(reported(), planned(THEIRS, Action.KEEP), target("author"), "s", NOW)
    assert found == (None, False)


def test_a_revert_is_counted_and_laid_at_the_door_of_who_came_last() -> None:
    found, again = observe(
        reported(), planned(THEIRS), target("author", "argocd-controller"), "s", NOW
    )
    assert again
    assert found is not None
    assert (found.count, found.manager, found.field, found.stopped) == (
        1,
        "argocd-controller",
        "livenessProbe",
        False,
    )


def known(count: int, seconds_ago: float = 100, **more: Any) -> RevertReport:
    return RevertReport(
        count=count, manager="flux", field="x", since=ago(seconds_ago), subject="s", **more
    )


def test_after_three_rounds_we_give_up() -> None:
    found, _ = observe(
        reported(reverts=known(2)), planned(THEIRS), target("argocd-controller"), "s", NOW
    )
    assert found is not None
    assert (found.count, found.stopped) == (3, True)


@pytest.mark.parametrize(
    ("managers", "existing"),
    [
        ((), None),  # kubectl rollout undo of what we had added leaves no trace
        (("kubectl-rollout",), THEIRS),
        (("kubectl-edit",), THEIRS),
    ],
)
def test_what_somebody_rolled_back_by_hand_is_left_at_once(
    managers: tuple[str, ...], existing: Any
) -> None:
    found, _ = observe(
        reported(),
        planned(existing, Action.INJECT if existing is None else Action.REPLACE),
        target(*managers, existing=existing),
        "s",
        NOW,
    )
    assert found is not None
    assert (found.count, found.stopped) == (1, True)
    assert "until the policy or the rest of the pod template changes" in told(found, "Deployment")


@pytest.mark.parametrize(
    ("old", "in_place", "kept"),
    [
        (known(1), 3599, True),
        (known(1), 3601, False),
        (known(3, stopped=True), 9e5, True),
        (known(1).model_copy(update={"subject": "older"}), 10, False),
    ],
)
def test_reverts_are_forgotten_when_ours_stay_or_the_matter_is_another(
    old: RevertReport, in_place: float, kept: bool
) -> None:
    record = a_record(RolloutState.DONE, since=ago(in_place))
    before = reported(reverts=old).model_copy(update={"rollout": record})
    found, again = observe(before, planned(OURS, Action.IN_PLACE), target(), "s", NOW)
    assert found == (old if kept else None)
    assert not again


def test_reverts_are_not_forgotten_while_ours_wait_for_their_turn() -> None:
    before = reported(reverts=known(1, seconds_ago=9e5)).model_copy(update={"rollout": None})
    found, _ = observe(before, planned(THEIRS), target("argocd-controller"), "s", NOW)
    assert found is not None
    assert found.count == 1


@pytest.mark.parametrize(
    ("reverts", "expected"),
    [
        (None, 0),
        (known(1, 10), 50),
        (known(1, 60), 0),
        (known(2, 10), 290),
        (known(3, 10, stopped=True), 0),
    ],
)
def test_each_round_waits_longer(reverts: RevertReport | None, expected: float) -> None:
    assert pause(reverts, NOW) == expected


@pytest.mark.parametrize(
    ("manager", "words"),
    [
        (
            "argocd-controller",
            (
                "spec.ignoreDifferences: [{group: apps, kind: StatefulSet, "
                "managedFieldsManagers: [inferencehealth]}]"
            ),
        ),
        ("argocd-controller", "RespectIgnoreDifferences=true"),
        ("kustomize-controller", "delete these lines from the manifest in Git"),
        ("helm-controller", "values of the Helm release"),
        ("Helm", "values of the Helm release"),
        ("kubectl-client-side-apply", "existing: Keep"),
        ("some-operator", "'some-operator'"),
        ("", "kubectl rollout undo"),
    ],
)
def test_every_tool_has_its_own_remedy(manager: str, words: str) -> None:
    assert words in remedy(manager, "StatefulSet")
