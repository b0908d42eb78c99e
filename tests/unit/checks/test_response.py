"""Answers read byte by byte, without sockets: every hostile one by name, in every cut."""

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferencehealth.checks.response import MAX_HEAD, Response
from inferencehealth.checks.steps import Outcome
from tests.fuzz.hostile import HOSTILE, framed

MAX_BODY = 64 * 1024

ENDS = {Outcome.ANSWERED, Outcome.RESET, Outcome.MALFORMED, Outcome.TOO_LARGE}


def fed(sent: bytes, cuts: list[int], *, max_body: int = MAX_BODY) -> tuple[Outcome, int, bytes]:
    """The outcome, status and body of bytes that come in pieces of those lengths, round and round,
    and of a server that closes after them."""
    response, at, turn = Response(max_body), 0, 0
    outcome = None
    while at < len(sent) and outcome is None:
        length = cuts[turn % len(cuts)]
        outcome = response.feed(sent[at : at + length])
        at, turn = at + length, turn + 1
    outcome = outcome or response.end(clean=True)
    if outcome is not Outcome.ANSWERED:
        return outcome, 0, b""
    answer = response.answer(0.0)
    return outcome, answer.status, answer.body


@pytest.mark.parametrize("sent", HOSTILE.values(), ids=HOSTILE)
def test_a_slow_drip_ends_as_one_gulp_does(sent: bytes) -> None:
    whole = fed(sent, [len(sent)])
    assert whole[0] in ENDS
    assert fed(sent, [1]) == whole
    assert fed(sent, [7, 1, 1000]) == whole


FRAGMENTS = st.sampled_from(
    [b"HTTP/1.1 ", b"HTTP/1.0 ", b"200 OK", b"204 N", b"304 N", b"100 C", b"101 S", b"\r\n",
     b"\r\n\r\n", b"\n", b"Content-Length: ", b"Transfer-Encoding: chunked", b"Retry-After: 1",
     b"Connection: close", b"0", b"5", b"ffffffffff", b":", b"\x00", framed(b"{}")]
)  # fmt: skip
WIRE = st.one_of(
    st.lists(FRAGMENTS | st.binary(max_size=32), max_size=16).map(b"".join),
    st.sampled_from(sorted(HOSTILE.values())),
)


@settings(max_examples=300, deadline=None)
@given(sent=WIRE, cuts=st.lists(st.integers(1, 50), min_size=1, max_size=8))
def test_where_the_packets_are_cut_changes_nothing(sent: bytes, cuts: list[int]) -> None:
    sent = sent[:4096]
    assert fed(sent, cuts, max_body=512) == fed(sent, [max(1, len(sent))], max_body=512)


@settings(max_examples=200, deadline=None)
@given(sent=WIRE, max_body=st.integers(0, 100), clean=st.booleans())
def test_an_answer_never_holds_more_than_its_bound(sent: bytes, max_body: int, clean: bool) -> None:
    response = Response(max_body)
    outcome = response.feed(sent) or response.end(clean=clean)
    assert outcome in ENDS
    assert response.feed(sent) is outcome
    assert response.end(clean=clean) is outcome
    assert outcome is not Outcome.ANSWERED or len(response.answer(0.0).body) <= max_body


def test_a_connection_that_is_kept_holds_no_body() -> None:
    response = Response(MAX_BODY)
    assert response.feed(framed(b"x" * 1000)) is Outcome.ANSWERED
    assert (len(response.answer(0.0).body), len(response.answer(0.0).body)) == (1000, 0)


ENDLESS = {
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "one header": (b"HTTP/1.1 200 OK\r\nX: ", b"y" * 1000),
    "header names": (b"HTTP/1.1 200 OK\r\n", b"y" * 1000),
    "a status line": (b"HTTP/1.1 200 ", b"O" * 1000),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body": (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1000),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "a chunk's extension": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
        b"x" * 1000,
    ),
    "trailers": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
}


@pytest.mark.parametrize(("first", "then"), ENDLESS.values(), ids=ENDLESS)
def test_what_never_ends_is_ended_before_it_costs_memory(first: bytes, then: bytes) -> None:
    response = Response(MAX_BODY)
    tracemalloc.start()
    try:
        outcome = response.feed(first) if first else None
        for _ in range(2_000_000 // len(then)):
            if outcome is not None:
                break
            outcome = response.feed(then)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert outcome in {Outcome.TOO_LARGE, Outcome.MALFORMED}
    # One byte of body costs a bytes object of its own when it comes alone.
    assert peak < 64 * MAX_BODY + MAX_HEAD
