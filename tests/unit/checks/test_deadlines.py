"""The heap of deadlines: spreading, keeping phase, losing turns instead of queueing them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.checks.deadlines import Deadlines, phase

INTERVAL = 10.0


def due_until(deadlines: Deadlines[str], end: float) -> list[tuple[float, str]]:
    """Every check up to `end`, run at the very moment it is due."""
    ran = []
    while (at := deadlines.next_at()) is not None and at <= end:
        due = deadlines.pop(at)
        assert due is not None
        assert (due.late, due.missed) == (0.0, 0)
        ran.append((at, due.key))
    return ran


def test_a_key_is_due_once_in_every_interval_at_its_phase() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.put("a", interval=INTERVAL, phase=0.25, now=0.0)
    assert due_until(deadlines, 40) == [(2.5, "a"), (12.5, "a"), (22.5, "a"), (32.5, "a")]


def test_keys_are_spread_over_the_interval() -> None:
    deadlines: Deadlines[str] = Deadlines()
    for number in range(10_000):
        key = f"6fd3a9c0-0000-4000-8000-{number:012d}"
        deadlines.put(key, interval=INTERVAL, phase=phase(key), now=0.0)
    per_second = [0] * 10
    for at, _ in due_until(deadlines, INTERVAL):
        per_second[min(int(at), 9)] += 1
    assert sum(per_second) == 10_000
    assert max(per_second) < 1_150


def test_a_late_check_is_done_once_and_keeps_its_phase() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.put("a", interval=INTERVAL, phase=0.5, now=0.0)
    due = deadlines.pop(38.0)
    assert due is not None
    assert (due.late, due.missed) == (33.0, 3)
    assert deadlines.pop(38.0) is None
    assert deadlines.next_at() == 45.0


def test_a_late_check_is_not_followed_by_another_at_once() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.put("a", interval=INTERVAL, phase=0.5, now=0.0)
    due = deadlines.pop(14.0)
    assert due is not None
    assert (due.late, due.missed) == (9.0, 1)
    assert deadlines.next_at() == 25.0


def test_what_has_been_due_longest_goes_first() -> None:
    deadlines: Deadlines[str] = Deadlines()
    for key, at in (("a", 0.9), ("b", 0.1), ("c", 0.5)):
        deadlines.put(key, interval=INTERVAL, phase=at, now=0.0)
    order = [due.key for _ in range(3) if (due := deadlines.pop(20.0)) is not None]
    assert order == ["b", "c", "a"]


def test_putting_a_key_again_changes_nothing_unless_its_interval_changed() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.put("a", interval=INTERVAL, phase=0.5, now=0.0)
    deadlines.put("a", interval=INTERVAL, phase=0.5, now=6.0)
    assert deadlines.next_at() == 5.0
    deadlines.put("a", interval=2.0, phase=0.5, now=6.0)
    assert due_until(deadlines, 9) == [(7.0, "a"), (9.0, "a")]


def test_a_dropped_key_is_never_due_and_leaves_nothing_behind() -> None:
    deadlines: Deadlines[int] = Deadlines()
    for key in range(1_000):
        deadlines.put(key, interval=INTERVAL, phase=key / 1_000, now=0.0)
    for key in range(1, 1_000):
        deadlines.drop(key)
    deadlines.drop(1)
    assert len(deadlines) == 1
    assert 0 in deadlines
    assert len(deadlines._heap) < 100
    assert [due.key for _ in range(3) if (due := deadlines.pop(50.0)) is not None] == [0]


def test_a_key_dropped_and_put_again_is_due_once() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.put("a", interval=INTERVAL, phase=0.5, now=0.0)
    deadlines.drop("a")
    deadlines.put("a", interval=INTERVAL, phase=0.5, now=0.0)
    assert due_until(deadlines, 12) == [(5.0, "a")]


def test_nothing_is_due_where_nothing_was_put() -> None:
    deadlines: Deadlines[str] = Deadlines()
    assert deadlines.next_at() is None
    assert deadlines.pop(1e9) is None


@given(
    interval=st.floats(min_value=0.1, max_value=3600),
    share=st.floats(min_value=0, max_value=1, exclude_max=True),
    now=st.floats(min_value=0, max_value=1e7),
    waits=st.lists(st.floats(min_value=0, max_value=3), max_size=20),
)
def test_the_next_turn_always_lies_ahead_and_within_one_and_a_half_intervals(
    interval: float, share: float, now: float, waits: list[float]
) -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.put("a", interval=interval, phase=share, now=now)
    for wait in waits:
        now += wait * interval
        due = deadlines.pop(now)
        at = deadlines.next_at()
        assert at is not None
        assert at > now or due is not None
        assert at - now <= interval * 1.501
        if due is not None:
            assert at - now >= interval * 0.499
            assert due.late >= 0


@pytest.mark.parametrize("seed", ["", "a", "6fd3a9c0-1111"])
def test_a_phase_is_stable_and_within_the_interval(seed: str) -> None:
    assert phase(seed) == phase(seed)
    assert 0 <= phase(seed) < 1
