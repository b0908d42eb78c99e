"""The pods that carry our readiness gate, gathered for the decision about them.

Most belong to a report, whose verdicts decide. A pod that no report judges (its policy is gone,
or not read yet) is a stray: nobody can say anything against it, so it is let in after a while.
"""

import time
from collections.abc import Callable
from typing import Final

from inferencehealth.api.gate import GateLimits
from inferencehealth.checker.gates import GatedPods
from inferencehealth.checker.gating import GatedPod
from inferencehealth.checker.reports import ReportRecord
from inferencehealth.checker.shards import Share
from inferencehealth.checker.work import Checked, Work
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.kube.pods import GateRecord, PodRecord
from inferencehealth.kube.store import Change, Key

STRAYS: Final[Key] = ("", "")
"""Stands for the report of all pods that have none; no object has such a name."""
STRAY_LIMITS: Final = GateLimits(floor=0)
"""A report may still be on its way: a stray waits as long as for a checker, by default."""


class Gated:
    """Tells, for a report, which pods with a gate it has, and how things stand with them.

    `work` and `report_of` are the engine's; `mine` says by UID whether a stray is ours to let in,
    so that of several checkers one does; `mark` is called with each report whose gates may have
    to change. To be told of each change after the engine was.
    """

    def __init__(
        self,
        *,
        work: Callable[[Key], Work | None],
        report_of: Callable[[Key], Key | None],
        mark: Callable[[Key], None],
        mine: Callable[[str], bool] = lambda _uid: True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._work = work
        self._report_of = report_of
        self._mark = mark
        self._mine = mine
        self._clock = clock
        self._pods: dict[Key, PodRecord] = {}
        self._stray_since: dict[str, float] = {}

    def on_pod(self, change: Change[PodRecord]) -> None:
        """A pod appeared, changed or went away."""
        pod, before = change.new, self._pods.get(change.key)
        if pod is None or pod.deleting or pod.gate is None:
            self._pods.pop(change.key, None)
            return
        self._pods[change.key] = pod
        if before is None or (before.gate, before.ready) != (pod.gate, pod.ready):
            self._mark(self._report_of(change.key) or STRAYS)

    def on_report(self, change: Change[ReportRecord]) -> None:
        """A report appeared, changed or went away: pods may have become strays, or stopped."""
        same = change.old and change.new and change.old.generation == change.new.generation
        if self._pods and not same:
            self._mark(STRAYS)

    def divide(self, _share: Share) -> None:
        """Checkers came or went: strays may be ours to let in now."""
        if self._pods:
            self._mark(STRAYS)

    def pods(self, report: Key) -> GatedPods | None:
        """The gated pods of a report, or the strays; None for a report that is not ours."""
        if report == STRAYS:
            return GatedPods(None, self._strays(), STRAY_LIMITS)
        work = self._work(report)
        if work is None:
            return None
        judged = (_judged(checked) for checked in work.pods.values())
        pods = tuple(pod for pod in judged if pod)
        return GatedPods(work.record, pods, work.compiled.spec.gate)

    def _strays(self) -> tuple[GatedPod, ...]:
        strays = [
            pod
            for key, pod in self._pods.items()
            if self._report_of(key) is None and self._mine(pod.uid)
        ]
        now, before = self._clock(), self._stray_since
        self._stray_since = {pod.uid: before.get(pod.uid, now) for pod in strays}
        return tuple(
            _stray(pod, pod.gate, self._stray_since[pod.uid]) for pod in strays if pod.gate
        )


def _judged(checked: Checked) -> GatedPod | None:
    """A pod with its verdict; None for one without a gate."""
    pod, history = checked.pod, checked.history
    if pod.gate is None:
        return None
    return GatedPod(
        namespace=pod.namespace,
        name=pod.name,
        uid=pod.uid,
        verdict=history.verdict,
        reason=history.reason,
        message=history.message,
        since=history.since,
        served=history.served,
        ready=pod.ready,
        gate=pod.gate,
    )


def _stray(pod: PodRecord, gate: GateRecord, since: float) -> GatedPod:
    return GatedPod(
        namespace=pod.namespace,
        name=pod.name,
        uid=pod.uid,
        verdict=Verdict.UNKNOWN,
        reason="NoReport",
        message="no policy is about this pod",
        since=since,
        served=False,
        ready=pod.ready,
        gate=gate,
    )
