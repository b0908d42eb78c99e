"""Objects from the API server as the tree needs them, with as little work as possible. Pure.

A fleet's reports are many, and most of what is in them is of no interest for the tree: it is left
out before anything is validated.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from inferencehealth.api.policy import Policy
from inferencehealth.api.report import Report
from inferencehealth.controller.reading import Unreadable, read_policies
from inferencehealth.status.tree import UNTROUBLED

_PROBES: Final = ("state", "container", "message")


def read_policy(raw: Mapping[str, Any]) -> Policy | Unreadable | None:
    """The policy, or why it can't be read; None for one that is being deleted."""
    good, bad = read_policies([raw])
    return good[0] if good else bad[0] if bad else None


def read_report(raw: Mapping[str, Any], *, everything: bool) -> Report | None:
    """The report without what the tree does not show; None for one that can't be read.

    Without `everything` the pods that serve are left out, too: they stand in the counts.
    """
    status = dict(raw.get("status") or {})
    probes = status.get("probes") or {}
    status["probes"] = {key: probes[key] for key in _PROBES if key in probes}
    if health := status.get("health"):
        pods = health.get("pods") or ()
        listed = pods if everything else [p for p in pods if p.get("verdict") not in UNTROUBLED]
        status["health"] = {**health, "pods": listed, "startups": ()}
    try:
        return Report.model_validate({**raw, "status": status})
    except ValidationError:
        return None
