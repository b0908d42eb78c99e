"""From a report to pods × models: what is known of each model on each pod. Pure.

A report tells for each model on how many pods it serves, and for each pod which few models are not
Ready there. A cell is filled from both, and stays empty where neither says it.
"""

from collections.abc import Sequence
from typing import Final

from inferencehealth.api.report import MAX_NOT_READY, PodHealth
from inferencehealth.checks.verdicts import SERVING, Verdict
from inferencehealth.status.tree import ItemNode

NOT_TOLD: Final = ""
"""The report does not say it."""
_READY: Final = Verdict.READY.value
_SERVING: Final = frozenset(verdict.value for verdict in SERVING)


def cells(pod: PodHealth, items: Sequence[ItemNode], pods: int) -> list[str]:
    """The verdict on each item on this pod, one of `pods`; NOT_TOLD where it is not known."""
    named = {each.name: each.state for each in pod.not_ready}
    return [named.get(item.name) or _unnamed(pod, item, pods) for item in items]


def _unnamed(pod: PodHealth, item: ItemNode, pods: int) -> str:
    """The verdict on an item that the pod does not name as not Ready."""
    if item.ready == item.total == pods and item.state == _READY:
        return _READY
    if len(pod.not_ready) >= MAX_NOT_READY:
        # It names no more than that: this one may be among those left out.
        return item.state if not item.ready else NOT_TOLD
    # A pod that serves, or names others, was asked for all of them.
    return _READY if pod.verdict in _SERVING or pod.not_ready else NOT_TOLD
