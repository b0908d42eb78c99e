"""When nobody looked, or the clock was set: what was counted before, and what lasts."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.checks.clock import MIN_JUMP, Clock
from inferencehealth.checks.history import History, PodFacts, Thresholds, begin, is_gap, moved
from inferencehealth.checks.steps import Reading, Sign
from inferencehealth.checks.verdict import judge, outdated
from inferencehealth.checks.verdicts import SERVING, Verdict

INTERVAL = 10.0
START = 1_000_000.0
PAUSE = 240.0
HOUR = 3600.0
THRESHOLDS = Thresholds(failures=3, successes=1, startup_budget=600.0)
POD = PodFacts(uid="a", ip="10.0.0.1", started_at=START)

SERVES = Reading(Sign.SERVES)
REFUSED = Reading(Sign.SILENT, "ConnectionRefused", "nothing listens")
FAILED = Reading(Sign.FAILS, "ModelLoadFailed", "resnet50 failed to load")
LOADS = Reading(Sign.LOADING, "ModelLoading", "resnet50 is loading")
NOT_READY = Reading(Sign.NOT_READY, "ServerNotReady", "not ready")
BLOCKED = Reading(Sign.UNKNOWN, "ConnectTimeout", "no connection")
BAD = (REFUSED, FAILED, LOADS, NOT_READY, BLOCKED)
ANY = st.sampled_from((SERVES, *BAD))


def rounds(
    readings: Sequence[Reading], history: History, now: float, pod: PodFacts = POD
) -> History:
    for turn, reading in enumerate(readings, 1):
        history = judge(reading, pod, history, THRESHOLDS, now + turn * INTERVAL)
    return history


def serving() -> History:
    return rounds([SERVES], begin(POD, START), START)


@pytest.mark.parametrize(
    ("pause", "interval", "gap"),
    [
        (10.0, 10.0, False),
        (30.0, 10.0, False),
        (31.0, 10.0, True),
        (4.0, 1.0, False),
        (6.0, 1.0, True),
    ],
)
def test_a_gap_is_longer_than_three_intervals(pause: float, interval: float, gap: bool) -> None:
    assert is_gap(pause, interval) is gap


@pytest.mark.parametrize("reading", BAD)
def test_failures_before_a_gap_do_not_count_on(reading: Reading) -> None:
    almost = rounds([REFUSED, REFUSED], serving(), START + 10)
    after = judge(reading, POD, almost, THRESHOLDS, START + PAUSE, gap=PAUSE)
    assert after.verdict is not Verdict.BROKEN
    assert after.failures <= 1


@pytest.mark.parametrize("reading", BAD)
def test_what_served_before_a_gap_is_not_called_ready_by_a_bad_answer(reading: Reading) -> None:
    after = judge(reading, POD, serving(), THRESHOLDS, START + PAUSE, gap=PAUSE)
    assert after.verdict not in SERVING
    assert after.verdict is not Verdict.BROKEN


def test_what_serves_after_a_gap_was_never_away() -> None:
    before = serving()
    after = judge(SERVES, POD, before, THRESHOLDS, START + PAUSE, gap=PAUSE)
    assert (after.verdict, after.since) == (Verdict.READY, before.since)


def test_what_breaks_over_a_gap_is_broken_after_the_threshold() -> None:
    first = judge(REFUSED, POD, serving(), THRESHOLDS, START + PAUSE, gap=PAUSE)
    assert (first.verdict, first.reason) == (Verdict.UNKNOWN, "CheckerInterrupted")
    assert first.message == "not checked for 4m: the checker was paused or late"
    second = rounds([REFUSED], first, START + PAUSE)
    assert second.verdict is Verdict.UNKNOWN
    assert rounds([REFUSED], second, START + PAUSE + INTERVAL).verdict is Verdict.BROKEN


def test_a_broken_pod_stays_so_over_a_gap() -> None:
    broken = rounds([FAILED] * 3, serving(), START + 10)
    after = judge(FAILED, POD, broken, THRESHOLDS, START + PAUSE, gap=PAUSE)
    assert (after.verdict, after.since) == (Verdict.BROKEN, broken.since)


def test_a_serving_verdict_that_nobody_renews_is_unknown() -> None:
    lost = outdated(serving(), START + PAUSE, PAUSE)
    assert (lost.verdict, lost.reason) == (Verdict.UNKNOWN, "CheckerInterrupted")
    assert rounds([SERVES], lost, START + PAUSE).verdict is Verdict.READY


@pytest.mark.parametrize("said", [[FAILED], [LOADS], [BLOCKED, BLOCKED]])
def test_any_other_verdict_stands_until_somebody_looks(said: list[Reading]) -> None:
    history = rounds(said, begin(POD, START), START)
    assert outdated(history, START + PAUSE, PAUSE) is history


@given(before=st.lists(ANY, max_size=12), after=st.lists(ANY, min_size=1, max_size=2))
def test_two_answers_after_a_gap_break_nothing_that_served(
    before: list[Reading], after: list[Reading]
) -> None:
    history = rounds([SERVES, *before, SERVES], begin(POD, START), START)
    gap = START + HOUR
    history = judge(after[0], POD, history, THRESHOLDS, gap, gap=HOUR)
    assert rounds(after[1:], history, gap).verdict is not Verdict.BROKEN


@given(said=st.lists(ANY, max_size=20), by=st.floats(-HOUR, HOUR))
def test_a_clock_that_is_set_changes_no_verdict(said: list[Reading], by: float) -> None:
    """A start that we see happen is dated by the node, whose clock was not set."""
    still = rounds(said, begin(POD, START), START)
    cut = len(said) // 2
    first = moved(rounds(said[:cut], begin(POD, START), START), by)
    after = rounds(said[cut:], first, START + cut * INTERVAL + by)
    assert (after.verdict, after.reason) == (still.verdict, still.reason)


@pytest.mark.parametrize("by", [-HOUR, HOUR])
def test_a_start_dated_by_another_clock_is_judged_from_when_we_saw_it(by: float) -> None:
    """Ours is an hour off: a pod that starts now may take its budget, and no more than that."""
    pending = replace(POD, ip="", phase="Pending", started_at=None)
    ours = START + by
    history = judge(None, pending, begin(pending, ours), THRESHOLDS, ours)
    history = judge(None, POD, history, THRESHOLDS, ours + 1)
    budget = int(THRESHOLDS.startup_budget / INTERVAL)
    loading = rounds([REFUSED] * (budget - 2), history, ours)
    assert loading.verdict is Verdict.LOADING
    assert rounds([REFUSED] * 5, loading, ours + THRESHOLDS.startup_budget).reason == (
        "StartupBudgetExceeded"
    )


def test_a_start_that_lies_ahead_of_our_clock_is_taken_for_now() -> None:
    ahead = replace(POD, started_at=START + HOUR)
    history = begin(ahead, START)
    later = rounds([REFUSED] * 63, history, START, ahead)
    assert (later.verdict, later.reason) == (Verdict.BROKEN, "StartupBudgetExceeded")


class Hands:
    """A wall clock and a steady one that the test moves."""

    def __init__(self) -> None:
        self.wall, self.steady = START, 5.0
        self.clock = Clock(lambda: self.wall, lambda: self.steady)

    def jump(self, wall: float, steady: float) -> float:
        self.wall += wall
        self.steady += steady
        return self.clock.jump()


@pytest.mark.parametrize(
    ("why", "wall", "steady", "jump"),
    [
        ("time passes", 30.0, 30.0, 0.0),
        ("it is tuned", 30.02, 30.0, 0.0),
        ("it is set ahead", HOUR + 30, 30.0, HOUR),
        ("it is set back", 30 - HOUR, 30.0, -HOUR),
        ("the machine was suspended", HOUR, 0.0, HOUR),
        ("just enough", MIN_JUMP, 0.0, MIN_JUMP),
    ],
)
def test_a_clock_tells_how_far_it_was_set(
    why: str, wall: float, steady: float, jump: float
) -> None:
    hands = Hands()
    assert hands.jump(wall, steady) == pytest.approx(jump), why
    assert hands.jump(10.0, 10.0) == 0.0, "told once"
    assert hands.clock.now() == hands.wall
