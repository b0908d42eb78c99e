"""What an informer knows: objects by key, and how lists and events change them. Pure."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from inferencehealth.kube.requests import JsonObject

T = TypeVar("T")
Key = tuple[str, str]
"""Namespace ("" for what has none) and name."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """One change: "added" has only `new`, "deleted" only `old`, "modified" both, which differ."""

    kind: Literal["added", "modified", "deleted"]
    key: Key
    old: T | None
    new: T | None


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """One object as it came: its identity, and its projection.

    `value` is None when the projection does not want it; `readable` is false when the projection
    failed, so that what was known before still stands.
    """

    key: Key
    uid: str
    value: T | None
    readable: bool = True


def see(raw: JsonObject, project: Callable[[JsonObject], T | None]) -> Seen[T]:
    """The object's identity and projection; an object that cannot be projected is logged.

    Raises KeyError or TypeError for what is no object at all.
    """
    meta = raw["metadata"]
    key, uid = (meta.get("namespace") or "", meta["name"]), meta.get("uid") or ""
    try:
        return Seen(key, uid, project(raw))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        logger.warning(
            "%s %s/%s cannot be read and is passed over: %r", raw.get("kind"), *key, error
        )
        return Seen(key, uid, None, readable=False)


class Store(Generic[T]):
    """The objects, and for each the UID that tells a new one from an old one of the same name."""

    def __init__(self) -> None:
        self.values: dict[Key, T] = {}
        self._uids: dict[Key, str] = {}

    def put(self, seen: Seen[T]) -> Iterable[Change[T]]:
        """Take in an object that exists; each change holds in the store when it is yielded."""
        key, value = seen.key, seen.value
        if self._uids.get(key, seen.uid) != seen.uid:
            yield from self._drop(key)
        if not seen.readable:
            return
        if value is None:
            yield from self._drop(key)
            return
        old = self.values.get(key)
        if old == value:
            return
        self.values[key], self._uids[key] = value, seen.uid
        yield Change("added" if old is None else "modified", key, old, value)

    def remove(self, seen: Seen[T]) -> Iterable[Change[T]]:
        """Take out an object that is gone, unless its name belongs to a newer one already."""
        if self._uids.get(seen.key) == seen.uid:
            yield from self._drop(seen.key)

    def replace(self, listed: Iterable[Seen[T]]) -> Iterable[Change[T]]:
        """Take in a whole list: what it lacks is gone, the rest is new, changed or the same.

        What is gone comes first, so that nobody meets the old holder of a reused address.
        """
        current: Mapping[Key, Seen[T]] = {seen.key: seen for seen in listed}
        for key, uid in list(self._uids.items()):
            if key not in current or current[key].uid != uid:
                yield from self._drop(key)
        for seen in current.values():
            yield from self.put(seen)

    def _drop(self, key: Key) -> Iterable[Change[T]]:
        old = self.values.pop(key, None)
        self._uids.pop(key, None)
        if old is not None:
            yield Change("deleted", key, old, None)
