"""How long pods take to load: from the histories of two rounds to the startups in a report. Pure.

Only loads that were watched count: a pod found serving may have served for hours, and one that
answered for itself that it fails was not loading all the time.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from inferencehealth.api.report import MAX_RECENT_LOADS, MAX_STARTUPS, Startup
from inferencehealth.checks.history import History
from inferencehealth.checks.verdicts import SERVING, Verdict

NODE_TYPE: Final = "node.kubernetes.io/instance-type"
"""Label by which a cloud tells its kinds of nodes apart (Kubernetes, well-known labels)."""
QUICK_INTERVALS: Final = 2
"""A server that serves so few check intervals after its start has loaded in about that time,
whether or not a check saw it loading."""

_WAITING: Final = frozenset({Verdict.LOADING, Verdict.BROKEN})
"""Verdicts on a pod that loads: BROKEN once its budget is exceeded."""


def load_time(before: History, after: History, interval: float, now: float) -> float | None:
    """Seconds from the container's start to this round, if it is the first that showed it serve.

    None where that can't be told honestly. It is at most an interval too long, and never counted
    where the node's clock and ours disagree about the start.
    """
    same = before.uid == after.uid and before.started_at == after.started_at
    if (same and before.served) or not after.served or after.verdict not in SERVING | _WAITING:
        return None
    if after.successes == 0 or after.began is None or after.began != after.started_at:
        return None
    took = now - after.began
    seen = same and after.watched and before.settled and not before.fresh
    if took <= QUICK_INTERVALS * interval or (seen and before.verdict in _WAITING):
        return took
    return None


def with_load(
    startups: Sequence[Startup], image: str, node_type: str, seconds: float
) -> tuple[Startup, ...]:
    """The startups with one more load; those that loaded last come first, the oldest go."""
    known = next((s for s in startups if (s.image, s.node_type) == (image, node_type)), None)
    others = [s for s in startups if s is not known]
    recent = (*(known.recent if known else ()), math.ceil(seconds))[-MAX_RECENT_LOADS:]
    longest = max(recent)
    updated = Startup(
        image=image,
        node_type=node_type,
        count=(known.count if known else 0) + 1,
        p50=_rank(recent, 0.5),
        p90=_rank(recent, 0.9),
        max=max(longest, known.max) if known else longest,
        recent=recent,
    )
    return (updated, *others)[:MAX_STARTUPS]


def node_type(raw: Mapping[str, Any]) -> str | None:
    """What kind of node a Node object is; None where it does not say."""
    return (raw["metadata"].get("labels") or {}).get(NODE_TYPE)


def _rank(seconds: Sequence[int], share: float) -> int:
    """The smallest of the values that so great a share does not exceed (nearest rank)."""
    return sorted(seconds)[math.ceil(share * len(seconds)) - 1]
