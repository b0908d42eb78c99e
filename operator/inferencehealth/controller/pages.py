"""The page of a policy at /health: whether it serves, in the words of the ASR server's own. Pure.

200 `{"status":"healthy"}` or 503 `{"status":"unhealthy","reason":"..."}`; the detailed page has
the components, too. No word that a server said is on it, but for the names of its models.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from inferencehealth.api.conditions import ConditionStatus
from inferencehealth.api.status import PolicyStatus
from inferencehealth.controller.states import WorkloadState

HEALTHY: Final = "healthy"
UNHEALTHY: Final = "unhealthy"
MAX_COMPONENTS: Final = 1000
"""Entries of one map of components, those in trouble first: some 60 KiB."""
NAMED: Final = 3
"""Workloads named in a reason."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer, made once and sent often: HTTP status, and body without and with detail."""

    code: int
    brief: bytes
    detailed: bytes


def page(status: PolicyStatus, workloads: Sequence[WorkloadState]) -> Page:
    """The page of a policy. It is healthy when its condition Ready is True, and only then."""
    ready = next((c for c in status.conditions if c.type == "Ready"), None)
    serves = ready is not None and ready.status is ConditionStatus.TRUE
    said: dict[str, Any] = {"status": HEALTHY if serves else UNHEALTHY}
    if not serves:
        said["reason"] = _reason(ready.reason if ready else "NotChecked", workloads)
    entries = sorted(_components(workloads).items(), key=lambda entry: entry[1] == HEALTHY)
    shown = dict(entries[:MAX_COMPONENTS])
    pods = {
        "serving": sum(w.serving for w in workloads),
        "total": sum(w.wanted for w in workloads),
    }
    detail = {"components": shown, "omitted": len(entries) - len(shown), "pods": pods}
    return Page(200 if serves else 503, _json(said), _json({**said, **detail}))


def refusal(code: int, reason: str) -> Page:
    """A page that says why there is no other: nobody may take it for healthy."""
    body = _json({"status": UNHEALTHY, "reason": reason})
    return Page(code, body, body)


def _reason(word: str, workloads: Iterable[WorkloadState]) -> str:
    """Which workloads do not serve; where none is at fault, the condition's own word."""
    short = [w for w in workloads if w.short]
    told = [
        f"{w.ref} serves on {w.serving} of {w.wanted} pods ({w.reason or w.verdict})"
        for w in short[:NAMED]
    ]
    more = [f"{len(short) - NAMED} more"] if len(short) > NAMED else []
    return "; ".join([*told, *more]) or word


def _components(workloads: Iterable[WorkloadState]) -> dict[str, str]:
    """Each workload, and each model and component of it; of one name the worst counts."""
    found: dict[str, str] = {}
    for each in workloads:
        found[each.ref] = UNHEALTHY if each.short else HEALTHY
        for part in (*each.models, *each.components):
            name = f"{each.ref}/{part.name}"
            serves = part.serving >= part.asked and found.get(name) != UNHEALTHY
            found[name] = HEALTHY if serves else UNHEALTHY
    return found


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
