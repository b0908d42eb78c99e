"""What one round by itself says about a pod, before `verdict` weighs it against the rounds before.

Two rules stand over all others: what does not serve is never called ready, and trouble of our
own is never held against a pod.
"""

from dataclasses import dataclass
from typing import Final

from inferencehealth.api.durations import format_duration
from inferencehealth.checks.history import (
    INTERRUPTED,
    STOPPED_SERVING,
    History,
    PodFacts,
    Thresholds,
)
from inferencehealth.checks.steps import Reading, Sign
from inferencehealth.checks.verdicts import Verdict

SLOW_ANSWER: Final = "SlowAnswer"
NOT_CONNECTED: Final = "ConnectTimeout"
"""Reason of an UNKNOWN reading to which no connection came about in time."""
NO_ANSWER: Final = "NoAnswer"
"""Reason of a SILENT reading whose connection was accepted: hung, or too busy to answer."""
RESET: Final = "ConnectionReset"
"""Reason of a SILENT reading whose connection was accepted and closed: a proxy that demands mTLS
does that (Istio, PeerAuthentication STRICT)."""
CRASH_LOOP: Final = "CrashLoopBackOff"

_IMAGE_REASONS: Final = frozenset({"ErrImagePull", "ImagePullBackOff"})
"""The kubelet alternates between the two; told as two reasons they would be news for ever."""
_EXPLAINED: Final = frozenset({Verdict.LOADING, Verdict.ASLEEP})
"""Verdicts that explain why a server which served says that it is not ready: it loads or wakes."""
_NEVER_STARTS: Final = frozenset(
    {
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ImageInspectError",
        "InvalidImageName",
        "RunContainerError",
    }
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A verdict that a round proposes.

    `timed`: the message tells a duration, so that another message alone is no news. `answered`:
    the server itself said so.
    """

    verdict: Verdict
    reason: str
    message: str = ""
    timed: bool = False
    answered: bool = True

    @property
    def key(self) -> tuple[Verdict, str, str]:
        """What makes two candidates the same news."""
        return self.verdict, self.reason, "" if self.timed else self.message

    def is_news_to(self, history: History) -> bool:
        """Whether the history says something else."""
        return (
            self.verdict is not history.verdict
            or self.reason != history.reason
            or not (self.timed or self.message == history.message)
        )


def of_pod(pod: PodFacts) -> Candidate | None:
    """What Kubernetes already knows, so that nobody has to be asked; None: ask the server."""
    if pod.missing:
        message = (
            f'the pod has no container "{pod.missing}"; correct spec.target.container of the '
            "policy, or wait for the rollout that replaces this pod"
        )
        return Candidate(Verdict.UNKNOWN, "ContainerNotFound", message)
    if pod.waiting == CRASH_LOOP:
        ended = pod.last_termination or "an unknown reason"
        message = f"the container keeps crashing: last ended with {ended}, restarts {pod.restarts}"
        return Candidate(Verdict.BROKEN, CRASH_LOOP, message)
    if pod.waiting in _IMAGE_REASONS:
        message = "the container's image cannot be pulled; kubectl describe pod says why"
        return Candidate(Verdict.BROKEN, "ImagePullBackOff", message)
    if pod.waiting in _NEVER_STARTS:
        message = "the container cannot be started; kubectl describe pod says why"
        return Candidate(Verdict.BROKEN, pod.waiting, message)
    if pod.unschedulable and not pod.ip:
        return Candidate(Verdict.LOADING, "PodPending", f"not scheduled: {pod.unschedulable}")
    if not pod.ip or pod.phase == "Pending":
        return Candidate(Verdict.LOADING, "PodPending", "the pod is being started")
    return None


def of_silence(reading: Reading, history: History) -> Reading:
    """The reading, or that the server still hangs: it no more accepts what it never answers.

    Once the queue of a hung server is full, Linux drops attempts to connect, which then time out
    as they do where a NetworkPolicy forbids them. After silence the former is what happened.
    """
    told = {history.reason, history.seen[1] if history.seen else ""}
    if reading.reason != NOT_CONNECTED or not told & {SLOW_ANSWER, NO_ANSWER}:
        return reading
    return Reading(Sign.SILENT, NO_ANSWER, "the server takes no more connections")


def of_reading(
    reading: Reading, pod: PodFacts, history: History, thresholds: Thresholds, now: float
) -> Candidate:
    """What a round's reading says, given a history that already counts this round.

    Not for UNKNOWN readings, which say nothing about the pod.
    """
    match reading.sign:
        case Sign.SERVES:
            return _told(Verdict.READY, reading, "Serving")
        case Sign.DEGRADED:
            return _told(Verdict.DEGRADED, reading, "Degraded")
        case Sign.ASLEEP:
            return _told(Verdict.ASLEEP, reading, "Asleep")
        case Sign.BUSY:
            return _told(Verdict.BUSY, reading, "Busy")
        case Sign.LOADING:
            return _loading(reading, history, thresholds, now)
        case Sign.NOT_READY if stopped_serving(history):
            message = f"it served before; now {reading.message or 'it says that it is not ready'}"
            return _quiet(Verdict.BROKEN, STOPPED_SERVING, message)
        case Sign.NOT_READY:
            return _loading(reading, history, thresholds, now)
        case Sign.SILENT:
            return _silent(reading, pod, history, thresholds, now)
        case _:
            return _told(Verdict.BROKEN, reading, "Failing")


def loading_start(history: History, now: float) -> float:
    """When the current loading began: its container's start, or later if it served before."""
    if history.loading_since is not None:
        return history.loading_since
    return now if history.served or history.began is None else history.began


def stopped_serving(history: History) -> bool:
    """Whether a bare "not ready" is a failure: it served, and nothing told that it loads again."""
    return history.served and history.verdict not in _EXPLAINED


def interrupted(pause: float) -> Candidate:
    """What is left of a serving verdict when nobody looked for `pause` seconds."""
    message = f"not checked for {_rounded(pause)}: the checker was paused or late"
    return Candidate(Verdict.UNKNOWN, INTERRUPTED, message, timed=True)


def may_be_starting(history: History, thresholds: Thresholds, now: float) -> bool:
    """Whether silence is to be expected: in the startup budget, by a server that never served.

    One that answered already that it cannot serve is not starting any more.
    """
    early = not history.served and _within_budget(history, thresholds, now)
    return early and (history.fresh or history.verdict is not Verdict.BROKEN)


def _within_budget(history: History, thresholds: Thresholds, now: float) -> bool:
    return _age(history, now) <= thresholds.startup_budget


def _age(history: History, now: float) -> float:
    return 0.0 if history.began is None else max(0.0, now - history.began)


def _loading(reading: Reading, history: History, thresholds: Thresholds, now: float) -> Candidate:
    took = now - loading_start(history, now)
    if took <= thresholds.startup_budget:
        return _told(Verdict.LOADING, reading, "Loading")
    return Candidate(
        Verdict.BROKEN,
        "LoadingTooLong",
        f"still loading after {_rounded(took)}; "
        f"the startup budget is {format_duration(thresholds.startup_budget)}"
        + (f": {reading.message}" if reading.message else ""),
        timed=True,
    )


def _silent(
    reading: Reading, pod: PodFacts, history: History, thresholds: Thresholds, now: float
) -> Candidate:
    budget = format_duration(thresholds.startup_budget)
    if may_be_starting(history, thresholds, now):
        message = f"no answer yet; it may take {budget} from its container's start"
        return _quiet(Verdict.LOADING, "Starting", message + _restarted(pod))
    if not history.served and not _within_budget(history, thresholds, now):
        if reading.reason == RESET and pod.ready:
            message = (
                "it closes our connections without an answer, but the kubelet calls it ready; "
                "a service mesh that demands mTLS may keep the checker out"
            )
            return Candidate(Verdict.UNKNOWN, "KeptOut", message)
        message = (
            f"not seen to serve since its container started {_rounded(_age(history, now))} ago; "
            f"the startup budget is {budget}: {reading.message}"
        )
        return _quiet(
            Verdict.BROKEN, "StartupBudgetExceeded", message + _restarted(pod), timed=True
        )
    if reading.reason != NO_ANSWER:
        return _quiet(Verdict.BROKEN, reading.reason, reading.message)
    if history.failures < thresholds.failures and history.verdict is not Verdict.BROKEN:
        return _quiet(Verdict.BUSY, SLOW_ANSWER, "it accepts connections but is slow to answer")
    waited = _rounded(0.0 if history.failing_since is None else now - history.failing_since)
    message = (
        f"it accepts connections but has not answered for {waited} "
        f"({history.failures} checks in a row)"
    )
    return _quiet(Verdict.BROKEN, NO_ANSWER, message, timed=True)


def _told(verdict: Verdict, reading: Reading, default: str) -> Candidate:
    return Candidate(verdict, reading.reason or default, reading.message, timed=reading.timed)


def _quiet(verdict: Verdict, reason: str, message: str, *, timed: bool = False) -> Candidate:
    return Candidate(verdict, reason, message, timed=timed, answered=False)


def _restarted(pod: PodFacts) -> str:
    if not pod.restarts:
        return ""
    ended = f", last ended with {pod.last_termination}" if pod.last_termination else ""
    return f" (restarts {pod.restarts}{ended})"


def _rounded(seconds: float) -> str:
    return format_duration(float(round(max(seconds, 1.0))))
