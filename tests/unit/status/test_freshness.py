from datetime import UTC, datetime, timedelta
from typing import Any

from inferencehealth.status.freshness import GONE, Heard, heard, sign_of_life, silences

WRITTEN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def lease(renewed: str = "2026-11-21T12:00:00.5Z", *entries: str) -> dict[str, Any]:
    managed = [{"manager": "m", "time": time} for time in entries]
    return {
        "metadata": {"name": "checker-a", "managedFields": managed},
        "spec": {"renewTime": renewed} if renewed else {},
    }


def test_the_api_servers_time_counts_whatever_the_checkers_clock_says() -> None:
    found = sign_of_life(lease("1999-01-01T00:00:00Z", "2026-11-21T12:00:00Z"))
    assert found is not None
    assert found.written == WRITTEN


def test_without_managed_fields_the_checkers_own_time_counts() -> None:
    found = sign_of_life(lease())
    assert found is not None
    assert found.written == WRITTEN + timedelta(seconds=0.5)


def test_a_lease_that_was_never_renewed_is_no_sign_of_life() -> None:
    assert sign_of_life(lease("")) is None


def test_the_age_at_first_sight_is_by_the_servers_clock_and_grows_by_ours() -> None:
    sign = sign_of_life(lease("r", "2026-11-21T12:00:00Z"))
    assert sign is not None
    known = heard(None, sign, server_time=WRITTEN + timedelta(seconds=7), now=100.0)
    assert silences({"a": known}, 103.0)("a").seconds == 10.0
    assert silences({"a": known}, 103.0)("a").since == "12:00:00 UTC"


def test_a_renewal_after_the_server_last_told_its_time_is_fresh() -> None:
    sign = sign_of_life(lease("r", "2026-11-21T12:00:00Z"))
    assert sign is not None
    assert heard(None, sign, server_time=WRITTEN - timedelta(minutes=5), now=0.0).age == 0.0


def test_seeing_the_same_renewal_again_does_not_make_it_younger() -> None:
    sign = sign_of_life(lease("r", "2026-11-21T12:00:00Z"))
    assert sign is not None
    before = Heard("r", 30.0, 0.0, "")
    assert heard(before, sign, server_time=WRITTEN, now=50.0) is before


def test_a_checker_without_a_lease_is_gone() -> None:
    assert silences({}, 0.0)("checker-a") == GONE
