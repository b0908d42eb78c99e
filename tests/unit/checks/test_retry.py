"""Retry-After in every form that a server may give it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.checks.response import MAX_PART, Response
from inferencehealth.checks.retry import retry_in
from inferencehealth.checks.steps import Answer, Outcome, Part

DATE = b"Sat, 21 Nov 2026 17:00:00 GMT"


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        (b"30", b"", 30),
        (b" 0 ", b"", 0),
        (b"120", DATE, 120),
        (b"Sat, 21 Nov 2026 17:02:00 GMT", DATE, 120),
        (b"Sat, 21 Nov 2026 16:00:00 GMT", DATE, 0),
        (b"Sat, 21 Nov 2026 17:02:00 GMT", b"", 0),
        (b"Sat, 21 Nov 2026 17:02:00 GMT", b"yesterday", 0),
        (b"Sat, 21 Nov 2026 17:02:00", DATE, 0),
        (b"-5", b"", 0),
        (b"1.5", b"", 0),
        (b"9" * 400, b"", 0),
        ("٣".encode(), b"", 0),
        (b"soon", DATE, 0),
        (b"", b"", 0),
    ],
)
def test_what_can_be_read_is_read(value: bytes, date: bytes, seconds: float) -> None:
    assert retry_in(value, date) == seconds


@given(st.binary(max_size=64), st.binary(max_size=64) | st.just(DATE))
def test_nothing_raises_and_nobody_is_left_alone_for_less_than_no_time(
    value: bytes, date: bytes
) -> None:
    assert retry_in(value, date) >= 0


def answer_to(sent: bytes, max_body: int = 64) -> Answer:
    response = Response(max_body)
    outcome = response.feed(sent)
    if outcome is Outcome.ANSWERED:
        return response.answer(1.0)
    return response.cut(outcome or Outcome.UNFINISHED, 1.0)


def test_an_answer_tells_it_in_seconds() -> None:
    head = b"HTTP/1.1 503 No\r\nDate: " + DATE + b"\r\nContent-Length: 0\r\nRetry-After: "
    answer = answer_to(head + b"Sat, 21 Nov 2026 17:00:10 GMT\r\n\r\n")
    assert (answer.retry_after, answer.retry_in) == (True, 10.0)
    answer = answer_to(head + b"whenever\r\n\r\n")
    assert (answer.retry_after, answer.retry_in) == (True, 0.0)


def test_an_interim_answer_asks_for_nothing() -> None:
    sent = (
        b"HTTP/1.1 103 Hint\r\nRetry-After: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    )
    assert not answer_to(sent).retry_after


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_the_beginning_of_a_body_that_was_cut_is_told() -> None:
    assert answer_to(CHUNKED + b"4\r\ndata\r\n").part == Part(200, b"data")
    assert answer_to(CHUNKED).part is None, "a head proves no work"
    assert answer_to(b"HTTP/1.1 200 OK\r\nA: b").part is None
    assert answer_to(b"HTTP/1.1 100 Go on\r\n\r\n").part is None


def test_no_more_is_told_of_it_than_the_first_event_needs() -> None:
    answer = answer_to(CHUNKED + b"2000\r\n" + b"x" * 0x2000 + b"\r\n", max_body=0x1FFF)
    assert (answer.outcome, answer.status, answer.body) == (Outcome.TOO_LARGE, 0, b"")
    assert answer.part is None or len(answer.part.body) <= MAX_PART
