"""Which changes of verdicts and gates are worth an Event, and what it says. Pure."""

from dataclasses import dataclass
from typing import Final

from inferencehealth.checker.engine import Difference, Transition
from inferencehealth.checker.gating import FAILED_OPEN, KEPT, GateChange, Step
from inferencehealth.checker.reports import ReportRecord
from inferencehealth.checks.history import NOT_CHECKED
from inferencehealth.checks.progress import NO_PROGRESS
from inferencehealth.checks.verdicts import SERVING, Verdict
from inferencehealth.kube.events import EventType, ObjectRef
from inferencehealth.kube.requests import PODS, REPORTS
from inferencehealth.profiles.canary import FAILED, TIMED_OUT
from inferencehealth.profiles.registry import profile_named

HIDDEN: Final = frozenset({FAILED, TIMED_OUT, NO_PROGRESS})
"""Reasons of what only a real request, or the counters of real requests, can show."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """An Event to be: about the pod, with its report as the related object."""

    regarding: ObjectRef
    related: ObjectRef | None
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
        note = f"{_told(after.message)}{contrast}{_mended_by(transition)}"
        return _about(transition, "Warning", after.reason, note)
    if after.verdict in SERVING and before.verdict is Verdict.BROKEN:
        return _about(transition, "Normal", "Recovered", f"serves again, after: {before.reason}")
    if after.verdict is Verdict.UNKNOWN and before.reason != NOT_CHECKED:
        return _about(transition, "Warning", after.reason, _told(after.message))
    return None


def _mended_by(transition: Transition) -> str:
    """What mends an engine that hangs or died behind green endpoints; empty where it is not that.

    Seen on Triton 2.51, vLLM 0.20.2 and Ollama 0.17.4 (docs/what-green-hides.md).
    """
    if transition.after.reason not in HIDDEN:
        return ""
    check = transition.report.check
    reload = profile_named(check.profile).reload if check else ""
    remedy = f"{reload} Or restart the pod" if reload else "Restart the pod"
    return f". No probe on the server's health endpoints sees this. {remedy}"


def difference_announcement(difference: Difference) -> Announcement:
    """What to tell about a pod of which the kubelet has long said something else."""
    said, pod = difference.verdict, difference.pod
    kubelet = "ready" if pod.ready else "not ready"
    note = f"the checks say {said.verdict} ({said.reason}), the kubelet says {kubelet}"
    return _about(difference, "Warning", difference.contradiction.value, note)


def _told(message: str) -> str:
    return message or "no reason given"


def gate_announcement(report: ReportRecord | None, change: GateChange) -> Announcement | None:
    """What to tell about a gate that was set; None for what is as everybody expects it."""
    pod, gate = change.pod, change.gate
    told: tuple[EventType, str] | None = None
    if gate.reason == FAILED_OPEN:
        told = "Warning", "GateFailedOpen"
    elif gate.reason == KEPT:
        told = "Warning", "KeptInTraffic"
    elif change.step is Step.CLOSE:
        told = "Warning", "TakenOutOfTraffic"
    elif change.step is Step.REOPEN:
        told = "Normal", "BackInTraffic"
    if told is None:
        return None
    note = gate.message if gate.open else f"{gate.reason}: {gate.message}"
    return Announcement(
        regarding=ObjectRef(PODS.api_version, PODS.kind, pod.namespace, pod.name, pod.uid),
        related=_reference(report) if report else None,
        type=told[0],
        reason=told[1],
        note=note,
    )


def refusal_announcement(report: ReportRecord, why: str) -> Announcement:
    """What to tell when we may not set gates: the pods that have one stay out of traffic."""
    return Announcement(
        regarding=_reference(report),
        related=None,
        type="Warning",
        reason="GateRefused",
        note=f"pods that wait for their readiness gate get no traffic: {why} (the checker needs "
        "the verb patch on pods/status)",
    )


def _about(news: Transition | Difference, kind: EventType, reason: str, note: str) -> Announcement:
    pod = news.pod
    return Announcement(
        regarding=ObjectRef(PODS.api_version, PODS.kind, pod.namespace, pod.name, pod.uid),
        related=_reference(news.report),
        type=kind,
        reason=reason,
        note=note,
    )


def _reference(report: ReportRecord) -> ObjectRef:
    return ObjectRef(REPORTS.api_version, REPORTS.kind, report.namespace, report.name, report.uid)
