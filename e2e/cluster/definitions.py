"""Kinds of ours, or of others, given to a cluster as files define them."""

import json
import time
from pathlib import Path
from typing import Any

from e2e.cluster.health import POLL
from e2e.cluster.kubectl import kubectl
from e2e.cluster.model import Cluster, ClusterError

WITHIN = 120.0
"""Seconds for the API server to serve new kinds, on a machine busy with other things."""


def define(cluster: Cluster, *files: Path) -> None:
    """Apply definitions, from files or folders of them, and return when their kinds are served.

    `kubectl wait` fails where it comes before a first condition, and some projects' files come with
    a status that has none. Raises ClusterError.
    """
    named = [f"--filename={path}" for path in files]
    kubectl(cluster, "apply", "--server-side", "--force-conflicts", *named)
    deadline = time.monotonic() + WITHIN
    while not _are_served(json.loads(kubectl(cluster, "get", "--output=json", *named))):
        if time.monotonic() > deadline:
            raise ClusterError(f"not all of {', '.join(map(str, files))} is served")
        time.sleep(POLL)


def _are_served(found: dict[str, Any]) -> bool:
    return all(_is_established(each) for each in found.get("items", [found]))


def _is_established(definition: dict[str, Any]) -> bool:
    told = (definition.get("status") or {}).get("conditions") or []
    return any(each["type"] == "Established" and each["status"] == "True" for each in told)
