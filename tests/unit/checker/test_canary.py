"""When a canary is sent, and what its answers come to."""

from dataclasses import replace

import pytest

from inferencehealth.checker.canary import (
    JITTER,
    CanaryState,
    combined,
    first,
    heard,
    is_due,
    skipped,
)
from inferencehealth.checks.progress import PROGRESSING, Sample
from inferencehealth.checks.steps import Item, Reading, Sign
from inferencehealth.profiles.canary import CanaryRequest, canary_of

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


def made() -> CanaryRequest:
    found = canary_of(SPEC)
    assert found is not None
    return found


CANARY = made()


def after(*readings: Reading, evidence: Reading | None = None) -> CanaryState:
    state = CanaryState(due=0.0)
    for number, reading in enumerate(readings):
        state = heard(
            state,
            CANARY,
            spec=SPEC,
            uid=UID,
            reading=reading,
            evidence=evidence,
            sample=None,
            now=100.0 * number,
        )
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
    assert after(SERVES).due >= CANARY.interval


def test_pods_that_start_together_are_not_asked_together() -> None:
    dues = {first(CANARY, f"pod-{number}", 0.0).due for number in range(100)}
    assert len(dues) == 100
    assert all(0 <= due <= CANARY.interval for due in dues)


@pytest.mark.parametrize("uid", ["a", "b", "c"])
def test_each_pod_keeps_an_interval_of_its_own(uid: str) -> None:
    sample = Sample(at=0, still_since=0, done=1)
    due = skipped(CanaryState(0.0), CANARY, uid, sample, 0.0).due
    assert CANARY.interval <= due <= (1 + JITTER) * CANARY.interval
    assert due == skipped(CanaryState(0.0), CANARY, uid, sample, 0.0).due


@pytest.mark.parametrize(
    ("sign", "sent"),
    [
        (Sign.SERVES, True),
        (Sign.DEGRADED, True),
        (Sign.LOADING, False),
        (Sign.NOT_READY, False),
        (Sign.BUSY, False),
        (Sign.ASLEEP, False),
        (Sign.FAILS, False),
        (Sign.SILENT, False),
        (Sign.UNKNOWN, False),
    ],
)
def test_only_a_server_that_serves_gets_a_canary(sign: Sign, *, sent: bool) -> None:
    assert is_due(CanaryState(due=10.0), CANARY, Reading(sign), 10.0) is sent


def test_a_canary_never_wakes_a_sleeping_model() -> None:
    asleep, awake = Item("m", Sign.ASLEEP), Item("m", Sign.SERVES)
    other = Item("other", Sign.SERVES)
    state = CanaryState(due=0.0)
    assert not is_due(state, CANARY, replace(SERVES, models=(asleep, other)), 1.0)
    assert is_due(state, CANARY, replace(SERVES, models=(awake,)), 1.0)
    nameless = replace(CANARY, model="")
    assert not is_due(state, nameless, replace(SERVES, models=(asleep,)), 1.0)


@pytest.mark.parametrize("sign", [Sign.LOADING, Sign.FAILS, Sign.SILENT, Sign.UNKNOWN, Sign.ASLEEP])
def test_the_cheap_steps_come_first_where_they_fail(sign: Sign) -> None:
    cheap = Reading(sign, "Cheap")
    assert combined(cheap, CANARY, CanaryState(0.0, verdict=FAILS)) is cheap


def test_a_failed_canary_is_told_of_its_model() -> None:
    cheap = replace(SERVES, models=(Item("m", Sign.SERVES), Item("n", Sign.SERVES)))
    found = combined(cheap, CANARY, CanaryState(0.0, verdict=FAILS))
    assert (found.sign, found.reason) == (Sign.FAILS, "CanaryFailed")
    assert [(item.name, item.sign) for item in found.models] == [
        ("m", Sign.FAILS),
        ("n", Sign.SERVES),
    ]


def test_without_a_finding_the_round_stands_as_it_is() -> None:
    assert combined(SERVES, CANARY, CanaryState(0.0)) is SERVES
