"""Kinds of others given to a cluster, as the files of their projects define them."""

import json
from collections.abc import Iterable
from pathlib import Path

from e2e.cluster.model import Cluster
from e2e.story.stage import Stage, kubectl

WITHIN = 120.0
"""Seconds for the API server to serve new kinds."""


def define(cluster: Cluster, files: Iterable[Path]) -> None:
    """Apply definitions, and return when their kinds are served.

    Some come with a status without conditions, which `kubectl wait` takes for an error.
    """
    named = [f"--filename={path}" for path in files]
    kubectl(cluster, "apply", "--server-side", *named)
    Stage(cluster, "default").eventually(
        "new kinds are served",
        lambda: kubectl(cluster, "get", "--output=json", *named),
        _is_served,
        within=WITHIN,
        show=lambda _: "not all are Established",
    )


def _is_served(text: str) -> bool:
    found = json.loads(text)
    return all(_is_established(each) for each in found.get("items", [found]))


def _is_established(definition: dict[str, dict[str, list[dict[str, str]]]]) -> bool:
    told = (definition.get("status") or {}).get("conditions") or []
    return any(each["type"] == "Established" and each["status"] == "True" for each in told)
