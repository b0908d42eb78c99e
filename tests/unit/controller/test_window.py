from datetime import UTC, datetime
from typing import Any

import pytest

from inferencehealth.api.probes import Window
from inferencehealth.controller.window import in_words, is_open, next_opening, window_problem
from tests.unit.controller.given import a_policy


def window(**spec: Any) -> Window:
    return Window.model_validate({"start": "22:00", "end": "04:00"} | spec)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("spec", "now", "expected"),
    [
        # 2026-11-21 is a Saturday.
        ({}, "2026-11-21T21:59", False),
        ({}, "2026-11-21T22:00", True),
        ({}, "2026-11-22T03:59", True),
        ({}, "2026-11-22T04:00", False),
        ({"start": "09:00", "end": "17:00"}, "2026-11-21T12:00", True),
        ({"start": "09:00", "end": "17:00"}, "2026-11-21T17:00", False),
        ({"start": "00:00", "end": "00:00"}, "2026-11-21T12:00", True),
        # It opens on Friday and runs into Saturday, and does not open on Saturday.
        ({"days": ["Fri"]}, "2026-11-21T03:00", True),
        ({"days": ["Fri"]}, "2026-11-21T23:00", False),
        # 22:00 in Berlin is 21:00 UTC in winter and 20:00 UTC in summer.
        ({"timeZone": "Europe/Berlin"}, "2026-11-21T21:00", True),
        ({"timeZone": "Europe/Berlin"}, "2026-11-21T20:59", False),
        ({"timeZone": "Europe/Berlin"}, "2026-07-21T20:00", True),
    ],
)
def test_a_window_is_open_from_its_start_until_before_its_end(
    spec: dict[str, Any], now: str, expected: bool
) -> None:
    assert is_open(window(**spec), at(now)) is expected


def test_without_a_window_rollouts_may_start_at_any_time() -> None:
    assert is_open(None, at("2026-11-21T12:00"))


@pytest.mark.parametrize(
    ("spec", "now", "expected"),
    [
        ({}, "2026-11-21T12:00", "Sat 2026-11-21 22:00 UTC"),
        ({"days": ["Mon"]}, "2026-11-21T12:00", "Mon 2026-11-23 22:00 UTC"),
        ({"days": ["Sat"]}, "2026-11-21T22:00", "Sat 2026-11-28 22:00 UTC"),
        ({"timeZone": "Asia/Tokyo"}, "2026-11-21T14:00", "Sun 2026-11-22 22:00 Asia/Tokyo"),
    ],
)
def test_the_next_opening_is_told_in_the_windows_own_time_zone(
    spec: dict[str, Any], now: str, expected: str
) -> None:
    assert in_words(next_opening(window(**spec), at(now))) == expected


@pytest.mark.parametrize("name", ["Europe", "No/Where", "/etc/passwd", "x" * 64])
def test_an_unknown_time_zone_is_named_with_its_field(name: str) -> None:
    spec = {"start": "22:00", "end": "04:00", "timeZone": name}
    problem = window_problem(a_policy(rollout={"window": spec}))
    assert problem is not None
    assert (problem.reason, problem.field) == (
        "InvalidTimeZone",
        "spec.probes.rollout.window.timeZone",
    )
    assert repr(name) in problem.message


def test_a_known_time_zone_is_no_problem() -> None:
    spec = {"start": "22:00", "end": "04:00", "timeZone": "Europe/Berlin"}
    assert window_problem(a_policy(rollout={"window": spec})) is None
    assert window_problem(a_policy()) is None
