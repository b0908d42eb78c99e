"""When a canary is sent, and what its answers come to: between two canaries of one model. Pure.

A canary asks for real work, so it is sent seldom, and only to a server that says it serves. What
it found stays in force until another canary finds otherwise, because nothing else can tell.
Times are seconds of a clock that never goes back.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

from inferencehealth.api.report import CheckSpec
from inferencehealth.checker.traffic import Told
from inferencehealth.checks.deadlines import phase
from inferencehealth.checks.progress import PROGRESSING, Sample
from inferencehealth.checks.steps import Reading, Sign
from inferencehealth.profiles.auto_canary import LEFT_OUT, NotNow
from inferencehealth.profiles.canary import DENIED_REASON

JITTER: Final = 0.2
"""Share of the interval over which the canaries of different pods are spread."""
MAX_SOONER: Final = 3
"""Check intervals after which a canary is sent again at the latest when one went wrong."""
MAX_FIRST: Final = 60.0
"""Seconds within which a pod gets its first canary, however long the interval."""
SILENCES: Final = 2
"""Canaries in a row without an answer that are a failure: a single one may just have waited."""
MAX_WAITS: Final = 20
"""Canaries in a row that may wait for an engine that says it works: some ten minutes, more than one
long answer on a CPU takes."""
MAX_LATER: Final = 600.0
"""Seconds that a server may put off the next canary by Retry-After."""
LEFT_OUT_FOR: Final = 10
"""Intervals after which a model that gets no canary is tried anew: what was wrong may be gone."""


@dataclass(frozen=True, slots=True)
class CanaryState:
    """What is known of the canaries of one model on one pod, and when the next one is due.

    `verdict` is what the last ones say against the pod; None: nothing. `unasked` says why none
    could be sent, which is no fault of the pod's. `silences` counts canaries in a row without an
    answer, `waits` those of them that an engine at work explained; `sample` is the last look at
    the server's counters, and `own` by how much canaries of ours may have moved them since.
    `turn_at` is when it last had its turn, sent or not, `sent_at` when one was last sent. `way` is
    the kind of request that the server took. `used` is a word of the server's that any request
    changes, as it was after our last one, and `unused` counts ours in a row since others'.
    """

    due: float
    verdict: Reading | None = None
    unasked: Reading | None = None
    silences: int = 0
    sample: Sample | None = None
    turn_at: float = -math.inf
    waits: int = 0
    own: float = 0.0
    sent_at: float = -math.inf
    way: int = 0
    used: str = ""
    unused: int = 0

    @property
    def suspicious(self) -> bool:
        """Whether another canary has to confirm or to contradict the last one."""
        return self.verdict is not None or self.silences > 0


def first(interval: float, uid: str, now: float) -> CanaryState:
    """The state of a pod that was never asked: pods that start together are not asked together."""
    return CanaryState(due=now + phase(f"{uid}/canary") * min(interval, MAX_FIRST))


def taken_over(reading: Reading, now: float) -> CanaryState:
    """The state of a pod that was Broken by its canary before this process began."""
    return CanaryState(due=now, verdict=reading)


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of one model: seconds between two of them, the pod's UID, and when it ended."""

    interval: float
    uid: str
    now: float

    @property
    def next(self) -> float:
        """When the next one is, at the pod's own interval: no two pods keep step for long."""
        return self.now + self.interval * (1 + JITTER * phase(f"{self.uid}/jitter"))


@dataclass(frozen=True, slots=True)
class Heard:
    """What a canary came to.

    `evidence` is what the counters, or the engine, say of a server that gave no answer; `sample`
    the last look at them, and `own` by how much the canary may move them after it. `later` are the
    seconds for which the server wants no other one.
    """

    reading: Reading
    evidence: Reading | None = None
    sample: Sample | None = None
    own: float = 0.0
    later: float = 0.0


def skipped(state: CanaryState, turn: Turn, told: Told, sample: Sample | None) -> CanaryState:
    """The state after the counters told something in the canary's place."""
    return replace(
        state,
        due=turn.next if told.again >= turn.interval else turn.now + told.again,
        verdict=told.verdict,
        unasked=None,
        silences=0,
        sample=sample,
        own=0.0,
        turn_at=turn.now,
    )


def not_asked(state: CanaryState, turn: Turn, why: Reading) -> CanaryState:
    """The state after a canary that could not be sent."""
    left_out = why.reason in LEFT_OUT
    due = turn.now + LEFT_OUT_FOR * turn.interval if left_out else turn.next
    return replace(state, due=due, unasked=why, turn_at=turn.now)


def left_out(state: CanaryState, turn: Turn, why: Reading) -> CanaryState:
    """The state after a canary that says nothing about the pod, as the fault may be its own."""
    told = not_asked(state, turn, why)
    return replace(told, verdict=None, silences=0, waits=0, way=0, sent_at=turn.now)


def held_back(state: CanaryState, turn: Turn, spec: CheckSpec, why: NotNow) -> CanaryState:
    """The state where no canary is to be sent now; what was found before holds unless it sleeps."""
    soon = turn.now + _sooner(turn.interval, spec)
    if why.verdict is None and not why.idle:
        due = soon if state.suspicious else turn.next
        return replace(state, due=due, unasked=None, turn_at=turn.now)
    return replace(
        state,
        due=soon if why.verdict else turn.next,
        verdict=why.verdict,
        unasked=None,
        silences=0,
        waits=0,
        turn_at=turn.now,
    )


def heard(state: CanaryState, turn: Turn, spec: CheckSpec, what: Heard) -> CanaryState:
    """The state after a canary's answer, or its absence."""
    soon, reading, now = turn.now + _sooner(turn.interval, spec), what.reading, turn.now
    state = replace(state, unasked=None, sample=what.sample, own=what.own, turn_at=now, sent_at=now)
    match reading.sign:
        case Sign.SERVES:
            return replace(state, due=turn.next, verdict=None, silences=0, waits=0)
        case Sign.DEGRADED:
            return replace(state, due=turn.next, verdict=reading, silences=0, waits=0)
        case Sign.SILENT:
            return _unheard(replace(state, due=soon), reading, what.evidence)
        case Sign.UNKNOWN if reading.reason != DENIED_REASON:
            return replace(state, due=turn.next, unasked=reading)
        case Sign.UNKNOWN:
            return replace(state, due=turn.next, verdict=reading, silences=0)
        case _:
            due = max(soon, now + min(what.later, MAX_LATER))
            return replace(state, due=due, verdict=reading, silences=0)


def _unheard(state: CanaryState, reading: Reading, evidence: Reading | None) -> CanaryState:
    if evidence and (evidence.reason == PROGRESSING or evidence.sign is Sign.FAILS):
        return replace(state, verdict=evidence, silences=0, waits=state.waits + 1)
    silences = min(state.silences + 1, SILENCES)
    if silences == SILENCES:
        return replace(state, verdict=replace(reading, sign=Sign.FAILS), silences=silences)
    return replace(state, verdict=state.verdict or evidence, silences=silences)


def _sooner(interval: float, spec: CheckSpec) -> float:
    """Seconds to a second opinion: it comes before the failure has counted often enough."""
    rounds = min(max(spec.failure_threshold - 1, 1), MAX_SOONER)
    return min(interval, rounds * spec.interval)
