"""What real requests tell in the place of a canary: as a table, and over the life of a server."""

from dataclasses import replace

import pytest

from inferencehealth.checker.traffic import told
from inferencehealth.checks.progress import PER_REQUEST, Progress, Sample, sample
from inferencehealth.checks.steps import Answer, Outcome, Reading, Sign

BY_STEP = Progress(done=("tokens",), unit="tokens", running=("running",), waiting=("waiting",))
BY_REQUEST = replace(BY_STEP, unit="inferences", patience=PER_REQUEST)
INTERVAL = 60.0

STUCK = Reading(Sign.FAILS, "NoProgress", "no progress: 5 waiting; 0 tokens in 40s")
BUSY = Reading(Sign.BUSY, "Progressing", "busy")
SLOW = Reading(Sign.BUSY, "SlowAnswer", "slow to answer")
FAILED = Reading(Sign.FAILS, "CanaryFailed", "500")


def seen(
    at: float, done: float, *, waiting: float = 0.0, running: float = 0.0, still: float = 0.0
) -> Sample:
    return Sample(at, at - still, done, running, waiting)


IDLE = seen(0, 7)


@pytest.mark.parametrize(
    ("before", "now", "held", "verdict", "again"),
    [
        # Real requests were answered: nothing to ask, and sooner again while some are inside.
        (IDLE, seen(60, 8), None, None, 60),
        (IDLE, seen(60, 8, running=3), None, None, 30),
        (IDLE, seen(60, 8), STUCK, None, 60),
        (IDLE, seen(60, 9_000, waiting=1_372, running=128), BUSY, "Progressing", 30),
        (IDLE, seen(60, 9_000, waiting=2), SLOW, "Progressing", 30),
        # Requests are inside and nothing moves.
        (seen(0, 7, running=1), seen(30, 7, running=1, still=30), None, "NoProgress", 30),
        (seen(0, 7, running=1), seen(29, 7, running=1, still=29), None, None, 30),
        (IDLE, seen(60, 7, running=1), None, None, 30),
        (None, seen(60, 7, running=1), None, None, 30),
        (seen(0, 7, waiting=1), seen(90, 7, waiting=1, still=90), STUCK, "NoProgress", 30),
        (seen(0, 7, waiting=1), seen(90, 7, waiting=1, still=90), FAILED, "NoProgress", 30),
    ],
)
def test_real_requests_take_the_place_of_a_canary(
    before: Sample | None, now: Sample, held: Reading | None, verdict: str | None, again: float
) -> None:
    found = told(BY_STEP, before, now, held, interval=INTERVAL)
    assert found is not None
    assert found.again == again
    assert (found.verdict and found.verdict.reason) == verdict


@pytest.mark.parametrize(
    ("progress", "before", "now", "held"),
    [
        (BY_STEP, None, None, None),
        (BY_STEP, IDLE, None, None),
        (BY_STEP, None, IDLE, None),
        (BY_STEP, IDLE, seen(60, 7), None),
        (BY_STEP, IDLE, seen(60, 0), None),  # started again
        # Whoever failed a canary has to answer one, whatever else gets on.
        (BY_STEP, IDLE, seen(60, 8), FAILED),
        (BY_STEP, IDLE, seen(60, 8), BUSY),
        (BY_STEP, IDLE, seen(60, 7, running=1), SLOW),
        # Counted when a request ends, which may be minutes on: a canary is the quicker proof.
        (BY_REQUEST, IDLE, seen(60, 7, running=1), None),
        (BY_REQUEST, seen(0, 7, running=1), seen(60, 7, running=1, still=60), None),
    ],
)
def test_a_canary_is_sent_where_the_counters_tell_nothing(
    progress: Progress, before: Sample | None, now: Sample | None, held: Reading | None
) -> None:
    assert told(progress, before, now, held, interval=INTERVAL) is None


def test_what_our_own_canaries_moved_is_no_traffic() -> None:
    assert told(BY_STEP, IDLE, seen(60, 9), None, interval=INTERVAL, own=2) is None
    assert told(BY_STEP, IDLE, seen(60, 10), None, interval=INTERVAL, own=2) is not None


def test_the_message_has_the_numbers() -> None:
    page = b"tokens 7\nrunning 128\nwaiting 1372\n"
    answer = Answer(Outcome.ANSWERED, 200, page)
    before = sample(BY_STEP, answer, None, 0)
    after = sample(BY_STEP, answer, before, 31)
    found = told(BY_STEP, before, after, None, interval=INTERVAL)
    assert found is not None
    assert found.verdict is not None
    assert found.verdict.message == "no progress: 1,372 waiting, 128 running; 0 tokens in 31s"
    assert found.verdict.timed


def test_what_counts_by_request_stands_still_only_after_minutes() -> None:
    before = seen(0, 7, waiting=1)
    after = seen(PER_REQUEST, 7, waiting=1, still=PER_REQUEST)
    found = told(BY_REQUEST, before, after, None, interval=INTERVAL)
    assert found is not None
    assert found.verdict is not None
    assert found.verdict.sign is Sign.FAILS


def test_an_engine_that_freezes_under_load_is_found_within_two_intervals() -> None:
    froze, at = 1.0, 0.0
    held: Reading | None = None
    look = sample(BY_STEP, page(1_000), None, at)
    while held is None:
        at += found.again if (found := told(BY_STEP, None, look, None, interval=INTERVAL)) else 0
        before, look = look, sample(BY_STEP, page(1_100), look, at)
        now = told(BY_STEP, before, look, held, interval=INTERVAL)
        assert now is not None, "no canary has to wait for its timeout"
        held = now.verdict
        assert at < froze + 2 * INTERVAL
    assert held.reason == "NoProgress"


def page(tokens: int) -> Answer:
    return Answer(Outcome.ANSWERED, 200, f"tokens {tokens}\nrunning 8\n".encode())
