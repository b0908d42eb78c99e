from datetime import timedelta
from typing import Any

import pytest

from inferencehealth.api.report import CheckSpec, Health, PodHealth
from inferencehealth.api.rollouts import RolloutState
from inferencehealth.api.target import Selector
from inferencehealth.controller.guard import (
    Seen,
    begin,
    look_again,
    patience,
    soak,
    step,
    subject_of,
    written,
)
from inferencehealth.controller.rollouts import Phase, Progress
from inferencehealth.workloads import Workload
from tests.unit.controller.given import (
    NOW,
    a_health,
    a_policy,
    a_record,
    a_workload,
    ago,
)
from tests.unit.plan.given import owned

CHECK = CheckSpec(
    profile="triton",
    container="server",
    port=8000,
    pod_selector=Selector(match_labels={"a": "b"}),
    interval=10,
    timeout=5,
    failure_threshold=3,
    success_threshold=1,
    startup_budget=300,
)
SOAK = 35.0
PATIENCE = 2 * (300.0 + 30.0 + 120.0)


def seen(phase: Phase = Phase.ROLLING, *, health: Health | None = None, **more: Any) -> Seen:
    given: dict[str, Any] = {
        "target": a_workload(),
        "progress": Progress(phase, "timed out", 2),
        "in_place": True,
        "health": health or a_health(ready=2),
        "check": CHECK,
        "subject": "s",
        "halts": True,
        "now": NOW,
    }
    return Seen(**(given | more))


def test_the_times_are_those_of_the_check() -> None:
    assert soak(CHECK) == SOAK
    assert patience(a_workload(), CHECK) == PATIENCE


@pytest.mark.parametrize(
    ("state", "age", "phase", "expected"),
    [
        (RolloutState.ROLLING, 30, Phase.ROLLING, RolloutState.ROLLING),
        (RolloutState.ROLLING, 30, Phase.FRESH, RolloutState.ROLLING),
        (RolloutState.ROLLING, 9e9, Phase.PAUSED, RolloutState.ROLLING),
        (RolloutState.ROLLING, 30, Phase.SETTLED, RolloutState.VERIFYING),
        (RolloutState.ROLLING, 30, Phase.EMPTY, RolloutState.DONE),
        (RolloutState.ROLLING, 30, Phase.FAILED, RolloutState.HALTED),
        (RolloutState.VERIFYING, SOAK - 1, Phase.SETTLED, RolloutState.VERIFYING),
        (RolloutState.VERIFYING, SOAK, Phase.SETTLED, RolloutState.DONE),
        (RolloutState.VERIFYING, 1, Phase.ROLLING, RolloutState.DONE),
        (RolloutState.DONE, 9e9, Phase.FAILED, RolloutState.DONE),
        (RolloutState.HALTED, 9e9, Phase.SETTLED, RolloutState.HALTED),
    ],
)
def test_a_rollout_goes_on_by_its_controllers_word(
    state: RolloutState, age: float, phase: Phase, expected: RolloutState
) -> None:
    since = ago(age) if age < 1e9 else "2026-01-01T00:00:00Z"
    found = step(a_record(state, since=since), seen(phase))
    assert found is not None
    assert found.state is expected


@pytest.mark.parametrize("state", [RolloutState.ROLLING, RolloutState.VERIFYING])
def test_more_broken_pods_than_before_halt_it_at_any_time(state: RolloutState) -> None:
    worse = a_health("Broken", ready=1, broken=1).model_copy(update={"message": "model x fails"})
    found = step(a_record(state), seen(Phase.SETTLED, health=worse))
    assert found is not None
    assert found.state is RolloutState.HALTED
    assert "1 pods are Broken, 0 were before: model x fails" in found.message


@pytest.mark.parametrize(
    ("restarts", "expected"), [(0, RolloutState.VERIFYING), (1, RolloutState.HALTED)]
)
def test_what_breaks_after_it_served_is_held_against_it_only_with_a_restart(
    restarts: int, expected: RolloutState
) -> None:
    served = step(a_record(), seen(Phase.SETTLED))
    pod = PodHealth(name="p", verdict="Broken", restarts=restarts)
    worse = a_health("Broken", ready=1, broken=1).model_copy(update={"pods": (pod,)})
    found = step(served, seen(Phase.SETTLED, health=worse))
    assert found is not None
    assert found.state is expected


def test_a_pod_that_has_not_served_yet_does_not_count_as_one_that_did() -> None:
    settled = step(a_record(), seen(Phase.SETTLED, health=a_health("Loading", ready=1, loading=1)))
    worse = a_health("Broken", ready=1, broken=1)
    found = step(settled, seen(Phase.SETTLED, health=worse))
    assert found is not None
    assert found.state is RolloutState.HALTED


def test_what_a_changed_policy_calls_broken_is_not_held_against_a_rollout_that_is_over() -> None:
    worse = a_health("Broken", ready=1, broken=1)
    record = a_record(RolloutState.VERIFYING).model_copy(update={"subject": "before the change"})
    found = step(record, seen(Phase.SETTLED, health=worse))
    assert found is not None
    assert found.state is RolloutState.DONE


def test_as_many_broken_pods_as_before_are_not_held_against_it() -> None:
    broken = a_health("Broken", ready=1, broken=1)
    found = step(a_record(broken=1), seen(Phase.SETTLED, health=broken))
    assert found is not None
    assert found.state is RolloutState.VERIFYING


@pytest.mark.parametrize(
    ("record", "more", "words"),
    [
        ({"available": 0}, {}, "no pod was available before either"),
        ({}, {"halts": False}, "haltOnFailure is false"),
    ],
)
def test_a_failure_that_is_not_to_be_undone_is_told_and_over(
    record: dict[str, Any], more: dict[str, Any], words: str
) -> None:
    found = step(a_record(**record), seen(Phase.FAILED, **more))
    assert found is not None
    assert found.state is RolloutState.DONE
    assert words in found.message


def test_a_pod_that_loads_within_its_budget_has_not_failed_whatever_the_deadline_says() -> None:
    loading = a_health("Loading", ready=1, loading=1)
    kept = step(a_record(), seen(Phase.FAILED, health=loading))
    assert kept is not None
    assert kept.state is RolloutState.ROLLING
    late = step(a_record(since=ago(PATIENCE + 1)), seen(Phase.FAILED, health=loading))
    assert late is not None
    assert late.state is RolloutState.HALTED


def test_a_surge_pod_without_a_node_is_named_with_the_remedy() -> None:
    pending = PodHealth(
        name="new",
        verdict="Loading",
        reason="PodPending",
        message="not scheduled: 0/3 nodes: Insufficient nvidia.com/gpu",
    )
    health = a_health("Loading", ready=2, loading=1).model_copy(update={"pods": (pending,)})
    found = step(a_record(), seen(Phase.FAILED, health=health))
    assert found is not None
    assert found.state is RolloutState.HALTED
    assert "Insufficient nvidia.com/gpu" in found.message
    assert "maxSurge 0 and maxUnavailable 1" in found.message


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (a_workload(kind="StatefulSet"), RolloutState.HALTED),
        (a_workload(progressDeadlineSeconds=2**31 - 1), RolloutState.HALTED),
        (a_workload(), RolloutState.ROLLING),
    ],
)
def test_where_nobody_sets_a_deadline_ours_counts(target: Workload, expected: RolloutState) -> None:
    record = a_record(since=ago(PATIENCE + 1))
    found = step(record, seen(Phase.ROLLING, target=target))
    assert found is not None
    assert found.state is expected


def test_what_was_begun_but_not_written_down_is_taken_up_where_it_stands() -> None:
    begun = a_record(RolloutState.STARTING, generation=1)
    taken_up = step(begun, seen(in_place=True))
    assert taken_up is not None
    assert (taken_up.state, taken_up.generation) == (RolloutState.ROLLING, 2)
    assert step(begun, seen(in_place=False)) is None
    assert step(a_record(RolloutState.STARTING, generation=2), seen(in_place=True)) is None


def test_a_halt_ends_when_policy_or_workload_have_changed() -> None:
    assert step(a_record(RolloutState.HALTED), seen(subject="other")) is None


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        (Phase.SETTLED, RolloutState.ROLLING),
        (Phase.FRESH, RolloutState.ROLLING),
        (Phase.EMPTY, RolloutState.DONE),
        (Phase.MANUAL, RolloutState.DONE),
    ],
)
def test_a_change_for_which_no_pod_is_replaced_is_done_at_once(
    phase: Phase, expected: RolloutState
) -> None:
    assert written(a_record(), a_workload(), phase, NOW).state is expected


def test_a_change_remembers_what_was_there_and_whose_it_was() -> None:
    probe = {"httpGet": {"path": "/", "port": 1}}
    target = a_workload(
        container={"livenessProbe": probe, "startupProbe": probe}, managed=[owned("startupProbe")]
    )
    found = begin(
        target,
        target.containers[0],
        Progress(Phase.SETTLED, available=2),
        a_health(ready=1, broken=1),
        previous=None,
        subject="s",
        now=NOW,
    )
    assert found.before == {"livenessProbe": probe, "startupProbe": probe}
    assert found.ours == ("startupProbe",)
    assert (found.available, found.broken, found.gate) == (2, 1, False)


def test_a_change_upon_a_change_not_yet_known_to_be_good_goes_back_to_before_both() -> None:
    first = a_record(before={"livenessProbe": {"exec": {"command": ["x"]}}}, available=5)
    target = a_workload()
    given: dict[str, Any] = {
        "target": target,
        "container": target.containers[0],
        "progress": Progress(Phase.FRESH),
        "health": a_health(),
        "subject": "s",
        "now": NOW,
    }
    upon = begin(previous=first, **given)
    assert (upon.before, upon.available) == (first.before, 5)
    after = begin(previous=a_record(RolloutState.DONE, available=5), **given)
    assert (after.before, after.available) == (None, 0)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (RolloutState.VERIFYING, SOAK - 30 + 1),
        (RolloutState.ROLLING, PATIENCE - 30 + 1),
        (RolloutState.DONE, None),
        (RolloutState.HALTED, None),
    ],
)
def test_time_alone_moves_only_what_is_running(state: RolloutState, expected: float | None) -> None:
    assert look_again(a_record(state), seen()) == expected


def test_the_subject_does_not_change_by_what_we_write_ourselves() -> None:
    policy = a_policy()
    bare = a_workload()
    probed = a_workload(
        container={"livenessProbe": {"exec": {}}}, generation=9, status={"replicas": 9}
    )
    assert subject_of(policy, bare, "server") == subject_of(policy, probed, "server")


@pytest.mark.parametrize(
    ("policy", "target"),
    [
        (a_policy(generation=2), a_workload()),
        (a_policy(), a_workload(container={"image": "triton:2"})),
        (a_policy(), a_workload(template={"metadata": {"annotations": {"a": "b"}}, "spec": {}})),
    ],
)
def test_the_subject_changes_with_the_policy_and_the_rest_of_the_template(
    policy: Any, target: Workload
) -> None:
    assert subject_of(policy, target, "server") != subject_of(a_policy(), a_workload(), "server")


def test_steps_do_not_depend_on_how_often_they_are_taken() -> None:
    record = a_record(RolloutState.ROLLING)
    now, states = NOW, []
    for _ in range(3):
        record = step(record, seen(Phase.SETTLED, now=now)) or record
        record = step(record, seen(Phase.SETTLED, now=now)) or record
        states.append(record.state)
        now += timedelta(seconds=SOAK)
    assert states == [RolloutState.VERIFYING, RolloutState.DONE, RolloutState.DONE]
