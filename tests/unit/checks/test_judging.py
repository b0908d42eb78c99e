"""What holds for every run of rounds, whatever the server says and whenever we look."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.checks.history import History, PodFacts, Thresholds, begin, moved
from inferencehealth.checks.steps import Reading, Sign
from inferencehealth.checks.verdict import NOTICE, judge, outdated
from inferencehealth.checks.verdicts import SERVING, Verdict

INTERVAL = 10.0
START = 1_000_000.0
POD = PodFacts(uid="a", ip="10.0.0.1", started_at=START)
SUCCESSES = {Sign.SERVES, Sign.DEGRADED}
GAP = 300.0


@dataclass(frozen=True)
class Turn:
    """One thing that happens: a round, after a gap or not; a restart; a lapse; a set clock."""

    sign: Sign = Sign.SERVES
    answered: bool = True
    gap: bool = False
    restart: bool = False
    lapse: bool = False
    jump: float | None = None

    @property
    def reading(self) -> Reading:
        reason = "ConnectionRefused" if self.sign is Sign.SILENT else "R"
        if self.sign is Sign.SILENT and not self.answered:
            reason = "NoAnswer"
        return Reading(self.sign, reason)


rounds = st.builds(
    Turn, st.sampled_from(Sign), st.booleans(), st.sampled_from([False] * 5 + [True])
)
turns = st.lists(
    rounds
    | st.just(Turn(restart=True))
    | st.just(Turn(lapse=True))
    | st.builds(Turn, jump=st.floats(-5000, 5000)),
    max_size=60,
)
thresholds = st.builds(
    Thresholds,
    failures=st.integers(1, 5),
    successes=st.integers(1, 4),
    startup_budget=st.floats(0, 1000),
)


@dataclass(frozen=True)
class Moment:
    """What was believed before and after one turn."""

    turn: Turn
    before: History
    after: History


def lived(turns: Sequence[Turn], thresholds: Thresholds) -> list[Moment]:
    history, pod, now = begin(POD, START), POD, START
    moments = []
    for turn in turns:
        before = history
        if turn.restart:
            pod = replace(pod, started_at=now, restarts=pod.restarts + 1)
            history = judge(None, pod, history, thresholds, now)
        elif turn.lapse:
            history = outdated(history, now, GAP)
        elif turn.jump is not None:
            history, now = moved(history, turn.jump), now + turn.jump
        else:
            now += GAP if turn.gap else INTERVAL
            gap = GAP if turn.gap else 0.0
            history = judge(turn.reading, pod, history, thresholds, now, gap=gap)
        moments.append(Moment(turn, before, history))
    return moments


def is_round(moment: Moment) -> bool:
    turn = moment.turn
    return not (turn.restart or turn.lapse or turn.jump is not None)


@given(turns, thresholds)
def test_no_pod_is_called_ready_that_has_not_served_of_late(
    turns: list[Turn], thresholds: Thresholds
) -> None:
    """However it says by turns that it does not: the bound is twice the threshold and a notice."""
    since = 0
    for moment in filter(is_round, lived(turns, thresholds)):
        since = 0 if moment.turn.sign in SUCCESSES else since + 1
        if moment.after.verdict in SERVING:
            assert since <= max(NOTICE, thresholds.failures) + 2 * thresholds.failures


@given(turns, thresholds)
def test_a_verdict_of_serving_begins_only_with_an_answer_that_serves(
    turns: list[Turn], thresholds: Thresholds
) -> None:
    for moment in lived(turns, thresholds):
        begins = moment.after.verdict in SERVING and moment.before.verdict not in SERVING
        assert not begins or moment.turn.sign in SUCCESSES


@given(turns, thresholds)
def test_a_pod_that_served_breaks_only_by_a_threshold_of_failures_in_a_row(
    turns: list[Turn], thresholds: Thresholds
) -> None:
    """Unknown rounds count neither way; a gap, a lapse and a restart begin the count anew."""
    failures = 0
    for moment in lived(turns, thresholds):
        turn = moment.turn
        if not is_round(moment):
            failures = 0 if turn.jump is None else failures
            continue
        failures = 0 if turn.gap else failures
        if turn.sign is not Sign.UNKNOWN:
            bad = {Sign.FAILS, Sign.SILENT, Sign.LOADING, Sign.NOT_READY}
            failures = failures + 1 if turn.sign in bad else 0
        breaks = moment.after.verdict is Verdict.BROKEN is not moment.before.verdict
        if breaks and moment.before.served and not moment.before.fresh:
            assert failures >= thresholds.failures


@given(turns, thresholds)
def test_what_we_could_not_hear_breaks_nothing(turns: list[Turn], thresholds: Thresholds) -> None:
    for moment in lived(turns, thresholds):
        silent = moment.turn.sign is Sign.UNKNOWN or not is_round(moment)
        if silent and moment.before.verdict is not Verdict.BROKEN:
            assert moment.after.verdict is not Verdict.BROKEN


@given(turns, thresholds)
def test_the_date_of_a_verdict_changes_with_the_verdict_alone(
    turns: list[Turn], thresholds: Thresholds
) -> None:
    for moment in lived(turns, thresholds):
        if moment.after.verdict is moment.before.verdict:
            assert moment.after.since == moment.before.since


@given(turns, thresholds, st.floats(-5000, 5000))
def test_a_clock_that_is_set_between_two_rounds_breaks_no_pod_at_once(
    turns: list[Turn], thresholds: Thresholds, jump: float
) -> None:
    """Nor does it, whatever it was set to, change what the next round makes of the pod."""
    plain = [turn for turn in turns if turn.jump is None and not turn.restart]
    straight = lived([*plain, Turn(Sign.SILENT)], thresholds)[-1].after
    jumped = lived([*plain, Turn(jump=jump), Turn(Sign.SILENT)], thresholds)[-1].after
    assert jumped.verdict is straight.verdict


@pytest.mark.parametrize("sign", [Sign.LOADING, Sign.NOT_READY, Sign.SILENT])
@given(budget=st.floats(0, 3000), interval=st.floats(1, 60))
def test_a_pod_that_never_served_breaks_within_two_thresholds_of_its_budget(
    sign: Sign, budget: float, interval: float
) -> None:
    limits = Thresholds(failures=3, successes=1, startup_budget=budget)
    history, now = begin(POD, START), START
    broke = None
    while broke is None and now < START + 10_000:
        now += interval
        history = judge(Turn(sign).reading, POD, history, limits, now)
        broke = now - START if history.verdict is Verdict.BROKEN else None
    assert broke is not None
    assert budget < broke <= budget + 6 * interval + 1
