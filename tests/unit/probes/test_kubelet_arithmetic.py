"""The worst cases we promise, held against a simulation of the kubelet's prober."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.kubelet import (
    Numbers,
    numbers_of,
    probe,
    same_probe,
    startup_allowance,
    worst_detection,
    worst_startup,
)

HTTP = {"httpGet": {"path": "/h", "port": 8000}}
MS = 1000

some_numbers = st.builds(
    Numbers,
    initial_delay=st.integers(0, 60),
    period=st.integers(1, 30),
    timeout=st.integers(1, 30),
    failures=st.integers(1, 10),
)
fraction = st.floats(0, 1)


def acts_at(
    numbers: Numbers, phase: int, one_probe: Callable[[int], tuple[int, bool]], *, delay: int = 0
) -> int:
    """When the kubelet has seen enough failures in a row, in milliseconds.

    As prober/worker.go does it: a loop on a Go ticker, which keeps one tick for a reader that is
    late and drops the rest. `one_probe` gives the length and outcome of a probe by its start.
    """
    period = numbers.period * MS
    tick, free, failed = phase, 0, 0
    while failed < numbers.failures:
        start = max(tick, free)
        tick = start - (start - phase) % period + period
        if start // MS < delay:
            continue
        length, good = one_probe(start)
        free = start + length
        failed = 0 if good else failed + 1
    return free


@given(some_numbers, fraction, fraction, fraction, st.integers(0, 200 * MS))
def test_a_failure_is_acted_upon_within_the_worst_case(
    numbers: Numbers, phase: float, healthy: float, hanging: float, broken_from: int
) -> None:
    timeout = numbers.timeout * MS
    good, bad = int(healthy * timeout), int(hanging * timeout)

    def one_probe(start: int) -> tuple[int, bool]:
        answered_before = start + good <= broken_from
        return (good, True) if answered_before else (max(bad, broken_from - start), False)

    acted = acts_at(numbers, int(phase * numbers.period * MS), one_probe)
    assert acted - broken_from <= worst_detection(numbers) * MS


def test_the_worst_case_of_detection_does_happen() -> None:
    numbers = Numbers(initial_delay=0, period=10, timeout=5, failures=3)
    acted = acts_at(numbers, 0, lambda start: (0, True) if start < 1 else (5 * MS, False))
    assert acted == worst_detection(numbers) * MS == 35 * MS


@given(some_numbers, fraction, fraction)
def test_a_loading_container_lives_between_allowance_and_worst_case(
    numbers: Numbers, phase: float, failing: float
) -> None:
    length = int(failing * numbers.timeout * MS)
    offset = int(phase * (numbers.period * MS - 1))
    killed = acts_at(numbers, offset, lambda _: (length, False), delay=numbers.initial_delay)
    assert startup_allowance(numbers) * MS <= killed <= worst_startup(numbers) * MS


def test_the_allowance_is_one_period_less_than_people_think() -> None:
    numbers = Numbers(initial_delay=0, period=10, timeout=1, failures=60)
    assert acts_at(numbers, 0, lambda _: (0, False)) == 590 * MS == startup_allowance(numbers) * MS


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (HTTP, {"httpGet": {"path": "/h", "port": 8000, "scheme": "HTTP"}}, True),
        (
            HTTP,
            {
                **HTTP,
                "timeoutSeconds": 1,
                "periodSeconds": 10,
                "failureThreshold": 3,
                "successThreshold": 1,
                "initialDelaySeconds": 0,
            },
            True,
        ),
        ({"httpGet": {"port": 1}}, {"httpGet": {"port": 1, "path": "/", "host": ""}}, True),
        (HTTP, {**HTTP, "periodSeconds": 5}, False),
        (HTTP, {**HTTP, "terminationGracePeriodSeconds": 5}, False),
        (HTTP, {"httpGet": {"path": "/h", "port": "http"}}, False),
        (HTTP, {"httpGet": {"path": "/h", "port": 8000, "scheme": "HTTPS"}}, False),
        (HTTP, {"httpGet": {"path": "/h", "port": 8000, "httpHeaders": [{"name": "a"}]}}, False),
        (HTTP, {"tcpSocket": {"port": 8000}}, False),
        ({"grpc": {"port": 1, "service": ""}}, {"grpc": {"port": 1}}, True),
        ({"exec": {"command": ["a"]}}, {"exec": {"command": ["a"]}}, True),
        ({"exec": {"command": ["a"]}}, {"exec": {"command": ["b"]}}, False),
        (None, None, True),
        (None, {}, True),
        (HTTP, None, False),
    ],
)
def test_probes_are_compared_as_the_api_server_completes_them(
    one: dict[str, Any] | None, other: dict[str, Any] | None, same: bool
) -> None:
    assert same_probe(one, other) is same
    assert same_probe(other, one) is same


@given(some_numbers)
def test_a_probe_has_the_numbers_it_was_made_of(numbers: Numbers) -> None:
    assert numbers_of(probe(HTTP, numbers)) == numbers
