"""Who may act: decided from a Lease, as time passes on the reader's own clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from inferencehealth.controller.candidate import (
    Move,
    Terms,
    claimed,
    decide,
    expires,
    pause,
    released,
)
from inferencehealth.kube.leases import LeaseRecord, Sighting, project_lease, sight

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TERMS = Terms()
SEEN_AT = 100.0


def seen(holder: str, *, duration: float = 15) -> Sighting:
    return Sighting(LeaseRecord("1", "sys", "lease", {}, holder, duration, "t"), SEEN_AT)


@pytest.mark.parametrize(
    ("found", "passed", "leads", "move"),
    [
        (None, 0, False, Move.CLAIM),
        (None, 0, True, Move.CLAIM),
        (seen(""), 0, False, Move.CLAIM),
        (seen("other"), 0, False, Move.WAIT),
        (seen("other"), 15, False, Move.WAIT),
        (seen("other"), 15.1, False, Move.CLAIM),
        (seen("other", duration=60), 15.1, False, Move.WAIT),
        (seen("other", duration=0), 14.9, False, Move.WAIT),
        (seen("me"), 0, False, Move.RENEW),
        (seen("me"), 9, True, Move.RENEW),
        (seen("other"), 0, True, Move.LOST),
        (seen("other"), 60, True, Move.LOST),
    ],
)
def test_what_a_copy_does_about_the_lease(
    found: Sighting | None, passed: float, leads: bool, move: Move
) -> None:
    assert decide(found, "me", SEEN_AT + passed, leads=leads, terms=TERMS) is move


def test_a_leader_has_ended_and_its_last_request_too_before_another_one_may_act() -> None:
    assert TERMS.deadline + TERMS.request < TERMS.lease
    assert 3 * TERMS.request < TERMS.deadline


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_a_candidate_looks_again_at_the_moment_at_which_the_lease_runs_out(chance: float) -> None:
    due = expires(seen("other"), TERMS)
    waits = pause(seen("other"), due - 0.5, chance, TERMS)
    assert 0.5 <= waits <= 0.7
    assert TERMS.retry <= pause(seen("other"), SEEN_AT, chance, TERMS) <= TERMS.retry * 1.1
    assert TERMS.retry <= pause(seen("other"), due + 1, chance, TERMS) <= TERMS.retry * 1.1


def test_a_lease_is_made_and_renewed_and_taken_over_as_kubernetes_writes_it() -> None:
    made = claimed(None, "a", NOW, TERMS)
    assert made["metadata"] == {"name": "inferencehealth-controller"}
    stamp = "2026-01-02T03:04:05.000000Z"
    assert made["spec"] == {
        "holderIdentity": "a",
        "leaseDurationSeconds": 15,
        "acquireTime": stamp,
        "renewTime": stamp,
        "leaseTransitions": 0,
    }
    there = made | {"metadata": {"name": "inferencehealth-controller", "resourceVersion": "7"}}
    later = NOW.replace(minute=5)
    renewed = claimed(there, "a", later, TERMS)
    assert renewed["metadata"]["resourceVersion"] == "7"
    assert renewed["spec"]["acquireTime"] == stamp
    assert renewed["spec"]["renewTime"] == "2026-01-02T03:05:05.000000Z"
    taken = claimed(renewed, "b", later, TERMS)
    assert taken["spec"]["leaseTransitions"] == 1
    assert taken["spec"]["acquireTime"] == taken["spec"]["renewTime"]
    assert "holderIdentity" not in released(taken)["spec"]


@dataclass
class Copy:
    """A copy as `Election` plays it, without a wire."""

    name: str
    looks_at: float = 0.0
    known: Sighting | None = None
    renewed: float | None = None
    alive: bool = True

    @property
    def writes(self) -> bool:
        return self.alive and self.renewed is not None


def play(copies: list[Copy], seconds: int, deaf: dict[str, range]) -> Iterator[tuple[float, str]]:
    """Every moment at which a copy may write, in a play of copies on one Lease, tenth by tenth.

    A copy in `deaf` can't reach the API server in those tenths of a second.
    """
    lease: dict[str, Any] = {}
    for tenth in range(seconds * 10):
        now = tenth / 10
        for copy in copies:
            if not copy.alive:
                continue
            if copy.renewed is not None and now - copy.renewed >= TERMS.deadline:
                copy.alive = False
                continue
            if now >= copy.looks_at:
                copy.looks_at = now + TERMS.retry
                if tenth not in deaf.get(copy.name, range(0)):
                    lease = turn(copy, lease, now)
            if copy.writes:
                yield now, copy.name


def turn(copy: Copy, lease: dict[str, Any], now: float) -> dict[str, Any]:
    copy.known = sight(copy.known, project_lease(lease), now) if lease else None
    move = decide(copy.known, copy.name, now, leads=copy.renewed is not None, terms=TERMS)
    if move is Move.LOST:
        copy.alive = False
        return lease
    if move is Move.WAIT:
        copy.looks_at = now + pause(copy.known, now, 0.5, TERMS)
        return lease
    copy.renewed = now
    # A wrong clock of its own, which nobody may trust.
    stamp = datetime.fromtimestamp(now * 7, UTC)
    made = claimed(lease or None, copy.name, stamp, TERMS)
    made["metadata"] |= {"uid": "1", "namespace": "sys"}
    return made


@pytest.mark.parametrize("at", range(100, 121, 1))
def test_who_cannot_reach_the_server_has_stopped_writing_before_another_begins(at: int) -> None:
    copies = [Copy("a"), Copy("b", looks_at=0.7), Copy("c", looks_at=1.3)]
    wrote = list(play(copies, 60, {"a": range(at, 600)}))
    last = max(now for now, name in wrote if name == "a")
    others = {name for now, name in wrote if name != "a"}
    first = min(now for now, name in wrote if name != "a")
    assert last <= at / 10 + TERMS.deadline
    assert first - last >= TERMS.lease - TERMS.deadline - 0.1
    assert first - at / 10 <= TERMS.lease + 2 * TERMS.retry < 20
    assert len(others) == 1


def test_while_the_server_is_away_for_all_the_leader_ends_and_one_other_follows() -> None:
    copies = [Copy("a"), Copy("b", looks_at=0.7)]
    away = range(100, 700)
    wrote = list(play(copies, 120, {"a": away, "b": away}))
    assert not copies[0].alive
    moments = [now for now, name in wrote if name == "b"]
    assert 70 <= min(moments) <= 90
    assert not any(20.1 < now < 70 for now, _ in wrote)
