"""What checkers write into reports becomes a key in the work queue.

Reports change more often than everything else together, so they do not go by Kopf, which copies
and compares whole objects (a thousandth of a second each), but by an informer that keeps of each
only what is news to us. What we write into a report ourselves is none.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from inferencehealth.controller.handlers import Key, StatusOf, WholeNamespace
from inferencehealth.controller.queue import WorkQueue
from inferencehealth.kube.requests import JsonObject
from inferencehealth.kube.store import Change

Loads = tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class News:
    """Of a report: whose it is, a fingerprint of what the checkers say, and observed loads."""

    policy: str
    health: int
    loads: Loads = ()


def project_news(raw: JsonObject) -> News:
    """What of a report, as the API server gives it, is news to the controller."""
    status = raw.get("status") or {}
    said = json.dumps(status.get("health"), sort_keys=True)
    return News(raw["spec"]["policy"], hash(said), observed_loads(status))


def observed_loads(status: Mapping[str, Any]) -> Loads:
    """What a report's status says of how long pods load, as far as a plan follows from it."""
    startups = (status.get("health") or {}).get("startups") or ()
    return tuple(
        (each.get("image", ""), each.get("nodeType", ""), each.get("p90", "")) for each in startups
    )


def on_news(queue: WorkQueue[Key], known: set[str]) -> Callable[[Change[News]], None]:
    """What to do about a change. `known` collects namespaces: a report may outlive its policy."""

    def changed(change: Change[News]) -> None:
        namespace, _ = change.key
        known.add(namespace)
        learned = change.old is not None and change.new and change.old.loads != change.new.loads
        if change.new is None or learned:  # a load that was learned is a reason to plan anew
            queue.add(WholeNamespace(namespace))
        else:
            queue.add(StatusOf(namespace, change.new.policy))

    return changed
