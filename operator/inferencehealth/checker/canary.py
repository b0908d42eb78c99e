"""When a pod's canary is sent, and what its answers come to: between two canaries of one pod. Pure.

A canary asks for real work, so it is sent seldom, and only to a server that says it serves. What
it found stays in force until another canary finds otherwise, because nothing else can tell.
Times are seconds of a clock that never goes back.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from inferencehealth.api.report import CheckSpec, Finding
from inferencehealth.checker.outgoing import BODY_UNREADABLE, SECRET_UNREADABLE
from inferencehealth.checks.deadlines import phase
from inferencehealth.checks.progress import PROGRESSING, Sample
from inferencehealth.checks.steps import Item, Reading, Sign
from inferencehealth.profiles.canary import DENIED_REASON, CanaryRequest

JITTER: Final = 0.2
"""Share of the interval over which the canaries of different pods are spread."""
MAX_SOONER: Final = 3
"""Check intervals after which a canary is sent again at the latest when one went wrong."""
MAX_FIRST: Final = 60.0
"""Seconds within which a pod gets its first canary, however long the interval."""
SILENCES: Final = 2
"""Canaries in a row without an answer that are a failure: a single one may just have waited."""

MAX_FINDINGS: Final = 3
"""Reasons of canaries not sent that are told."""
NOT_SENT: Final = "CanaryNotSent"

_UNREADABLE: Final = frozenset({SECRET_UNREADABLE, BODY_UNREADABLE})
_SERVES: Final = frozenset({Sign.SERVES, Sign.DEGRADED})


@dataclass(frozen=True, slots=True)
class CanaryState:
    """What is known of a pod's canary, and when the next one is due.

    `verdict` is what the last ones say against the pod; None: nothing. `unasked` says why none
    could be sent, which is no fault of the pod's. `silences` counts canaries in a row without an
    answer; `sample` is the last look at the server's counters. `turn_at` is when it last had its
    turn, sent or not.
    """

    due: float
    verdict: Reading | None = None
    unasked: Reading | None = None
    silences: int = 0
    sample: Sample | None = None
    turn_at: float = -math.inf


def first(canary: CanaryRequest, uid: str, now: float) -> CanaryState:
    """The state of a pod that was never asked: pods that start together are not asked together."""
    return CanaryState(due=now + phase(f"{uid}/canary") * min(canary.interval, MAX_FIRST))


def taken_over(reading: Reading, now: float) -> CanaryState:
    """The state of a pod that was Broken by its canary before this process began."""
    return CanaryState(due=now, verdict=reading)


def is_due(state: CanaryState, canary: CanaryRequest, reading: Reading, now: float) -> bool:
    """Whether a canary is to be sent, given what the cheap steps of this round say.

    Never to a server that does not serve, and never where it would wake what sleeps.
    """
    if now < state.due or reading.sign not in _SERVES:
        return False
    about = [m for m in reading.models if canary.model in {"", m.name}]
    return not (about and all(item.sign is Sign.ASLEEP for item in about))


def skipped(
    state: CanaryState, canary: CanaryRequest, uid: str, sample: Sample, now: float
) -> CanaryState:
    """The state after real traffic was seen to make progress instead."""
    return replace(state, due=now + _interval(canary, uid), sample=sample, turn_at=now)


def not_asked(
    state: CanaryState, canary: CanaryRequest, uid: str, why: Reading, now: float
) -> CanaryState:
    """The state after a canary that could not be sent."""
    return replace(state, due=now + _interval(canary, uid), unasked=why, turn_at=now)


def heard(
    state: CanaryState,
    canary: CanaryRequest,
    *,
    spec: CheckSpec,
    uid: str,
    reading: Reading,
    evidence: Reading | None,
    sample: Sample | None,
    now: float,
) -> CanaryState:
    """The state after a canary's answer, or its absence.

    `evidence` is what the counters say of a server that gave no answer.
    """
    usual, soon = now + _interval(canary, uid), now + _sooner(canary, spec)
    state = replace(state, unasked=None, sample=sample, turn_at=now)
    match reading.sign:
        case Sign.SERVES:
            return replace(state, due=usual, verdict=None, silences=0)
        case Sign.DEGRADED:
            return replace(state, due=usual, verdict=reading, silences=0)
        case Sign.SILENT:
            return _unheard(replace(state, due=soon), reading, evidence)
        case Sign.UNKNOWN if reading.reason != DENIED_REASON:
            return replace(state, due=usual, unasked=reading)
        case Sign.UNKNOWN:
            return replace(state, due=usual, verdict=reading, silences=0)
        case _:
            return replace(state, due=soon, verdict=reading, silences=0)


def _unheard(state: CanaryState, reading: Reading, evidence: Reading | None) -> CanaryState:
    if evidence and (evidence.reason == PROGRESSING or evidence.sign is Sign.FAILS):
        return replace(state, verdict=evidence, silences=0)
    silences = min(state.silences + 1, SILENCES)
    if silences == SILENCES:
        return replace(state, verdict=replace(reading, sign=Sign.FAILS), silences=silences)
    return replace(state, verdict=state.verdict or evidence, silences=silences)


def combined(reading: Reading, canary: CanaryRequest, state: CanaryState) -> Reading:
    """A round's reading with what the canary found; the cheap steps come first where they fail."""
    found = state.verdict
    if found is None or reading.sign not in _SERVES:
        return reading
    if found.sign is Sign.DEGRADED and reading.sign is Sign.DEGRADED:
        return reading
    models = tuple(_item(item, canary.model, found) for item in reading.models)
    return replace(found, models=models, components=reading.components)


def canary_findings(states: Iterable[CanaryState]) -> tuple[Finding, ...]:
    """Why canaries could not be sent, told once for all pods that it holds for."""
    whys = {(state.unasked.reason, state.unasked.message) for state in states if state.unasked}
    return tuple(
        Finding(
            id=reason if reason in _UNREADABLE else NOT_SENT,
            severity="warning",
            message=f"No canary was sent: {message}.",
            remedy="Mend that, or set spec.checks.canary.mode Off: until then only the server's "
            "health endpoints are asked, which see no hung engine.",
        )
        for reason, message in sorted(whys)[:MAX_FINDINGS]
    )


def _item(item: Item, asked: str, found: Reading) -> Item:
    if item.name != asked or found.sign is not Sign.FAILS or item.sign not in _SERVES:
        return item
    return replace(item, sign=found.sign, reason=found.reason, message=found.message)


def _interval(canary: CanaryRequest, uid: str) -> float:
    """The pod's own interval: no two pods keep step for long."""
    return canary.interval * (1 + JITTER * phase(f"{uid}/jitter"))


def _sooner(canary: CanaryRequest, spec: CheckSpec) -> float:
    """Seconds to a second opinion: it comes before the failure has counted often enough."""
    rounds = min(max(spec.failure_threshold - 1, 1), MAX_SOONER)
    return min(canary.interval, rounds * spec.interval)
