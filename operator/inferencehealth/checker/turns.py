"""Whose turn it is among a pod's models, and what their canaries come to together. Pure.

A pod gets one canary at a time. Its models take turns, so that with N of them each is asked every
N intervals; only a model that went wrong is asked again at once.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal
from urllib.parse import quote

from inferencehealth.api.report import CheckSpec, Finding
from inferencehealth.checker import canary as rules
from inferencehealth.checker.canary import CanaryState
from inferencehealth.checker.outgoing import BODY_UNREADABLE, SECRET_UNREADABLE
from inferencehealth.checks.history import History
from inferencehealth.checks.progress import NO_PROGRESS
from inferencehealth.checks.steps import Item, Reading, Sign
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.profiles.auto_canary import NEEDS_KEY, NOT_BUILT, UNPROVEN, Target
from inferencehealth.profiles.canary import FAILURES
from inferencehealth.profiles.reading import worst_reading

MAX_FINDINGS: Final = 3
"""Reasons of canaries not sent that are told."""
NOT_SENT: Final = "CanaryNotSent"

SERVING: Final = frozenset({Sign.SERVES, Sign.DEGRADED})
"""Signs of a server that gets canaries."""

_OFF: Final = "set spec.checks.canary.mode Off"
_BLIND: Final = "until then only the server's health endpoints are asked, which see no hung engine"
_Told = tuple[Literal["warning", "info"], str]
"""Severity and remedy of a finding."""
_USUAL: Final[_Told] = ("warning", f"Mend that, or {_OFF}: {_BLIND}.")
_REMEDIES: Final[Mapping[str, _Told]] = {
    SECRET_UNREADABLE: _USUAL,
    BODY_UNREADABLE: _USUAL,
    NEEDS_KEY: (
        "warning",
        f"Set spec.checks.canary.headersFrom to a Secret with the API key, or {_OFF}: {_BLIND}.",
    ),
    NOT_BUILT: (
        "info",
        f"Describe a request that it takes (spec.checks.canary.mode Custom), or {_OFF}: {_BLIND}.",
    ),
    UNPROVEN: (
        "warning",
        "Send it a real request: one that is answered belongs into mode Custom.",
    ),
}
"""What findings say, by their ids."""


def states_of(
    known: dict[Target, CanaryState],
    targets: Sequence[Target],
    *,
    interval: float,
    uid: str,
    history: History,
    now: float,
) -> dict[Target, CanaryState]:
    """The states of these models; those never asked come one interval after the other.

    What a canary found before this process began stands with the model that its message names.
    """
    if len(known) == len(targets) and all(target in known for target in targets):
        return known  # nearly always
    fresh = rules.first(interval, uid, now)
    made = {
        target: known.get(target) or replace(fresh, due=fresh.due + place * interval)
        for place, target in enumerate(targets)
    }
    by_canary = history.reason in FAILURES | {NO_PROGRESS}
    if known or not targets or history.fresh or history.verdict is not Verdict.BROKEN:
        return made
    if by_canary:
        broken = next((t for t in targets if _names(history.message, t)), targets[0])
        reading = Reading(Sign.FAILS, history.reason, history.message)
        made[broken] = rules.taken_over(reading, now)
    return made


def _names(message: str, target: Target) -> bool:
    in_path = f"/models/{quote(target.name, safe='')}/"
    return bool(target.name) and (in_path in message or f'"{target.name}"' in message)


def next_turn(states: Mapping[Target, CanaryState], interval: float, now: float) -> Target | None:
    """The model that is to be asked now, the longest due first; None: it is nobody's turn.

    A pod gets one canary per interval, besides those that a suspicion asks for.
    """
    usual = [state for state in states.values() if not state.suspicious]
    free = now >= max((state.sent_at for state in usual), default=-math.inf) + interval
    due = [
        (state.due, target)
        for target, state in states.items()
        if state.due <= now and (free or state.suspicious)
    ]
    return min(due)[1] if due else None


def combined(spec: CheckSpec, reading: Reading, states: Mapping[Target, CanaryState]) -> Reading:
    """A round's reading with what canaries found; the cheap steps come first where they fail.

    A model that nobody requires takes a pod out of service only if no other one serves.
    """
    found = {target: s.verdict for target, s in states.items() if s.verdict is not None}
    if not found or reading.sign not in SERVING:
        return reading
    worst = worst_reading(found.values())
    if worst.sign is Sign.FAILS and not _decides(spec, found, states):
        worst = replace(worst, sign=Sign.DEGRADED)
    if worst.sign is Sign.DEGRADED and reading.sign is Sign.DEGRADED:
        worst = reading
    models = tuple(_item(item, found) for item in reading.models)
    return replace(worst, models=models, components=reading.components)


def canary_findings(states: Iterable[CanaryState]) -> tuple[Finding, ...]:
    """Why canaries could not be sent, told once for all pods that it holds for."""
    whys = {(state.unasked.reason, state.unasked.message) for state in states if state.unasked}
    return tuple(_finding(*why) for why in sorted(whys)[:MAX_FINDINGS])


def _finding(reason: str, message: str) -> Finding:
    severity, remedy = _REMEDIES.get(reason, _USUAL)
    fault = "Canaries fail, which may be their own fault" if reason == UNPROVEN else ""
    return Finding(
        id=reason if reason in _REMEDIES else NOT_SENT,
        severity=severity,
        message=f"{fault or 'No canary was sent'}: {message}.",
        remedy=remedy,
    )


def _decides(
    spec: CheckSpec, found: Mapping[Target, Reading], states: Mapping[Target, CanaryState]
) -> bool:
    failed = [target for target, reading in found.items() if reading.sign is Sign.FAILS]
    required = {(model.name, model.version) for model in spec.models.required}
    return bool(required) or len(failed) == len(states)


def _item(item: Item, found: Mapping[Target, Reading]) -> Item:
    verdict = found.get(Target(item.name, item.version)) or found.get(Target(item.name))
    if verdict is None or verdict.sign is not Sign.FAILS or item.sign not in SERVING:
        return item
    return replace(item, sign=verdict.sign, reason=verdict.reason, message=verdict.message)
