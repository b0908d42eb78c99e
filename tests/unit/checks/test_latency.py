"""Percentiles of answer times in constant memory."""

import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.checks.latency import NONE, SHORTEST, add, percentile

BETWEEN_BUCKETS = 2**0.25
"""A percentile is told as the middle of its bucket."""
TIMES = st.floats(2 * SHORTEST, 40.0)


def of(times: list[float]) -> int:
    counts = NONE
    for seconds in times:
        counts = add(counts, seconds)
    return counts


def rank(times: list[float], share: float) -> float:
    return sorted(times)[max(0, math.ceil(share * len(times)) - 1)]


@given(times=st.lists(TIMES, min_size=1, max_size=200), share=st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_true_to_a_fifth(times: list[float], share: float) -> None:
    told, true = percentile(of(times), share), rank(times, share)
    assert true / BETWEEN_BUCKETS <= told * 1.001
    assert told <= true * BETWEEN_BUCKETS * 1.001


def test_nothing_is_told_of_a_pod_that_never_answered() -> None:
    assert percentile(NONE, 0.99) == 0.0


@given(times=st.lists(st.floats(0, 1e6), max_size=2000))
def test_it_never_takes_more_than_sixty_four_bytes(times: list[float]) -> None:
    assert sys.getsizeof(of(times)) <= 64


def test_old_answers_fade() -> None:
    slow_once = of([8.0] * 1000 + [0.01] * 1000)
    assert percentile(slow_once, 0.5) == pytest.approx(0.01, rel=0.2)
    assert percentile(of([0.01] * 1000), 0.99) == pytest.approx(0.01, rel=0.2)
    assert percentile(of([8.0] * 1000 + [0.01] * 10_000), 0.99) == pytest.approx(0.01, rel=0.2)


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 1e9])
def test_times_out_of_range_fall_into_the_outer_buckets(seconds: float) -> None:
    assert 0 < percentile(add(NONE, seconds), 0.5) < 60
