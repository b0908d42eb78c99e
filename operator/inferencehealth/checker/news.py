"""Tells people what changed: a line in the log, and an Event where it matters."""

import asyncio
import logging

from inferencehealth.checker.announce import (
    Announcement,
    announcement,
    difference_announcement,
    gate_announcement,
    refusal_announcement,
)
from inferencehealth.checker.engine import Difference, Transition
from inferencehealth.checker.gating import GateChange
from inferencehealth.checker.reports import ReportRecord
from inferencehealth.kube.events import Recorder

logger = logging.getLogger(__name__)


class News:
    """Tells people of changed verdicts and gates."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._telling: set[asyncio.Task[None]] = set()

    def tell(self, transition: Transition) -> None:
        """A verdict changed."""
        after = transition.after
        logger.info(
            "pod %s/%s of policy %s: %s -> %s (%s) %s",
            transition.pod.namespace,
            transition.pod.name,
            transition.report.policy,
            transition.before.verdict,
            after.verdict,
            after.reason,
            after.message,
        )
        self._emit(announcement(transition))

    def tell_difference(self, difference: Difference) -> None:
        """The kubelet has long said something else about a pod."""
        event = difference_announcement(difference)
        pod = difference.pod
        logger.info("pod %s/%s: %s: %s", pod.namespace, pod.name, event.reason, event.note)
        self._emit(event)

    def tell_gate(self, report: ReportRecord | None, change: GateChange) -> None:
        """A readiness gate was set."""
        pod, gate = change.pod, change.gate
        logger.info(
            "readiness gate of pod %s/%s is %s (%s) %s",
            pod.namespace,
            pod.name,
            "open" if gate.open else "closed",
            gate.reason,
            gate.message,
        )
        self._emit(gate_announcement(report, change))

    def tell_refused(self, report: ReportRecord | None, why: str) -> None:
        """We may not set gates: pods that wait for one wait for ever. The log has it already."""
        if report is not None:
            self._emit(refusal_announcement(report, why))

    def _emit(self, event: Announcement | None) -> None:
        if event is None:
            return
        task = asyncio.create_task(
            self._recorder.emit(
                event.regarding,
                type=event.type,
                reason=event.reason,
                note=event.note,
                action="Check",
                related=event.related,
            )
        )
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def close(self) -> None:
        """Nothing more is told; what is underway is given up."""
        for task in self._telling:
            task.cancel()
