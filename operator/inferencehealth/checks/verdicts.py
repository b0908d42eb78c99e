"""The words for a pod's health and their order from best to worst."""

from collections.abc import Mapping
from enum import StrEnum


class Verdict(StrEnum):
    """What the operator says about a pod."""

    READY = "Ready"
    DEGRADED = "Degraded"
    BUSY = "Busy"
    LOADING = "Loading"
    ASLEEP = "Asleep"
    BROKEN = "Broken"
    UNKNOWN = "Unknown"


SERVING = frozenset({Verdict.READY, Verdict.DEGRADED})
"""Verdicts on which a pod counts as healthy."""

SEVERITY = (
    Verdict.READY,
    Verdict.DEGRADED,
    Verdict.ASLEEP,
    Verdict.BUSY,
    Verdict.LOADING,
    Verdict.UNKNOWN,
    Verdict.BROKEN,
)
"""From best to worst: the worst verdict of a workload is the last of these that one pod has."""

RANK: Mapping[str, int] = {verdict.value: rank for rank, verdict in enumerate(SEVERITY)}
"""Verdicts, or their words as they stand in an object, by badness."""
