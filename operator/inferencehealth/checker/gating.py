"""From the verdicts on a workload's pods to their readiness gates. Pure.

A gate may only ever take a pod out of traffic for a reason that we can name, and never the last
ones of a workload: where we do not know, it stays as it is, and opens when that lasts.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from inferencehealth.api.gate import GateLimits, PodCount
from inferencehealth.checks.verdicts import RANK, SERVING, Verdict
from inferencehealth.kube.gates import Gate
from inferencehealth.kube.pods import GateRecord

CLOSING: Final = frozenset({Verdict.LOADING, Verdict.ASLEEP, Verdict.BROKEN})
"""Verdicts that say that a request would fail. Busy is not among them: taking a busy pod out of
traffic moves its load to the others, until none is left."""

SERVING_REASON: Final = "Serving"
SERVING_MESSAGE: Final = "the operator's own checks say that it serves"
KEPT: Final = "KeptByFloor"
FAILED_OPEN: Final = "FailedOpen"
NOT_ASKED: Final = "NotAsked"


class Step(StrEnum):
    """What a change of a gate is to those who read about it, most urgent first."""

    ADMIT = "Admit"
    """A pod that was never in traffic gets it."""
    REOPEN = "Reopen"
    CLOSE = "Close"
    EXPLAIN = "Explain"
    """In or out of traffic as before, but people should read another reason."""


URGENCY: Final = {step: number for number, step in enumerate(Step)}


@dataclass(frozen=True, slots=True, eq=False)
class GatedPod:
    """One pod with our gate: its verdict since when, what the kubelet says, how the gate stands.

    One is only the same as itself: it is looked up often, and its fields are many. `served`: it
    served since its container started; `ready`: its Ready condition.
    """

    namespace: str
    name: str
    uid: str
    verdict: Verdict
    reason: str
    message: str
    since: float
    served: bool
    ready: bool
    gate: GateRecord

    @property
    def in_traffic(self) -> bool:
        """Whether Services send to it; a pod that is still ready behind a closed gate leaves."""
        return self.ready and self.gate.status == "True"


@dataclass(frozen=True, slots=True)
class GateChange:
    """A gate that has to be set."""

    pod: GatedPod
    step: Step
    gate: Gate


@dataclass(frozen=True, slots=True)
class _Wanted:
    """How a gate should stand, and why."""

    open: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What has to be set now, and when time alone may change that (epoch seconds)."""

    changes: tuple[GateChange, ...] = ()
    again_at: float | None = None


def decide(pods: Iterable[GatedPod], limits: GateLimits | None, now: float) -> Decision:
    """The gates of a workload's pods that must change; all of them open where none is asked for.

    `limits` None: the policy asks for no gate, but the pods were made with one.
    """
    gated = tuple(pods)
    if limits is None:
        told = "no policy asks for this gate any more; the kubelet's probes decide alone"
        all_open = dict.fromkeys(gated, _Wanted(open=True, reason=NOT_ASKED, message=told))
        return Decision(_changes(gated, all_open, now))
    leaning = {pod: _lean(pod, limits, now) for pod in gated}
    kept = _kept_by_floor(gated, leaning, limits)
    wanted = leaning | {pod: _kept(pod, limits) for pod in kept}
    waits = [
        due
        for pod in gated
        if not wanted[pod].open and pod.verdict not in CLOSING and (due := _opens_at(pod, limits))
    ]
    return Decision(_changes(gated, wanted, now), min(waits, default=None))


def gate_in_words(gate: GateRecord | None) -> Literal["", "Unset", "Open", "Closed", "KeptByFloor"]:
    """How a pod's gate stands, as its report tells it."""
    if gate is None:
        return ""
    if not gate.status:
        return "Unset"
    if gate.status != "True":
        return "Closed"
    return "KeptByFloor" if gate.reason == KEPT else "Open"


def floor_of(count: PodCount, pods: int) -> int:
    """How many of so many pods the floor keeps in traffic; a share is rounded up."""
    if isinstance(count, str):
        return math.ceil(pods * int(count.removesuffix("%")) / 100)
    return min(count, pods)


def _lean(pod: GatedPod, limits: GateLimits, now: float) -> _Wanted:
    """How the gate should stand by the pod's own verdict."""
    held = _Wanted(open=False, reason=pod.reason or pod.verdict.value, message=pod.message)
    if pod.verdict in SERVING:
        return _Wanted(open=True, reason=SERVING_REASON, message=SERVING_MESSAGE)
    if pod.verdict in CLOSING:
        return held
    if pod.gate.status == "True":
        return _Wanted(open=True, reason=pod.gate.reason, message="")
    due = _opens_at(pod, limits)
    if due is None or now < due:
        return held
    told = f"{pod.verdict} for {limits.fail_open_after:.0f} s: {pod.message}"
    return _Wanted(open=True, reason=FAILED_OPEN, message=told)


def _opens_at(pod: GatedPod, limits: GateLimits) -> float | None:
    """When a pod that we cannot judge is let in; None while the kubelet's own probes fail."""
    ready_at = pod.gate.containers_ready_at
    return None if ready_at is None else max(ready_at, pod.since) + limits.fail_open_after


def _kept_by_floor(
    pods: Sequence[GatedPod], leaning: Mapping[GatedPod, _Wanted], limits: GateLimits
) -> Sequence[GatedPod]:
    """Pods that would be closed but may not be, so that enough stay in traffic.

    Only pods that are in traffic now count as staying: one whose gate is just being opened may
    still fail the kubelet's probe. A closed pod is taken back only when open ones are lacking, and
    one that never served is not let in to make up the number.
    """
    staying = [pod.in_traffic for pod in pods if leaning[pod].open]
    short = max(0, floor_of(limits.floor, len(pods)) - sum(staying))
    leaving = sorted((pod for pod in pods if not leaning[pod].open), key=_hopelessness)
    kept = [pod for pod in leaving if pod.gate.status == "True"][:short]
    lacking = max(0, short - len(kept) - staying.count(False))
    back = [pod for pod in leaving if pod.gate.status != "True" and pod.served][:lacking]
    return [*kept, *back]


def _hopelessness(pod: GatedPod) -> tuple[bool, bool, int, float, str]:
    """By what is kept first: what is in traffic, then the least bad, then the longest open."""
    since = pod.gate.since
    unready = pod.gate.containers_ready_at is None
    return (
        not pod.in_traffic,
        unready,
        RANK[pod.verdict],
        math.inf if since is None else since,
        pod.name,
    )


def _kept(pod: GatedPod, limits: GateLimits) -> _Wanted:
    told = f"kept in traffic by the floor of {limits.floor} although {pod.verdict}: {pod.message}"
    return _Wanted(open=True, reason=KEPT, message=told)


def _changes(
    pods: Sequence[GatedPod], wanted: Mapping[GatedPod, _Wanted], now: float
) -> tuple[GateChange, ...]:
    """The differences between how the gates stand and how they should, most urgent first."""
    steps = {pod: step for pod in pods if (step := _step(pod, wanted[pod])) is not None}
    urgent = sorted(steps, key=lambda pod: URGENCY[steps[pod]])
    return tuple(_change(pod, steps[pod], wanted[pod], now) for pod in urgent)


def _step(pod: GatedPod, wanted: _Wanted) -> Step | None:
    """What has to be done; None where it stands as it should."""
    status = pod.gate.status
    if wanted.open and status != "True":
        return Step.REOPEN if status and pod.served else Step.ADMIT
    if not wanted.open and status == "True":
        return Step.CLOSE
    if not status:
        # A pod whose verdict is still to come needs no word of ours.
        return Step.EXPLAIN if pod.verdict in CLOSING else None
    # Whether the floor keeps it is worth telling; other reasons change too often.
    kept = wanted.reason == KEPT, pod.gate.reason == KEPT
    return Step.EXPLAIN if wanted.open and kept[0] != kept[1] else None


def _change(pod: GatedPod, step: Step, wanted: _Wanted, now: float) -> GateChange:
    same = step is Step.EXPLAIN and pod.gate.since is not None
    since = float(pod.gate.since or 0) if same else now
    return GateChange(pod, step, Gate(wanted.open, wanted.reason, wanted.message, since))
