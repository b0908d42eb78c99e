"""Who wrote what: counted from the API server's audit log, which has a line for every request."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WRITING = frozenset({"create", "update", "patch", "delete"})
OURS = "inferencehealth/"
"""How our requests call themselves."""
NOT_COUNTED = frozenset({"leases", "events"})
"""A sign of life and a message are no writes to what somebody manages."""


@dataclass(frozen=True, slots=True)
class Written:
    """Requests that changed something, in one namespace."""

    by: str
    space: str
    resource: str


def position(log: Path) -> int:
    """Where the log ends now."""
    return log.stat().st_size


def since(log: Path, start: int) -> Counter[Written]:
    """What was written after that position."""
    with log.open("rb") as file:
        file.seek(start)
        whole = file.read().rpartition(b"\n")[0]
    return count(json.loads(line) for line in whole.splitlines())


def count(events: Iterable[dict[str, Any]]) -> Counter[Written]:
    """Requests that were carried out and changed something, by who sent them."""
    return Counter(_changes(events))


def to_deployments(counted: Counter[Written], by: str, space: str) -> int:
    """How often somebody whose name begins so wrote to the Deployments of a namespace."""
    return sum(
        number
        for each, number in counted.items()
        if each.by.startswith(by) and each.space == space and each.resource == "deployments"
    )


def to_anything(counted: Counter[Written], by: str, space: str) -> int:
    """The same for all objects of the namespace, statuses too."""
    return sum(n for each, n in counted.items() if each.by.startswith(by) and each.space == space)


def _changes(events: Iterable[dict[str, Any]]) -> Iterator[Written]:
    for event in events:
        about = event.get("objectRef", {})
        resource = about.get("resource", "")
        if (
            event["verb"] in WRITING
            and event.get("stage") == "ResponseComplete"
            and event.get("responseStatus", {}).get("code", 0) < 300
            and resource not in NOT_COUNTED
            and "dryRun=" not in event["requestURI"]
        ):
            yield Written(event.get("userAgent", ""), about.get("namespace", ""), resource)
