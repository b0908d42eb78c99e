"""What is remembered of one pod between two rounds: the values that `verdict.judge` works on."""

import math
from dataclasses import dataclass, replace
from typing import Final

from inferencehealth.checks.steps import Item
from inferencehealth.checks.verdicts import SERVING, Verdict

RESUMED_PATIENCE: Final = 5
"""Rounds after which a verdict taken over from a report is shown anew even if nothing confirmed
it: more than any sensible threshold, so that a restart of the checker changes nothing by itself."""

NOT_CHECKED: Final = "NotChecked"
"""Reason of the verdict that every history begins with."""

STOPPED_SERVING: Final = "StoppedServing"
"""Reason of a server that served and now says, without more, that it is not ready."""

INTERRUPTED: Final = "CheckerInterrupted"
"""Reason of a verdict that we lost because we did not look for a while."""

SUSPECT: Final = "CheckerSuspect"
"""Reason of a verdict that is withheld because we doubt our own network."""

AFTER_SERVING: Final = frozenset(
    {
        "ConnectionRefused",
        "ConnectionReset",
        "NoAnswer",
        STOPPED_SERVING,
        INTERRUPTED,
        SUSPECT,
    }
)
"""Reasons that only a server gets that served before; until then it is starting."""

SEEN_LATE: Final = 10.0
"""Seconds by which we may learn of a container's start: the kubelet tells it within its own sync
period. A start that we saw happen and that lies further back was dated by another clock."""

KILLED: Final = frozenset({137, 143})
"""Exit codes of a process that SIGKILL or SIGTERM ended, as the kubelet ends one."""

GAP_INTERVALS: Final = 3
MIN_GAP: Final = 5.0
"""A pause between two rounds is a gap when it is longer than three intervals, and than the five
seconds that a busy machine may hiccup."""


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
    `last_termination` are the kubelet's reasons, empty when there is none; `last_exit` is the
    exit code of its process before. `ready` is what the kubelet says of the container.
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
    last_exit: int | None = None
    missing: str = ""
    """Name of the server's container where the pod has none of that name."""


@dataclass(frozen=True, slots=True)
class History:
    """The verdict on a pod, and the streaks by which it may change.

    `since` is when the verdict began (epoch seconds). `started_at` is the container's start by its
    node's clock, by which one start is told from another; `began` is the same by our clock, from
    which times are counted. `fresh`: nothing was accepted about this
    start of the container yet, so there is nothing to lose by believing the first answer.
    `served`: it served since this start, as far as we saw. `unserved` counts the rounds since it
    last did. `watched`: all that was seen since this start is loading, so that the first answer of
    a server that serves tells how long that took. `lost_loads` counts the starts in a row that a
    signal ended before the server served. `seen` is what the last round said
    (verdict, reason, message); `alike` and `repeats` count the rounds in a row with that
    verdict, and with all of it.
    """

    uid: str
    verdict: Verdict
    reason: str
    message: str
    since: float
    started_at: float | None = None
    began: float | None = None
    models: tuple[Item, ...] = ()
    components: tuple[Item, ...] = ()
    fresh: bool = True
    served: bool = False
    loading_since: float | None = None
    failing_since: float | None = None
    failures: int = 0
    successes: int = 0
    unknowns: int = 0
    unserved: int = 0
    watched: bool = True
    lost_loads: int = 0
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
        began=None if pod.started_at is None else min(pod.started_at, now),
    )


def resume(
    pod: PodFacts,
    verdict: Verdict,
    reason: str,
    message: str,
    since: float,
    *,
    now: float = math.inf,
) -> History:
    """The history of a pod whose last verdict is all that is left, after a restart of ours.

    A container that started after the verdict began is a new start: the verdict stands until the
    first answer, which decides. `now`: a start that lies after it is taken for now.
    """
    started = pod.started_at if pod.started_at is not None else since
    return History(
        uid=pod.uid,
        verdict=verdict,
        reason=reason,
        message=message,
        since=since,
        started_at=pod.started_at,
        began=None if pod.started_at is None else min(pod.started_at, now),
        fresh=started > since,
        served=started <= since
        and (verdict in SERVING | {Verdict.BUSY, Verdict.ASLEEP} or reason in AFTER_SERVING),
        loading_since=max(since, started) if verdict is Verdict.LOADING else None,
        watched=verdict is Verdict.LOADING or started > since,
        patience=RESUMED_PATIENCE,
    )


def reopen(history: History) -> History:
    """The history after the question changed: what is believed stands until the first answer.

    That answer decides at once. A verdict on the old question must not count as one on the new.
    """
    forgotten = forget_streaks(history)
    return replace(
        forgotten, fresh=True, models=(), components=(), unserved=0, patience=RESUMED_PATIENCE
    )


def start_over(pod: PodFacts, history: History, now: float) -> History:
    """The history once the container was started anew, while we watched."""
    started = now if pod.started_at is None else pod.started_at
    lost = history.began is not None and not history.served and was_killed(pod)
    return replace(
        forget_streaks(history),
        started_at=pod.started_at,
        began=min(max(started, now - SEEN_LATE), now),
        fresh=True,
        served=False,
        watched=True,
        lost_loads=history.lost_loads + 1 if lost else 0,
        loading_since=None,
    )


def was_killed(pod: PodFacts) -> bool:
    """Whether a signal ended the container's process before; not that of a kernel out of memory."""
    return pod.last_exit in KILLED and pod.last_termination != "OOMKilled"


def forget_streaks(history: History) -> History:
    """The history without what was counted towards a change; what is believed stands."""
    return replace(
        history,
        failing_since=None,
        failures=0,
        successes=0,
        unknowns=0,
        seen=None,
        alike=0,
        repeats=0,
    )


def is_gap(pause: float, interval: float) -> bool:
    """Whether nobody looked for so long that what was counted before does not count on.

    `pause` is the time from the end of one round to the start of the next, so a server that lets
    us wait makes no gap.
    """
    return pause > max(GAP_INTERVALS * interval, MIN_GAP)


def moved(history: History, by: float) -> History:
    """The history after our clock was set by so many seconds: all that lasts goes on lasting.

    What is shown (`since`) stays as it was told.
    """

    def move(time: float | None) -> float | None:
        return None if time is None else time + by

    return replace(
        history,
        began=move(history.began),
        loading_since=move(history.loading_since),
        failing_since=move(history.failing_since),
    )
