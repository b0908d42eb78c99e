"""Whose a workload is: everybody agrees, evenly, and few move when a member comes or goes."""

from collections import Counter
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.checker.shards import owner

UIDS = [str(UUID(int=number * 0x9E3779B97F4A7C15)) for number in range(3000)]
MEMBERS = [f"inferencehealth-checker-{name}" for name in ("a", "b", "c", "d", "e")]


@given(uid=st.text(max_size=40), members=st.sets(st.text(max_size=20), min_size=1, max_size=8))
def test_everybody_comes_to_the_same_answer(uid: str, members: set[str]) -> None:
    found = owner(uid, sorted(members))
    assert found in members
    assert found == owner(uid, sorted(members, reverse=True))


@given(
    uid=st.text(max_size=40),
    members=st.sets(st.text(max_size=20), min_size=1, max_size=8),
    other=st.text(max_size=20),
)
def test_a_workload_moves_only_to_a_member_that_joins(
    uid: str, members: set[str], other: str
) -> None:
    assert owner(uid, members | {other}) in {other, owner(uid, members)}


@pytest.mark.parametrize("count", [2, 3, 5])
def test_members_share_evenly(count: int) -> None:
    shares = Counter(owner(uid, MEMBERS[:count]) for uid in UIDS)
    assert len(shares) == count
    even = len(UIDS) / count
    assert all(0.85 * even < share < 1.15 * even for share in shares.values())


def test_a_member_that_leaves_moves_its_share_alone_and_to_all_others() -> None:
    before = {uid: owner(uid, MEMBERS) for uid in UIDS}
    after = {uid: owner(uid, MEMBERS[1:]) for uid in UIDS}
    moved = [uid for uid in UIDS if before[uid] != after[uid]]
    assert {before[uid] for uid in moved} == {MEMBERS[0]}
    assert {after[uid] for uid in moved} == set(MEMBERS[1:])


def test_without_members_there_is_no_owner() -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        owner("uid", [])
