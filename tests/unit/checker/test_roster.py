"""Who shares the work, as members see it: never two that write, nobody dead by our own deafness."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferencehealth.checker import roster
from inferencehealth.checker.roster import SETTLE, Roster
from inferencehealth.checker.shards import owner
from inferencehealth.kube.leases import LeaseRecord

DURATION, BEAT = 15.0, 5.0
NAMES = ["a", "b", "c", "d", "e", "dead"]
UIDS = [f"uid-{number}" for number in range(60)]


class Cluster:
    """Members that see each other's Leases, second by second, unless the test says otherwise."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.leases: dict[str, str] = {}
        self.rosters: dict[str, Roster] = {}
        self.mute: set[str] = set()
        """Cannot reach the API server: neither renew nor see."""
        self.deaf: set[str] = set()
        """Renew, but their watch hangs."""
        self.stopped: set[str] = set()
        self.born: dict[str, float] = {}
        self.held: dict[str, set[str]] = {}

    def join(self, name: str) -> None:
        self.rosters[name] = Roster(name, DURATION, BEAT)
        self.born[name] = self.now
        self.held[name] = set()
        self.stopped.add(name)  # it beats before it looks
        self._beat(name)
        self.stopped.remove(name)
        for other in sorted(self.leases):
            self.rosters[name].observe(self._lease(other))
        self._look(name)

    def leave(self, name: str) -> None:
        del self.leases[name], self.rosters[name], self.held[name]
        for each in self._seeing():
            self.rosters[each].forget(name)
            self._look(each)

    def kill(self, name: str) -> None:
        del self.rosters[name], self.held[name]

    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            for name in list(self.rosters):
                if name in self.stopped:
                    continue
                if (self.now - self.born[name]) % BEAT == 0 and name not in self.mute:
                    self._beat(name)
                self._look(name)
            self._no_two_write()

    def recover(self, name: str) -> None:
        """It runs, reaches the API server and sees: what happened meanwhile reaches it now."""
        for trouble in (self.stopped, self.mute, self.deaf):
            trouble.discard(name)
        for other in NAMES:
            if other in self.leases:
                self.rosters[name].observe(self._lease(other))
            else:
                self.rosters[name].forget(other)
        self._look(name)
        self._no_two_write()

    def shares(self) -> dict[str, set[str]]:
        return {name: held for name, held in self.held.items() if name not in self.stopped}

    def _seeing(self) -> list[str]:
        return [n for n in self.rosters if n not in self.mute | self.stopped | self.deaf]

    def _beat(self, name: str) -> None:
        self.leases[name] = f"{name} at {self.now}"
        self.rosters[name].send(self.leases[name], self.now)
        for each in self._seeing():
            self.rosters[each].observe(self._lease(name))
            self._look(each)

    def _lease(self, name: str) -> LeaseRecord:
        return LeaseRecord(name, "sys", name, {}, name, DURATION, self.leases[name])

    def _look(self, name: str) -> None:
        share = self.rosters[name].look(self.now)
        held = self.held[name]
        ours = {uid for uid in UIDS if share.has(uid)}
        self.held[name] = ours if share.growing else held & ours

    def _no_two_write(self) -> None:
        writers = [n for n in self.rosters if self.rosters[n].may_write(self.now)]
        for uid in UIDS:
            assert len([n for n in writers if uid in self.held[n]]) <= 1, uid


def divided(names: Iterable[str]) -> dict[str, set[str]]:
    members = list(names)
    return {n: {uid for uid in UIDS if owner(uid, members) == n} for n in members}


def test_one_alone_takes_everything_at_once() -> None:
    c = Cluster()
    c.join("a")
    assert c.shares() == {"a": set(UIDS)}
    assert c.rosters["a"].may_write(c.now)


def test_before_we_are_seen_nothing_is_ours_and_nothing_is_written() -> None:
    new = Roster("a", DURATION, BEAT)
    assert not new.share.growing
    assert not new.look(1000.0).growing
    assert not new.may_write(1000.0)


def test_another_checker_of_the_same_name_is_noticed() -> None:
    c = Cluster()
    c.leases["a"] = "left by the one before"
    c.join("a")
    c.pass_time(60)
    c.mute.add("a")
    for second in range(60):  # it tries again and again, in vain
        c.rosters["a"].send(f"in vain {second}", c.now)
    c.recover("a")
    c.pass_time(10)
    assert not c.rosters["a"].doubled
    c.leases["a"] = "not renewed by us"
    c.recover("a")
    assert c.rosters["a"].doubled


def test_one_that_joins_is_given_its_share_at_once_and_takes_it_after_a_while() -> None:
    c = Cluster()
    c.join("a")
    c.pass_time(60)
    c.join("b")
    expected = divided("ab")
    assert c.shares() == {"a": expected["a"], "b": set()}
    assert not c.rosters["b"].may_write(c.now)
    c.pass_time(int(SETTLE))
    assert c.shares() == expected


def test_one_that_leaves_is_replaced_at_once() -> None:
    c = Cluster()
    for name in "abc":
        c.join(name)
    c.pass_time(30)
    assert c.shares() == divided("abc")
    c.leave("b")
    assert c.shares() == divided("ac")


def test_one_that_is_killed_is_replaced_within_a_lease_and_a_look() -> None:
    c = Cluster()
    for name in "abc":
        c.join(name)
    c.pass_time(33)
    c.kill("b")
    c.pass_time(10)
    assert c.shares() == {n: s for n, s in divided("abc").items() if n != "b"}
    c.pass_time(7)
    assert c.shares() == divided("ac")


def test_one_that_was_stopped_writes_nothing_until_all_agree_again() -> None:
    c = Cluster()
    for name in "abc":
        c.join(name)
    c.pass_time(30)
    c.stopped.add("b")
    c.pass_time(40)
    assert c.shares() == divided("ac")
    c.recover("b")
    assert not c.rosters["b"].may_write(c.now)
    c.pass_time(int(BEAT + SETTLE) + 1)
    assert c.shares() == divided("abc")
    assert all(each.may_write(c.now) for each in c.rosters.values())


def test_one_cut_off_keeps_checking_and_stops_writing_before_others_begin() -> None:
    c = Cluster()
    for name in "abc":
        c.join(name)
    c.pass_time(30)
    c.mute.add("b")
    before = set(c.held["b"])
    for _ in range(60):
        c.pass_time(1)
        assert c.held["b"] == before
        assert c.rosters["b"].share.members == frozenset("abc")
    assert not c.rosters["b"].may_write(c.now)
    assert c.held["a"] | c.held["c"] == set(UIDS)
    c.mute.clear()
    c.pass_time(int(BEAT + SETTLE) + 2)
    assert c.shares() == divided("abc")


@pytest.mark.parametrize("after", range(16))
def test_one_whose_watch_hangs_stops_writing_before_one_that_joins_begins(after: int) -> None:
    c = Cluster()
    for name in "ab":
        c.join(name)
    c.pass_time(31)
    c.deaf.add("a")
    c.pass_time(after)
    c.join("c")
    c.pass_time(60)
    assert not c.rosters["a"].may_write(c.now)
    c.recover("a")
    c.pass_time(int(BEAT + SETTLE) + 1)
    assert c.shares() == divided("abc")


def test_when_the_api_server_is_away_nobody_is_declared_dead() -> None:
    c = Cluster()
    for name in "abc":
        c.join(name)
    c.pass_time(30)
    c.mute |= set("abc")
    for _ in range(300):
        c.pass_time(1)
        assert c.shares() == divided("abc")
    c.mute.clear()
    for _ in range(int(BEAT + SETTLE) + 2):
        c.pass_time(1)
        assert c.shares() == divided("abc")
    assert all(each.may_write(c.now) for each in c.rosters.values())


def test_members_that_join_together_divide_the_work() -> None:
    c = Cluster()
    for name in "abcde":
        c.join(name)
    c.pass_time(int(SETTLE) + 1)
    assert c.shares() == divided("abcde")


def test_a_hiccup_of_the_api_server_costs_no_membership() -> None:
    c = Cluster()
    for name in "ab":
        c.join(name)
    c.pass_time(30)
    c.mute |= set("ab")
    c.pass_time(9)
    c.mute.clear()
    c.pass_time(1)
    assert all(each.may_write(c.now) for each in c.rosters.values())


def test_a_lease_of_the_long_dead_is_deleted_by_the_first_member_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(roster, "FORGOTTEN", 100.0)
    c = Cluster()
    for name in ("a", "b", "dead"):
        c.join(name)
    c.pass_time(30)
    c.kill("dead")
    c.pass_time(90)
    assert c.rosters["a"].litter() == frozenset()
    c.pass_time(20)
    assert c.rosters["a"].litter() == {"dead"}
    assert c.rosters["b"].litter() == frozenset()


VERBS = ("join", "leave", "kill", "stop", "mute", "deafen", "recover")
EVENTS = st.tuples(
    st.sampled_from(VERBS), st.sampled_from("abcd"), st.integers(min_value=0, max_value=25)
)


@settings(max_examples=60, deadline=None)  # a busy machine is no bug
@given(events=st.lists(EVENTS, max_size=12))
def test_whatever_happens_no_two_write_and_all_is_divided_in_the_end(
    events: list[tuple[str, str, int]],
) -> None:
    c = Cluster()
    c.join("e")
    for verb, name, seconds in events:
        happen(c, verb, name)
        c.pass_time(seconds)
    for name in list(c.rosters):
        c.recover(name)
    c.pass_time(int(DURATION + BEAT + SETTLE) + 4)
    assert c.shares() == divided(c.rosters)
    assert all(each.may_write(c.now) for each in c.rosters.values())


def happen(c: Cluster, verb: str, name: str) -> None:
    """What may happen to a member; nothing where it cannot happen to that one now."""
    runs, troubled = name in c.rosters, name in c.stopped | c.mute | c.deaf
    if verb == "join" and not runs:
        for trouble in (c.stopped, c.mute, c.deaf):
            trouble.discard(name)
        c.join(name)
    elif verb == "leave" and runs and not troubled:
        c.leave(name)
    elif verb == "kill" and runs:
        c.kill(name)
    elif verb == "recover" and runs:
        c.recover(name)
    elif runs and not troubled:
        {"stop": c.stopped, "mute": c.mute, "deafen": c.deaf}.get(verb, set()).add(name)
