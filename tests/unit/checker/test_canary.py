"""When a canary is sent, and what its answers come to."""

import pytest

from inferencehealth.checker.canary import (
    JITTER,
    MAX_LATER,
    CanaryState,
    Heard,
    Turn,
    first,
    heard,
    held_back,
    left_out,
    not_asked,
    skipped,
)
from inferencehealth.checker.traffic import Told
from inferencehealth.checker.turns import combined
from inferencehealth.checks.progress import PROGRESSING, Sample
from inferencehealth.checks.steps import Reading, Sign
from inferencehealth.profiles.auto_canary import LEFT_OUT, NotNow, Target

from .values import spec

SPEC = spec(
    failureThreshold=3,
    canary={"mode": "Custom", "path": "/v2/models/m/infer", "interval": "60s"},
)
UID = "uid-1"

SERVES = Reading(Sign.SERVES)
FAILS = Reading(Sign.FAILS, "CanaryFailed", "500")
SILENT = Reading(Sign.SILENT, "CanaryTimedOut", "no answer within 10s")
BUSY = Reading(Sign.BUSY, "CanaryBusy", "429")
DENIED = Reading(Sign.UNKNOWN, "CanaryDenied", "401")
MOVES = Reading(Sign.BUSY, PROGRESSING, "busy")
STUCK = Reading(Sign.FAILS, "NoProgress", "0 tokens")


INTERVAL = 60.0


def turn(now: float = 0.0, uid: str = UID) -> Turn:
    return Turn(INTERVAL, uid, now)


def after(*readings: Reading, evidence: Reading | None = None) -> CanaryState:
    state = CanaryState(due=0.0)
    for number, reading in enumerate(readings):
        state = heard(state, turn(100.0 * number), SPEC, Heard(reading, evidence))
    return state


@pytest.mark.parametrize(
    ("readings", "evidence", "verdict"),
    [
        ((SERVES,), None, None),
        ((FAILS,), None, "CanaryFailed"),
        ((FAILS, SERVES), None, None),
        ((BUSY,), None, "CanaryBusy"),
        ((DENIED,), None, "CanaryDenied"),
        ((SILENT,), None, None),
        ((SILENT, SILENT), None, "CanaryTimedOut"),
        ((SILENT, SERVES, SILENT), None, None),
        ((FAILS, SILENT), None, "CanaryFailed"),
        ((SILENT,), MOVES, PROGRESSING),
        ((SILENT, SILENT, SILENT), MOVES, PROGRESSING),
        ((SILENT,), STUCK, "NoProgress"),
    ],
)
def test_what_is_in_force_after_these_answers(
    readings: tuple[Reading, ...], evidence: Reading | None, verdict: str | None
) -> None:
    found = after(*readings, evidence=evidence).verdict
    assert (found.reason if found else None) == verdict


def test_two_silent_canaries_are_a_failure() -> None:
    found = after(SILENT, SILENT).verdict
    assert found is not None
    assert found.sign is Sign.FAILS


def test_what_could_not_be_asked_changes_nothing_and_is_remembered() -> None:
    unreachable = Reading(Sign.UNKNOWN, "ConnectTimeout", "no connection")
    state = after(FAILS, unreachable)
    assert state.verdict == FAILS
    assert state.unasked == unreachable
    assert after(FAILS, unreachable, SERVES).unasked is None


def test_after_a_failure_the_second_opinion_comes_before_it_has_counted_often_enough() -> None:
    assert after(FAILS).due == (SPEC.failure_threshold - 1) * SPEC.interval
    assert after(SERVES).due >= INTERVAL


def test_pods_that_start_together_are_not_asked_together() -> None:
    dues = {first(INTERVAL, f"pod-{number}", 0.0).due for number in range(100)}
    assert len(dues) == 100
    assert all(0 <= due <= INTERVAL for due in dues)


@pytest.mark.parametrize("uid", ["a", "b", "c"])
def test_each_pod_keeps_an_interval_of_its_own(uid: str) -> None:
    sample = Sample(at=0, still_since=0, done=1)
    due = skipped(CanaryState(0.0), turn(uid=uid), Told(None, INTERVAL), sample).due
    assert INTERVAL <= due <= (1 + JITTER) * INTERVAL
    assert due == heard(CanaryState(0.0), turn(uid=uid), SPEC, Heard(SERVES)).due


def test_a_server_that_wants_no_other_one_yet_gets_none_for_ten_minutes_at_most() -> None:
    later = [heard(CanaryState(0.0), turn(), SPEC, Heard(BUSY, later=s)).due for s in (90, 10**9)]
    assert later == [90.0, MAX_LATER]


@pytest.mark.parametrize("reason", sorted(LEFT_OUT))
def test_a_model_that_gets_none_is_tried_anew_after_ten_intervals(reason: str) -> None:
    why = Reading(Sign.UNKNOWN, reason, "why")
    assert not_asked(CanaryState(0.0), turn(), why).due == 10 * INTERVAL
    broken = CanaryState(0.0, verdict=FAILS, silences=1, way=2)
    told = left_out(broken, turn(), why)
    assert (told.verdict, told.silences, told.way, told.unasked) == (None, 0, 0, why)


@pytest.mark.parametrize(
    ("why", "verdict"),
    [(NotNow(), FAILS), (NotNow(idle=True), None), (NotNow(DENIED), DENIED)],
)
def test_what_a_canary_found_holds_unless_what_it_asked_sleeps(
    why: NotNow, verdict: Reading | None
) -> None:
    state = held_back(CanaryState(0.0, verdict=FAILS), turn(), SPEC, why)
    assert state.verdict == verdict


def test_an_engine_that_works_excuses_silence_and_is_counted() -> None:
    assert after(SILENT, SILENT, SILENT, evidence=MOVES).waits == 3
    assert after(SERVES, evidence=MOVES).waits == 0


@pytest.mark.parametrize("sign", [Sign.LOADING, Sign.FAILS, Sign.SILENT, Sign.UNKNOWN, Sign.ASLEEP])
def test_the_cheap_steps_come_first_where_they_fail(sign: Sign) -> None:
    cheap = Reading(sign, "Cheap")
    assert combined(SPEC, cheap, {Target("m"): CanaryState(0.0, verdict=FAILS)}) is cheap
