"""Who wrote a probe: read from the workload's managedFields, which the API server keeps."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from inferencehealth.api.names import FIELD_MANAGER
from inferencehealth.workloads import Container, Workload

APPLY, UPDATE = "Apply", "Update"


def ours(workload: Workload, container: Container, kind: str) -> bool:
    """Whether we wrote that probe of the container, by server-side apply or by patch."""
    return any(manager == FIELD_MANAGER for manager, _ in writers(workload, container, kind))


def patched_by_us(workload: Workload, container: Container, kind: str) -> bool:
    """Whether we own some of the probe by a patch.

    The API server takes (inferencehealth, Update) and (inferencehealth, Apply) for two managers:
    an apply that changes such a field would conflict with ourselves.
    """
    return (FIELD_MANAGER, UPDATE) in writers(workload, container, kind)


def writers(workload: Workload, container: Container, kind: str) -> tuple[tuple[str, str], ...]:
    """Manager and operation of everyone who owns something of that probe, in stored order."""
    return tuple(
        (str(entry.get("manager", "")), str(entry.get("operation", "")))
        for entry in _entries(workload)
        if f"f:{kind}" in _owned_fields(entry, container)
    )


def claims(
    workload: Workload, container: str, kinds: Iterable[str]
) -> tuple[Mapping[str, Any], ...]:
    """The managedFields entries of everyone who owns something of those probes."""
    named = next((c for c in workload.containers if c.name == container), None)
    if named is None:
        return ()
    wanted = {f"f:{kind}" for kind in kinds}
    return tuple(e for e in _entries(workload) if wanted & _owned_fields(e, named).keys())


def managers_of_gates(workload: Workload) -> tuple[str, ...]:
    """Who owns the list of readiness gates in the pod template; it has owners only as a whole."""
    return tuple(
        str(entry.get("manager", ""))
        for entry in _entries(workload)
        if "f:readinessGates" in _pod_fields(entry)
    )


def containers_field(container: Container) -> str:
    """Where the container stands in the pod's spec."""
    return "initContainers" if container.sidecar else "containers"


def _entries(workload: Workload) -> Iterator[Mapping[str, Any]]:
    for entry in workload.raw.get("metadata", {}).get("managedFields") or ():
        if not entry.get("subresource"):
            yield entry


def _owned_fields(entry: Mapping[str, Any], container: Container) -> Mapping[str, Any]:
    """The fields of the container that the entry owns, as FieldsV1 spells them."""
    listed = _pod_fields(entry).get(f"f:{containers_field(container)}") or {}
    for key, owned in listed.items():
        if key.startswith("k:") and json.loads(key[2:]).get("name") == container.name:
            return owned or {}
    return {}


def _pod_fields(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of the pod template's spec that the entry owns, as FieldsV1 spells them."""
    fields: Any = entry.get("fieldsV1") or {}
    for step in ("f:spec", "f:template", "f:spec"):
        fields = fields.get(step) or {}
    found: Mapping[str, Any] = fields
    return found
