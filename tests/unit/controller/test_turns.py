from typing import Any

import pytest

from inferencehealth.api.policy import Policy
from inferencehealth.api.report import ProbeState
from inferencehealth.api.rollouts import RevertReport, RolloutState
from inferencehealth.controller.inject import Refusal
from inferencehealth.controller.rollouts import Phase, Progress
from inferencehealth.controller.turns import Act, Case, Decision, decide
from inferencehealth.probes.writes import JsonPatch, SsaApply
from tests.unit.controller.given import NOW, a_policy, a_record, a_workload, ago

APPLY = SsaApply({})


def case(name: str = "a", phase: Phase = Phase.SETTLED, **more: Any) -> Case:
    given: dict[str, Any] = {
        "target": a_workload(name),
        "progress": Progress(phase, available=2),
        "write": APPLY,
        "record": None,
        "reverts": None,
        "refusal": None,
    }
    return Case(**(given | more))


def rolling(name: str = "r", **more: Any) -> Case:
    return case(name, Phase.ROLLING, write=None, record=a_record(**more))


def halted(name: str = "h", **more: Any) -> Case:
    return case(name, record=a_record(RolloutState.HALTED, message="it failed"), **more)


def reverts(**more: Any) -> RevertReport:
    given: dict[str, Any] = {"count": 1, "manager": "argocd-controller", "field": "livenessProbe"}
    return RevertReport(since=ago(10), subject="s", **(given | more))


def one(found: Case, policy: Policy | None = None) -> Decision:
    return decide(policy or a_policy(), [found], NOW)[0]


def acts(*cases: Case, policy: Policy | None = None) -> list[Act]:
    return [made.act for made in decide(policy or a_policy(), cases, NOW)]


def test_workloads_are_changed_one_after_the_other() -> None:
    first, second = decide(a_policy(), [case("a"), case("b")], NOW)
    assert first.act is Act.WRITE
    assert (second.act, second.state) == (Act.LEAVE, ProbeState.PENDING)
    assert second.message == "waits for the rollout of deployment/a: one workload at a time"


def test_as_many_roll_at_a_time_as_the_policy_says() -> None:
    policy = a_policy(rollout={"maxConcurrent": 2})
    found = acts(rolling(), case("a"), case("b"), policy=policy)
    assert found == [Act.LEAVE, Act.WRITE, Act.LEAVE]


@pytest.mark.parametrize("state", [RolloutState.ROLLING, RolloutState.VERIFYING])
def test_a_turn_lasts_until_the_new_pods_have_been_watched(state: RolloutState) -> None:
    busy = case("r", write=None, record=a_record(state))
    assert acts(busy, case()) == [Act.LEAVE, Act.LEAVE]
    done = case("r", write=None, record=a_record(RolloutState.DONE))
    assert acts(done, case()) == [Act.LEAVE, Act.WRITE]


@pytest.mark.parametrize(
    "held_up_by",
    [
        # Nothing served there before either.
        case("r", Phase.FRESH, write=None, record=a_record(available=0)),
        # Somebody holds it on purpose, maybe for days.
        case("r", Phase.PAUSED, write=None, record=a_record()),
        # Somebody else's rollout is not ours to count.
        case("r", Phase.ROLLING, write=None),
    ],
)
def test_what_is_not_our_rollout_of_serving_pods_takes_no_turn(held_up_by: Case) -> None:
    assert acts(held_up_by, case()) == [Act.LEAVE, Act.WRITE]


@pytest.mark.parametrize("phase", [Phase.EMPTY, Phase.FRESH, Phase.MANUAL])
def test_a_change_that_disturbs_nobody_waits_for_nobody(phase: Phase) -> None:
    closed = a_policy(rollout={"window": {"start": "22:00", "end": "23:00"}})
    assert acts(rolling(), halted(), case("a", phase), policy=closed)[2] is Act.WRITE
    assert acts(case("a", phase), case("b")) == [Act.WRITE, Act.WRITE]


@pytest.mark.parametrize(
    ("phase", "words"), [(Phase.PAUSED, "it is paused"), (Phase.ROLLING, "under way")]
)
def test_no_rollout_is_started_upon_another_or_a_pause(phase: Phase, words: str) -> None:
    made = one(case(phase=phase))
    assert (made.act, made.state) == (Act.LEAVE, ProbeState.PENDING)
    assert words in made.message


def test_a_workload_whose_last_rollout_failed_may_be_mended_by_ours() -> None:
    assert one(case(phase=Phase.FAILED)).act is Act.WRITE


def test_a_halt_stops_all_others_and_says_which_one_it_was() -> None:
    failed, other = decide(a_policy(), [halted(), case("a")], NOW)
    assert (failed.act, failed.state, failed.message) == (
        Act.LEAVE,
        ProbeState.HALTED,
        "it failed",
    )
    assert other.message == "no rollout is started, because that of deployment/h failed"


def test_the_old_probes_are_put_back_whoever_else_is_rolling() -> None:
    assert acts(rolling(), halted(undone=False)) == [Act.LEAVE, Act.PUT_BACK]


@pytest.mark.parametrize("mode", ["Off", "Recommend", "Initial"])
def test_only_mode_apply_writes(mode: str) -> None:
    assert acts(case(), halted(undone=False), policy=a_policy(mode)) == [Act.LEAVE, Act.LEAVE]


def test_what_was_refused_is_not_sent_again() -> None:
    refusal = Refusal(ProbeState.REFUSED, "quota")
    made = one(case(refusal=refusal))
    assert (made.act, made.state, made.message) == (Act.LEAVE, ProbeState.REFUSED, "quota")


def test_who_keeps_changing_back_is_given_time_and_then_the_last_word() -> None:
    patch = JsonPatch([])
    waiting = one(case(write=patch, reverts=reverts()))
    assert (waiting.act, waiting.state, waiting.again) == (Act.LEAVE, ProbeState.PENDING, 50.0)
    assert "'argocd-controller'" in waiting.message
    again = one(case(write=patch, reverts=reverts().model_copy(update={"since": ago(61)})))
    assert again.act is Act.WRITE
    over = one(case(write=patch, reverts=reverts(count=3, stopped=True)))
    assert (over.act, over.state) == (Act.LEAVE, ProbeState.CONFLICTED)


def test_a_field_that_is_held_is_asked_for_at_once_because_the_refusal_names_the_holder() -> None:
    assert one(case(reverts=reverts())).act is Act.WRITE


def test_outside_the_window_nothing_rolls_and_the_next_opening_is_told() -> None:
    policy = a_policy(rollout={"window": {"start": "22:00", "end": "23:00"}})
    made = one(case(), policy)
    assert (made.act, made.again) == (Act.LEAVE, 10 * 3600)
    assert "opens Sat 2026-11-21 22:00 UTC" in made.message


def test_a_window_in_no_known_time_zone_never_opens() -> None:
    window = {"start": "00:00", "end": "00:00", "timeZone": "No/Where"}
    made = one(case(), a_policy(rollout={"window": window}))
    assert made.act is Act.LEAVE
    assert "time zone" in made.message


def test_with_nothing_to_write_there_is_nothing_to_say() -> None:
    assert one(case(write=None)) == Decision(Act.LEAVE)
