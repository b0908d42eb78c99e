"""The changes as patches, for those who patch instead of replacing their manifests. Pure.

Both forms are what kustomize takes: strategic merge patches are one document per workload, also
good for `kubectl patch --patch-file`; JSON patches (RFC 6902) stand in a kustomization's
`patches`, because they do not say themselves what they are for.
"""

import json
from collections.abc import Iterable
from typing import Any

from inferencehealth.groups import LEADER_WORKER_SET
from inferencehealth.probes.merge import merge_patch
from inferencehealth.render.changes import Change
from inferencehealth.render.writing import as_yaml


def strategic_merge(changes: Iterable[Change]) -> str:
    """One strategic merge patch per workload, as YAML documents."""
    patches = [_strategic(change) for change in changes if change.probes and takes_merge(change)]
    return as_yaml(*patches) if patches else ""


def json_patches(changes: Iterable[Change]) -> str:
    """The `patches` of a kustomization, as YAML."""
    patches = [
        {"target": _target(change), "patch": json.dumps(operations(change), indent=2) + "\n"}
        for change in changes
        if change.probes
    ]
    return as_yaml({"patches": patches})


def takes_merge(change: Change) -> bool:
    """Whether the API server takes a strategic merge patch: not for custom resources."""
    return change.workload.kind != LEADER_WORKER_SET


def merged(change: Change) -> dict[str, Any]:
    """The part of a strategic merge patch that changes the container, below the object's root."""
    fields = {p.kind: merge_patch(p.wanted, p.existing) for p in change.probes}
    *_, field, _index = change.container_at
    container = {"name": change.plan.detection.container, **fields}
    return {"spec": {"template": {"spec": {field: [container]}}}}


def _strategic(change: Change) -> dict[str, Any]:
    meta = {"name": change.workload.name, "namespace": change.workload.namespace}
    return {
        "apiVersion": change.workload.api_version,
        "kind": change.workload.kind,
        "metadata": {key: value for key, value in meta.items() if value},
        **merged(change),
    }


def operations(change: Change) -> list[dict[str, Any]]:
    """A JSON patch of the workload that changes its container."""
    at = "/" + "/".join(str(step) for step in change.container_at[len(change.at) :])
    name = {"op": "test", "path": f"{at}/name", "value": change.plan.detection.container}
    return [
        name,
        *(
            {
                "op": "replace" if probe.existing else "add",
                "path": f"{at}/{probe.kind}",
                "value": probe.wanted,
            }
            for probe in change.probes
        ),
    ]


def _target(change: Change) -> dict[str, str]:
    group, _, version = change.workload.api_version.partition("/")
    target = {
        "group": group,
        "version": version,
        "kind": change.workload.kind,
        "name": change.workload.name,
        "namespace": change.workload.namespace,
    }
    return {key: value for key, value in target.items() if value}
