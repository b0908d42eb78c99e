"""What two looks at a server's counters say, and what of a metrics page is read."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.checks.exposition import MAX_SERIES, Value, values
from inferencehealth.checks.progress import (
    NO_PROGRESS,
    PATIENCE,
    PROGRESSING,
    REQUESTS_FAIL,
    WAITING,
    Progress,
    Sample,
    judge,
    moved,
    sample,
)
from inferencehealth.checks.steps import Answer, Outcome, Sign

VLLM = Progress(done=("tokens_total",), unit="tokens", running=("running",), waiting=("waiting",))
TRITON = Progress(
    done=("success",),
    unit="inferences",
    failed=("failure",),
    not_failed=frozenset({"CANCELED"}),
    model_label="model",
)


def page(**series: float) -> Answer:
    lines = "".join(f'{name}{{model="m"}} {value}\n' for name, value in series.items())
    return Answer(Outcome.ANSWERED, 200, f"# TYPE x counter\n{lines}".encode())


def seen(at: float, done: float, **counts: float) -> Sample:
    return Sample(at=at, still_since=at, done=done, **counts)


def test_moving_counters_are_busy_and_told_in_numbers() -> None:
    before = seen(0, 1_000, running=128, waiting=1_372)
    reading = judge(VLLM, before, seen(10, 6_204, running=128, waiting=1_372))
    assert reading is not None
    assert (reading.sign, reading.reason, reading.timed) == (Sign.BUSY, PROGRESSING, True)
    assert "1,372 waiting, 128 running; 5,204 tokens in the last 10s" in reading.message


def test_counters_that_stand_still_over_waiting_requests_fail_after_patience() -> None:
    first = sample(VLLM, page(tokens_total=5, waiting=1_372), None, 100)
    later = sample(VLLM, page(tokens_total=5, waiting=1_372), first, 100 + PATIENCE - 1)
    stuck = sample(VLLM, page(tokens_total=5, waiting=1_372), later, 130)
    slow, broken = judge(VLLM, first, later), judge(VLLM, later, stuck)
    assert slow is not None
    assert (slow.sign, slow.reason) == (Sign.BUSY, WAITING)
    assert broken is not None
    assert (broken.sign, broken.reason) == (Sign.FAILS, NO_PROGRESS)
    assert "1,372 waiting; 0 tokens in 30s" in broken.message


def test_the_hour_that_nobody_asked_anything_is_not_held_against_the_server() -> None:
    idle = sample(VLLM, page(tokens_total=5, running=0), None, 0)
    asked = sample(VLLM, page(tokens_total=5, running=1), idle, 3_600)
    reading = judge(VLLM, idle, asked)
    assert reading is not None
    assert reading.sign is Sign.BUSY


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (seen(0, 5), seen(10, 5)),  # idle
        (seen(0, 5), seen(10, 2)),  # started anew, and idle
        (None, seen(10, 5)),  # a first look
        (seen(0, 5), None),  # no page
    ],
)
def test_where_nobody_waits_the_counters_say_nothing(
    before: Sample | None, after: Sample | None
) -> None:
    assert judge(VLLM, before, after) is None
    assert not moved(before, after)


def test_a_first_look_asks_for_patience_only() -> None:
    reading = judge(VLLM, None, seen(10, 5, waiting=3))
    assert reading is not None
    assert (reading.sign, reading.reason) == (Sign.BUSY, WAITING)


def test_failures_without_a_success_fail() -> None:
    reading = judge(TRITON, seen(0, 5, failed=1), seen(30, 5, failed=41))
    assert reading is not None
    assert (reading.sign, reading.reason) == (Sign.FAILS, REQUESTS_FAIL)
    assert "40 failed and none succeeded in the last 30s" in reading.message


def test_what_clients_cancelled_is_no_failure_of_the_server() -> None:
    body = b'success 1\nfailure{reason="CANCELED"} 7\nfailure{reason="BACKEND"} 2\n'
    found = sample(TRITON, Answer(Outcome.ANSWERED, 200, body), None, 0)
    assert found is not None
    assert found.failed == 2


def test_models_that_are_counted_apart_are_told_apart() -> None:
    body = b'success{model="a"} 7\nsuccess{model="b"} 100\n'
    found = sample(TRITON, Answer(Outcome.ANSWERED, 200, body), None, 0, model="a")
    assert found is not None
    assert found.done == 7
    assert sample(TRITON, Answer(Outcome.ANSWERED, 200, body), None, 0, model="c") is None


@pytest.mark.parametrize(
    "answer",
    [
        Answer(Outcome.REFUSED),
        Answer(Outcome.NO_ANSWER),
        Answer(Outcome.TOO_LARGE),
        Answer(Outcome.ANSWERED, 404, b"tokens_total 5\n"),
        Answer(Outcome.ANSWERED, 200, b"<html>no metrics</html>"),
        Answer(Outcome.ANSWERED, 200, b"tokens_total NaN\n"),
    ],
)
def test_no_page_is_no_evidence(answer: Answer) -> None:
    assert sample(VLLM, answer, None, 0) is None


def test_only_the_named_series_are_read() -> None:
    body = b'a{x="1"} 2\na_total 3\nab 4\na 5 1700000000\n# a 6\na{x="broken 7\na{} +Inf\n'
    assert values(body, {"a"}) == (Value("a", (("x", "1"),), 2.0), Value("a", (), 5.0))


def test_a_page_of_endless_series_is_read_to_its_bound() -> None:
    body = b"".join(b'a{x="%d"} 1\n' % number for number in range(2 * MAX_SERIES))
    assert len(values(body, {"a"})) == MAX_SERIES


@given(
    st.lists(st.sampled_from([b'a{x="', b'"', b"a ", b"{", b"}", b"\\", b"\n", b"\xff", b"1e9"]))
)
def test_no_page_raises(parts: list[bytes]) -> None:
    values(b"a" + b"".join(parts), {"a"})


@given(
    st.integers(0, 5), st.integers(0, 5), st.integers(0, 3), st.floats(0.1, 1_000, allow_nan=False)
)
def test_what_moves_is_never_called_broken(done: int, more: int, inside: int, later: float) -> None:
    before = seen(0, done, waiting=inside)
    after = replace(before, at=later, done=done + more)
    reading = judge(VLLM, before, after)
    if more:
        assert reading is not None
        assert reading.sign is Sign.BUSY
