"""Which changes of verdict are worth an Event, and what it says. Pure, up to the emitting."""

from dataclasses import dataclass

from inferencehealth.checker.engine import Transition
from inferencehealth.checks.history import NOT_CHECKED
from inferencehealth.checks.verdicts import SERVING, Verdict
from inferencehealth.kube.events import EventType, ObjectRef
from inferencehealth.kube.requests import PODS, REPORTS


@dataclass(frozen=True, slots=True)
class Announcement:
    """An Event to be: about the pod, with its report as the related object."""

    regarding: ObjectRef
    related: ObjectRef
    type: EventType
    reason: str
    note: str


def announcement(transition: Transition) -> Announcement | None:
    """What to tell about a change of verdict; None for one that is no one's trouble.

    A pod that breaks is told, and that it serves again. A verdict that contradicts the kubelet's
    is said to: it is what nobody would look for.
    """
    before, after, pod = transition.before, transition.after, transition.pod
    if after.verdict is Verdict.BROKEN:
        contrast = "; the kubelet calls the pod ready" if pod.ready else ""
        return _about(transition, "Warning", after.reason, f"{_told(after.message)}{contrast}")
    if after.verdict in SERVING and before.verdict is Verdict.BROKEN:
        return _about(transition, "Normal", "Recovered", f"serves again, after: {before.reason}")
    if after.verdict is Verdict.UNKNOWN and before.reason != NOT_CHECKED:
        return _about(transition, "Warning", after.reason, _told(after.message))
    return None


def _told(message: str) -> str:
    return message or "no reason given"


def _about(transition: Transition, kind: EventType, reason: str, note: str) -> Announcement:
    pod, report = transition.pod, transition.report
    return Announcement(
        regarding=ObjectRef(PODS.api_version, PODS.kind, pod.namespace, pod.name, pod.uid),
        related=ObjectRef(
            REPORTS.api_version, REPORTS.kind, report.namespace, report.name, report.uid
        ),
        type=kind,
        reason=reason,
        note=note,
    )
