"""The checkers' silence: heard of by Lease, looked for only while somebody names them."""

from collections.abc import AsyncIterator

import pytest

from inferencehealth.controller import leases
from inferencehealth.controller.leases import CheckerLeases
from inferencehealth.kube.client import Client, connect
from inferencehealth.kube.config import Access, TokenFile
from inferencehealth.kube.leases import LeaseRecord
from inferencehealth.kube.store import Change


class Clock:
    """The monotonic clock, moved by the test."""

    now = 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr(leases.time, "monotonic", lambda: moved.now)
    return moved


@pytest.fixture
async def client(tmp_path: object) -> AsyncIterator[Client]:
    access = Access("https://127.0.0.1:1", "a test", TokenFile(tmp_path / "token"))  # type: ignore[operator]
    async with connect(access) as connected:
        yield connected


async def test_a_checker_never_heard_of_is_silent_from_the_first_question(
    client: Client, clock: Clock
) -> None:
    known = CheckerLeases(client, "system")
    assert known.silence("a").seconds == 0
    clock.now += 40
    assert known.silence("a").seconds == 40
    assert known.any_silent()


async def test_a_silent_checker_is_looked_for_only_as_long_as_somebody_names_it(
    client: Client, clock: Clock
) -> None:
    known = CheckerLeases(client, "system")
    known.silence("replaced")
    clock.now += 40
    assert known.any_silent()
    assert not known.any_silent()
    assert not known.any_silent()
    known.silence("replaced")
    assert known.any_silent()


async def test_a_checker_that_lives_stays_watched_though_nobody_asks_again(
    client: Client, clock: Clock
) -> None:
    known = CheckerLeases(client, "system")
    known.silence("a")
    assert not known.any_silent()
    clock.now += 40
    assert known.any_silent()


async def test_a_checker_that_is_back_is_looked_at_once_more_though_it_writes_nothing(
    client: Client, clock: Clock
) -> None:
    known = CheckerLeases(client, "system")
    known.silence("a")
    clock.now += 40
    assert known.any_silent()
    known._changed(Change("added", ("system", "a"), None, beat("1")))
    assert known.any_silent()
    assert not known.any_silent()


async def test_a_checker_that_was_called_silent_and_is_back_before_we_looked_is_looked_at(
    client: Client, clock: Clock
) -> None:
    known = CheckerLeases(client, "system")
    known.silence("a")
    assert not known.any_silent()
    clock.now += 40
    assert known.silence("a").seconds == 40
    known._changed(Change("added", ("system", "a"), None, beat("1")))
    assert known.any_silent()
    assert not known.any_silent()


def beat(renewed: str) -> LeaseRecord:
    return LeaseRecord("1", "system", "a", {}, "a", 15, renewed)
