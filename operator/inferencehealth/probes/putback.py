"""The way back: a container's probes as they were before us, and our claim on them given up.

Server-side apply can only drop what we own alone; the bytes from before come back by a JSON patch
of whole probes, guarded like the one that replaced them. A patch makes us an owner of what it
writes, so giving up the claim is a second write, to metadata.managedFields alone: no generation,
no rollout. Seen on Kubernetes 1.36: the API server takes such a patch, and the next manager that
applies the fields meets no conflict.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from inferencehealth.api.names import FIELD_MANAGER
from inferencehealth.kubelet import same_probe
from inferencehealth.probes.gates import gate_operations
from inferencehealth.probes.merge import Action
from inferencehealth.probes.ownership import ours, writers
from inferencehealth.probes.writes import JsonPatch, guards
from inferencehealth.workloads import OWNED_KINDS, Container, Workload

_LIST_ITEM = frozenset({".", "f:name"})
"""What an apply owns of a container merely by naming it."""


def put_back(
    workload: Workload,
    container: Container,
    before: Mapping[str, Mapping[str, Any] | None],
    *,
    gate: bool = False,
) -> JsonPatch | None:
    """The write that gives the probes named in `before` back as they were; None: they are.

    A kind with None had no probe. With `gate`, our readiness gate goes out in the same write.
    """
    at, operations = guards(workload, container)
    changes = [
        _operation(f"{at}/{kind}", container.probe(kind), then)
        for kind, then in before.items()
        if not same_probe(container.probe(kind), then)
    ]
    if gate:
        changes += gate_operations(workload, Action.REMOVE)
    return JsonPatch([*operations, *changes]) if changes else None


def originals(
    workload: Workload,
    container: Container,
    known: Mapping[str, Mapping[str, Any] | None],
    admitted: Collection[str] = (),
) -> dict[str, Mapping[str, Any] | None]:
    """What `put_back` takes to undo all our work; `known` are the author's probes on record.

    A probe that we added and of which somebody else has taken a part is theirs now: it stays.
    `admitted` are the kinds that came with admission, which nobody owns.
    """
    return {
        kind: known.get(kind)
        for kind in OWNED_KINDS
        if kind in admitted
        or (
            ours(workload, container, kind)
            and (known.get(kind) or _only_ours(workload, container, kind))
        )
    }


def released(
    workload: Workload, container: Container, kinds: Iterable[str] = OWNED_KINDS
) -> list[dict[str, Any]] | None:
    """The managedFields without our claim on these probes of the container; None: we have none."""
    listed = [dict(e) for e in workload.raw["metadata"].get("managedFields") or ()]
    gone = frozenset(f"f:{kind}" for kind in kinds)
    kept = [
        entry if entry.get("manager") != FIELD_MANAGER else _without(entry, container, gone)
        for entry in listed
    ]
    found = [entry for entry in kept if entry is not None]
    return None if found == listed else found


def _only_ours(workload: Workload, container: Container, kind: str) -> bool:
    return all(manager == FIELD_MANAGER for manager, _ in writers(workload, container, kind))


def _operation(
    path: str, now: Mapping[str, Any] | None, then: Mapping[str, Any] | None
) -> dict[str, Any]:
    if not then:
        return {"op": "remove", "path": path}
    return {"op": "replace" if now else "add", "path": path, "value": dict(then)}


def _without(
    entry: Mapping[str, Any], container: Container, gone: frozenset[str]
) -> dict[str, Any] | None:
    """The entry without those fields of the container; None when nothing is left of it."""
    fields = _pruned(entry.get("fieldsV1") or {}, container, gone)
    return {**entry, "fieldsV1": fields} if fields else None


def _pruned(fields: Any, container: Container, gone: frozenset[str]) -> dict[str, Any]:
    """The tree of owned fields without the container's probes, and without what is empty then."""
    kept: dict[str, Any] = {}
    for key, below in fields.items():
        if _names(key, container):
            inner = {name: owned for name, owned in below.items() if name not in gone}
            if not inner.keys() <= _LIST_ITEM:
                kept[key] = inner
        elif not below:
            kept[key] = below
        elif inner := _pruned(below, container, gone):
            kept[key] = inner
    return kept


def _names(key: str, container: Container) -> bool:
    if not key.startswith("k:"):
        return False
    found: Any = json.loads(key[2:])
    return isinstance(found, dict) and found.get("name") == container.name
