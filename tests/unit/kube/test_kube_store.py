from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.kube.store import Change, Key, Seen, Store

seen = st.builds(
    Seen,
    key=st.tuples(st.just("ml"), st.sampled_from("ab")),
    uid=st.sampled_from("12"),
    value=st.none() | st.integers(0, 1),
    readable=st.booleans(),
)
steps = st.lists(
    st.tuples(st.just("put"), seen)
    | st.tuples(st.just("remove"), seen)
    | st.tuples(st.just("replace"), st.lists(seen, max_size=3)),
    max_size=12,
)


def follow(mirror: dict[Key, int], changes: Iterable[Change[int]]) -> None:
    """What a listener makes of the changes; fails when they do not fit what it knows."""
    for change in changes:
        assert mirror.get(change.key) == change.old
        assert change.kind == (
            "added" if change.old is None else "deleted" if change.new is None else "modified"
        )
        assert change.old != change.new
        if change.new is None:
            del mirror[change.key]
        else:
            mirror[change.key] = change.new


@given(steps)
def test_who_follows_the_changes_always_knows_the_store(
    script: list[tuple[str, Seen[int] | list[Seen[int]]]],
) -> None:
    store: Store[int] = Store()
    mirror: dict[Key, int] = {}
    for verb, argument in script:
        follow(mirror, getattr(store, verb)(argument))
        assert mirror == store.values
        assert store.values.keys() == store._uids.keys()


@given(steps, st.lists(seen, max_size=3, unique_by=lambda one: one.key))
def test_after_a_list_the_store_is_what_was_listed(
    script: list[tuple[str, Seen[int] | list[Seen[int]]]], listed: list[Seen[int]]
) -> None:
    store: Store[int] = Store()
    for verb, argument in script:
        list(getattr(store, verb)(argument))
    before, uids = dict(store.values), dict(store._uids)
    list(store.replace(listed))
    assert store.values == {
        one.key: value
        for one in listed
        for value in [
            one.value
            if one.readable
            else before.get(one.key)
            if uids.get(one.key) == one.uid
            else None
        ]
        if value is not None
    }
