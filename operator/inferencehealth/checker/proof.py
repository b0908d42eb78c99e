"""One canary for each model of one server, now: for a person who wants more than green endpoints.

The same request that a checker would send, without its patience: nothing is remembered, no turn is
waited for, and one silence decides unless the server's counters speak for it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from inferencehealth.api.canary import Canary
from inferencehealth.api.report import CheckSpec
from inferencehealth.checker.canary import CanaryState
from inferencehealth.checker.exchange import Exchange
from inferencehealth.checker.references import References
from inferencehealth.checker.rounds import Ask, Compiled
from inferencehealth.checker.turns import NOT_SENT, SERVING, combined
from inferencehealth.checks.progress import PROGRESSING
from inferencehealth.checks.steps import Item, Peer, Reading, Sign
from inferencehealth.profiles.auto_canary import LEFT_OUT, NOT_BUILT, NotNow, Target
from inferencehealth.profiles.reading import SERVES, worst_reading

MAX_MODELS: Final = 20
"""Models that are asked, one after the other: a person waits for them."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What canaries need beside the server: what the policy refers to, and a clock in seconds."""

    references: References | None = None
    namespace: str = ""
    clock: Callable[[], float] = time.monotonic


def with_canary(spec: CheckSpec) -> CheckSpec:
    """The spec with the policy's canary, or with the profile's own where the policy has none."""
    return spec if spec.canary is not None else spec.model_copy(update={"canary": Canary()})


async def prove(
    compiled: Compiled, reading: Reading, peer: Peer, ask: Ask, proof: Proof
) -> tuple[Reading, tuple[Item, ...]]:
    """The reading with what canaries found, and what each of them did, by model.

    None is sent to a server that does not serve. Where none could be sent, nobody has the proof
    that was asked for: Unknown, with the reason.
    """
    if reading.sign not in SERVING:
        return reading, ()
    if compiled.canary is None and compiled.auto is None:
        why = f"profile {compiled.spec.profile} knows no request; give one in a policy's canary"
        return Reading(Sign.UNKNOWN, NOT_BUILT, f"no canary was sent: {why}"), ()
    found: dict[Target, Reading] = {}
    for target in compiled.targets(reading)[:MAX_MODELS]:
        exchange = Exchange(
            ask, peer, compiled, target, proof.references, proof.namespace, proof.clock
        )
        found[target] = await _one(exchange)
    items = tuple(
        Item(target.name, one.sign, target.version, reason=one.reason, message=one.message)
        for target, one in found.items()
    )
    return _whole(compiled.spec, reading, found), items


def _whole(spec: CheckSpec, reading: Reading, found: dict[Target, Reading]) -> Reading:
    asked = {target: one for target, one in found.items() if one.sign is not Sign.UNKNOWN}
    if not asked:
        worst = worst_reading(found.values()) if found else _NO_MODEL
        return replace(worst, models=reading.models, components=reading.components)
    against = {
        target: CanaryState(due=0.0, verdict=None if one == SERVES else one)
        for target, one in asked.items()
    }
    return combined(spec, reading, against)


_NO_MODEL: Final = Reading(Sign.UNKNOWN, NOT_SENT, "no canary was sent: no model serves")
_WOULD_WAKE: Final = Reading(
    Sign.UNKNOWN, NOT_SENT, "no canary was sent: it would load or wake the model"
)


async def _one(exchange: Exchange) -> Reading:
    """What one model's canary found; UNKNOWN where it says nothing about the server."""
    before = await exchange.look(None)
    ways = await exchange.ways()
    if isinstance(ways, NotNow):
        return ways.verdict or _WOULD_WAKE
    if isinstance(ways, Reading):
        return _not_sent(ways)
    reading = SERVES
    for way in ways:
        reading = (await exchange.send(way)).reading
        if reading.reason not in LEFT_OUT:
            break
    if reading.sign is Sign.UNKNOWN:
        return _not_sent(reading)
    _, evidence = await exchange.evidence(reading, before, waits=0)
    if reading.sign is not Sign.SILENT:
        return reading
    if evidence and (evidence.reason == PROGRESSING or evidence.sign is Sign.FAILS):
        return evidence
    return replace(reading, sign=Sign.FAILS)


def _not_sent(why: Reading) -> Reading:
    return replace(why, message=f"no canary was answered: {why.message}")
