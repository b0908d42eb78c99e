"""Which loads count, and what a report says about them."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.api.report import MAX_RECENT_LOADS, MAX_STARTUPS, Startup
from inferencehealth.checker.startups import load_time, node_type, with_load
from inferencehealth.checks.history import (
    History,
    PodFacts,
    Thresholds,
    begin,
    moved,
    resume,
)
from inferencehealth.checks.steps import Reading, Sign
from inferencehealth.checks.verdict import judge
from inferencehealth.checks.verdicts import Verdict

INTERVAL = 10.0
START = 1_000_000.0
THRESHOLDS = Thresholds(failures=3, successes=2, startup_budget=300.0)
POD = PodFacts(uid="a", ip="10.0.0.1", started_at=START)
READINGS = {
    "S": Reading(Sign.SERVES),
    "L": Reading(Sign.LOADING, "ModelLoading"),
    "K": Reading(Sign.NOT_READY, "ServerNotReady"),
    "R": Reading(Sign.SILENT, "ConnectionRefused"),
    "F": Reading(Sign.FAILS, "ModelNotFound"),
    "Z": Reading(Sign.ASLEEP, "Asleep"),
    "U": Reading(Sign.UNKNOWN, "ConnectTimeout"),
}


def loads(
    said: str, history: History | None = None, since: float = START, gap: int = -1
) -> list[float]:
    """The load times of a run of rounds; "+": the container restarts; a gap before round `gap`."""
    history = history or begin(POD, START)
    pod, now, found = POD, since, []
    for turn, letter in enumerate(said):
        if letter == "+":
            pod = replace(pod, started_at=now, restarts=pod.restarts + 1)
            continue
        now += 240.0 if turn == gap else INTERVAL
        paused = 240.0 if turn == gap else 0.0
        after = judge(READINGS[letter], pod, history, THRESHOLDS, now, gap=paused)
        took = load_time(history, after, INTERVAL, now)
        found += [] if took is None else [took]
        history = after
    return found


@pytest.mark.parametrize(
    ("why", "said", "times"),
    [
        ("a load is counted to the first answer that serves", "RRLKSSSS", [50.0]),
        ("once", "RRSSRSSFSS", [30.0]),
        ("a load beyond its budget counts as well", "L" * 40 + "SS", [410.0]),
        ("a quick one need not be seen loading", "SS", [10.0]),
        ("one that failed meanwhile does not", "RRFFFLLSS", []),
        ("one that slept meanwhile does not", "RRZZLLSS", []),
        ("one that we could not see does not", "RRUUUUSS", []),
        ("every start is a load of its own", "RRSS+RRRRSS", [30.0, 50.0]),
        ("a start that never serves is none", "RRRRR+RSS", [20.0]),
        ("one that waits is none yet", "RRRRR", []),
    ],
)
def test_a_load_counts_when_it_was_watched(why: str, said: str, times: list[float]) -> None:
    assert loads(said) == times, why


def test_a_pod_found_serving_says_nothing_about_its_load() -> None:
    assert loads("SSS", since=START + 5000) == []


def test_a_load_with_a_gap_in_it_does_not_count() -> None:
    assert loads("RRRSS", gap=3) == []


@pytest.mark.parametrize(
    ("verdict", "said", "times"),
    [
        (Verdict.READY, "SSS", []),
        (Verdict.LOADING, "SS", []),
        (Verdict.LOADING, "LLSS", [130.0]),
        (Verdict.BROKEN, "FFSS", []),
    ],
)
def test_after_a_restart_of_the_checker_a_load_counts_if_it_is_seen_to_go_on(
    verdict: Verdict, said: str, times: list[float]
) -> None:
    history = resume(POD, verdict, "Starting", "", START + 5)
    assert loads(said, history, since=START + 100) == times


def test_a_start_while_the_checker_was_away_counts_if_it_is_seen_loading() -> None:
    before = resume(POD, Verdict.READY, "Serving", "", START - 500)
    assert loads("LLSS", before, since=START + 100) == [130.0]
    assert loads("SS", before, since=START + 100) == []


def test_clocks_that_disagree_about_the_start_count_nothing() -> None:
    assert loads("RRSS", replace(begin(POD, START), began=START + 5)) == []
    assert loads("LSS", moved(judge_once("L"), 3600.0), since=START + 3610) == []


def judge_once(letter: str) -> History:
    return judge(READINGS[letter], POD, begin(POD, START), THRESHOLDS, START + INTERVAL)


def of(times: Sequence[float], image: str = "i:1", node: str = "g5") -> tuple[Startup, ...]:
    startups: tuple[Startup, ...] = ()
    for seconds in times:
        startups = with_load(startups, image, node, seconds)
    return startups


def test_a_report_tells_percentiles_and_the_longest() -> None:
    (told,) = of([60, 70, 80, 560, 90, 100])
    assert (told.count, told.p50, told.p90, told.max) == (6, 80, 560, 560)
    assert told.recent == (60, 70, 80, 560, 90, 100)
    assert Startup.model_validate(told.manifest()) == told


def test_images_and_kinds_of_nodes_are_told_apart_latest_first() -> None:
    startups = of([60])
    startups = with_load(startups, "i:2", "g5", 70)
    startups = with_load(startups, "i:1", "", 80)
    startups = with_load(startups, "i:1", "g5", 90)
    told = [(s.image, s.node_type, s.count) for s in startups]
    assert told == [("i:1", "g5", 2), ("i:1", "", 1), ("i:2", "g5", 1)]


def test_what_a_report_holds_is_bounded_and_the_oldest_go() -> None:
    startups = of([])
    for turn in range(3 * MAX_STARTUPS):
        startups = with_load(startups, f"i:{turn}", "", 60)
    assert len(startups) == MAX_STARTUPS
    assert startups[0].image == f"i:{3 * MAX_STARTUPS - 1}"


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ({"node.kubernetes.io/instance-type": "g5.xlarge"}, "g5.xlarge"),
        ({"other": "x"}, None),
        (None, None),
    ],
)
def test_a_node_tells_its_kind_by_its_label(
    labels: dict[str, str] | None, kind: str | None
) -> None:
    assert node_type({"metadata": {"labels": labels}}) == kind


@given(times=st.lists(st.integers(1, 10_000), min_size=1, max_size=100), cut=st.integers(0, 100))
def test_a_restart_of_the_checker_loses_no_load(times: list[int], cut: int) -> None:
    (whole,) = of(times)
    resumed = tuple(Startup.model_validate(s.manifest()) for s in of(times[:cut]))
    for seconds in times[cut:]:
        resumed = with_load(resumed, "i:1", "g5", seconds)
    assert resumed == (whole,)
    recent = sorted(times[-MAX_RECENT_LOADS:])
    assert (whole.count, whole.max) == (len(times), max(times))
    assert whole.p90 == recent[math.ceil(0.9 * len(recent)) - 1]
