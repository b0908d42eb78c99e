"""What is remembered of one pod between two rounds: the values that `verdict.judge` works on."""

from dataclasses import dataclass, replace
from typing import Final

from inferencehealth.checks.steps import Item
from inferencehealth.checks.verdicts import SERVING, Verdict

RESUMED_PATIENCE: Final = 5
"""Rounds after which a verdict taken over from a report is shown anew even if nothing confirmed
it: more than any sensible threshold, so that a restart of the checker changes nothing by itself."""

NOT_CHECKED: Final = "NotChecked"
"""Reason of the verdict that every history begins with."""

AFTER_SERVING: Final = frozenset({"ConnectionRefused", "ConnectionReset", "NoAnswer"})
"""Reasons that a silent server gets only when it answered before; until then it is starting."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How often something has to be seen, and how many seconds a pod may take to load."""

    failures: int
    successes: int
    startup_budget: float


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What Kubernetes knows about the pod and the server's container.

    `started_at` is in epoch seconds, None while the container does not run. `waiting` and
    `last_termination` are the kubelet's reasons, empty when there is none. `ready` is what the
    kubelet says of the container.
    """

    uid: str
    ip: str = ""
    phase: str = "Running"
    started_at: float | None = None
    waiting: str = ""
    last_termination: str = ""
    restarts: int = 0
    unschedulable: str = ""
    ready: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """The verdict on a pod, and the streaks by which it may change.

    `since` is when the verdict began (epoch seconds). `fresh`: nothing was accepted about this
    start of the container yet, so there is nothing to lose by believing the first answer.
    `served`: it served since this start, as far as we saw. `seen` is what the last round said
    (verdict, reason, message); `alike` and `repeats` count the rounds in a row with that
    verdict, and with all of it.
    """

    uid: str
    verdict: Verdict
    reason: str
    message: str
    since: float
    started_at: float | None = None
    models: tuple[Item, ...] = ()
    components: tuple[Item, ...] = ()
    fresh: bool = True
    served: bool = False
    loading_since: float | None = None
    failing_since: float | None = None
    failures: int = 0
    successes: int = 0
    unknowns: int = 0
    seen: tuple[Verdict, str, str] | None = None
    alike: int = 0
    repeats: int = 0
    patience: int = 1
    """Rounds until the verdict may be shown although no round confirmed it; 0: it may."""

    @property
    def settled(self) -> bool:
        """Whether the verdict is ours to show, and not only taken over."""
        return self.patience == 0


def begin(pod: PodFacts, now: float) -> History:
    """The history of a pod that nobody has judged."""
    return History(
        uid=pod.uid,
        verdict=Verdict.UNKNOWN,
        reason=NOT_CHECKED,
        message="not checked yet",
        since=now,
        started_at=pod.started_at,
    )


def resume(pod: PodFacts, verdict: Verdict, reason: str, message: str, since: float) -> History:
    """The history of a pod whose last verdict is all that is left, after a restart of ours.

    A container that started after the verdict began is a new start: the verdict stands until the
    first answer, which decides.
    """
    started = pod.started_at if pod.started_at is not None else since
    return History(
        uid=pod.uid,
        verdict=verdict,
        reason=reason,
        message=message,
        since=since,
        started_at=pod.started_at,
        fresh=started > since,
        served=started <= since
        and (verdict in SERVING | {Verdict.BUSY, Verdict.ASLEEP} or reason in AFTER_SERVING),
        loading_since=max(since, started) if verdict is Verdict.LOADING else None,
        patience=RESUMED_PATIENCE,
    )


def reopen(history: History) -> History:
    """The history after the question changed: what is believed stands until the first answer.

    That answer decides at once. A verdict on the old question must not count as one on the new.
    """
    return replace(
        history,
        fresh=True,
        models=(),
        components=(),
        failing_since=None,
        failures=0,
        successes=0,
        unknowns=0,
        seen=None,
        alike=0,
        repeats=0,
        patience=RESUMED_PATIENCE,
    )
