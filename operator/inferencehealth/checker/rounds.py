"""One deep check of one pod: asks step by step, folds the answers into the reading of the round.

What every round needs is asked in every round. Lists of models that nobody requires are carried
on from the last full look while nothing changes, and the server's counters are read only where
nobody answers: then they tell a busy server from a hung one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from inferencehealth.api.canary import CanaryMode
from inferencehealth.api.report import CheckSpec
from inferencehealth.checker.memory import RoundMemory
from inferencehealth.checks import progress as counters
from inferencehealth.checks.candidate import NO_ANSWER
from inferencehealth.checks.history import Thresholds
from inferencehealth.checks.progress import Progress
from inferencehealth.checks.steps import (
    Answer,
    Outcome,
    Peer,
    Reading,
    Request,
    Sign,
    Step,
    StepKind,
)
from inferencehealth.checks.transports import check_request
from inferencehealth.profiles.auto_canary import AutoCanary, Target
from inferencehealth.profiles.canary import CanaryRequest, canary_of
from inferencehealth.profiles.registry import profile_named

LISTING_AGE: Final = 30.0
"""Seconds that a list of models is carried on. Nothing else tells when the last model of a Triton
was unloaded on purpose, so a pod that serves no model may look ready for so long."""

_DECISIVE: Final = frozenset({Sign.SILENT, Sign.UNKNOWN})
_MAX_SHARED: Final = 16
"""Different lists of one workload that are kept; a rollout has two."""


class Ask(Protocol):
    """A transport: what the server at the peer answers to one request."""

    def __call__(
        self, peer: Peer, port: int, request: Request, *, timeout: float
    ) -> Awaitable[Answer]:
        """The answer; whatever goes wrong is one too."""


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A report's CheckSpec made ready for asking: made once, used for every round.

    `seldom` are the names of the steps that need not be asked every round. `impossible` is the
    reading of every round where this checker cannot ask at all.
    """

    spec: CheckSpec
    steps: tuple[Step, ...]
    fold: Callable[[CheckSpec, dict[str, Reading]], Reading]
    thresholds: Thresholds
    impossible: Reading | None = None
    seldom: frozenset[str] = frozenset()
    progress: Progress | None = None
    canary: CanaryRequest | None = None
    """The policy's own canary."""
    auto: AutoCanary | None = None
    """How the profile builds one, where it does."""
    shared: dict[Reading, Reading] = field(default_factory=dict)
    """Readings that pods remember: the lists of a workload's pods are mostly the same."""

    def targets(self, reading: Reading) -> tuple[Target, ...]:
        """The models that get canaries, by what a round said of them."""
        if self.canary is not None:
            return (Target(self.canary.model),)
        return self.auto.targets(self.spec, reading.models) if self.auto else ()


def compile_check(spec: CheckSpec) -> Compiled:
    """The steps of a CheckSpec.

    A profile or request that this version cannot use is no error here: pods are Unknown with the
    reason, as it says nothing about them.
    """
    thresholds = Thresholds(
        failures=spec.failure_threshold,
        successes=spec.success_threshold,
        startup_budget=spec.startup_budget,
    )
    try:
        profile = profile_named(spec.profile)
        steps = profile.steps(spec)
        canary = canary_of(spec)
        for request in [step.request for step in steps] + ([canary.request] if canary else []):
            check_request(request)
    except (KeyError, ValueError) as error:
        message = f"this checker cannot ask: {error.args[0] if error.args else error}"
        reading = Reading(Sign.UNKNOWN, "CannotAsk", message)
        return Compiled(spec, (), lambda _spec, _readings: reading, thresholds, reading)
    return Compiled(
        spec,
        steps,
        profile.fold,
        thresholds,
        seldom=_seldom(spec, steps),
        progress=_progress(profile.progress, spec.metrics_port),
        canary=canary,
        auto=profile.canary if _is_auto(spec) else None,
    )


async def check_pod(
    compiled: Compiled,
    peer: Peer,
    ask: Ask,
    memory: RoundMemory | None = None,
    now: float = 0.0,
) -> Reading:
    """The reading of one round over the server of the peer.

    `memory` is what the last rounds left, and is brought up to date; without one everything is
    asked. `now` is in seconds of a clock that never goes back.
    """
    if compiled.impossible is not None:
        return compiled.impossible
    if memory is not None:
        memory.took = 0.0
    if memory is None or not (compiled.seldom or compiled.progress):
        return compiled.fold(compiled.spec, await _ask_steps(compiled, peer, ask, {}, memory))
    if compiled.progress is None:
        return await _round(compiled, peer, ask, memory, now)
    if memory.slow:
        return await _beside_a_look(compiled, compiled.progress, peer, ask, memory=memory, now=now)
    reading = await _round(compiled, peer, ask, memory, now)
    if not _is_slow(reading):
        return reading
    spec = compiled.spec
    left = max(spec.interval - spec.timeout, spec.timeout / 2)
    look = _look(compiled, compiled.progress, peer, ask, timeout=min(spec.timeout, left))
    return _explained(compiled.progress, reading, memory, await look, now)


async def _beside_a_look(
    compiled: Compiled,
    progress: Progress,
    peer: Peer,
    ask: Ask,
    *,
    memory: RoundMemory,
    now: float,
) -> Reading:
    """The round of a server that was slow the last time, with its counters asked beside it.

    So a hung server does not cost the waiting for both.
    """
    timeout = compiled.spec.timeout
    looking = asyncio.ensure_future(_look(compiled, progress, peer, ask, timeout=timeout))
    try:
        reading = await _round(compiled, peer, ask, memory, now)
        if _is_slow(reading):
            return _explained(progress, reading, memory, await looking, now)
    finally:
        looking.cancel()
    memory.slow, memory.sample = False, None
    return reading


async def _round(
    compiled: Compiled, peer: Peer, ask: Ask, memory: RoundMemory, now: float
) -> Reading:
    """The round without the counters; what is asked seldom is carried on while nothing changes."""
    spec = compiled.spec
    if not compiled.seldom:
        return compiled.fold(spec, await _ask_steps(compiled, peer, ask, {}, memory))
    recent = memory.listed is not None and now - memory.listed_at < LISTING_AGE
    carried = memory.listed if recent and memory.serves and memory.listed else {}
    readings = await _ask_steps(compiled, peer, ask, carried, memory)
    whole = compiled.fold(spec, readings)
    if carried and whole.sign is not Sign.SERVES and whole.sign not in _DECISIVE:
        # Something changed since the last full look.
        fresh = await _ask_steps(compiled, peer, ask, readings, memory, again=compiled.seldom)
        readings, carried = readings | fresh, {}
        whole = compiled.fold(spec, readings)
    memory.serves = whole.sign is Sign.SERVES
    if not carried and compiled.seldom <= readings.keys():
        told = {name: readings[name] for name in compiled.seldom}
        memory.listed = {name: _shared(compiled, reading) for name, reading in told.items()}
        memory.listed_at = now
    return whole


async def _ask_steps(
    compiled: Compiled,
    peer: Peer,
    ask: Ask,
    known: Mapping[str, Reading],
    memory: RoundMemory | None,
    *,
    again: frozenset[str] = frozenset(),
) -> dict[str, Reading]:
    """The readings of the steps by name, in order; those known are not asked, but for `again`."""
    spec = compiled.spec
    readings: dict[str, Reading] = {}
    for step in compiled.steps:
        if step.name in known and step.name not in again:
            readings[step.name] = known[step.name]
            continue
        request = step.request
        answer = await ask(peer, request.port or spec.port, request, timeout=spec.timeout)
        if memory is not None and answer.outcome is Outcome.ANSWERED:
            memory.took = max(memory.took, answer.seconds)
        readings[step.name] = reading = step.read(answer)
        if step.decisive and reading.sign in _DECISIVE:
            break
    return readings


def _explained(
    progress: Progress, reading: Reading, memory: RoundMemory, page: Answer, now: float
) -> Reading:
    """The reading of a server that does not answer, by what its counters say."""
    before, memory.slow = memory.sample, True
    memory.sample = counters.sample(progress, page, before, now)
    told = counters.judge(progress, before, memory.sample)
    if told is None:
        return reading
    return replace(told, models=reading.models, components=reading.components)


async def _look(
    compiled: Compiled,
    progress: Progress,
    peer: Peer,
    ask: Ask,
    *,
    timeout: float,  # noqa: ASYNC109
) -> Answer:
    """One look at the counters."""
    request = progress.request
    return await ask(peer, request.port or compiled.spec.port, request, timeout=timeout)


def _is_slow(reading: Reading) -> bool:
    """Whether nobody answered although the connection was accepted: busy or hung."""
    return reading.sign is Sign.SILENT and reading.reason == NO_ANSWER


def _progress(known: Progress | None, port: int | None) -> Progress | None:
    return replace(known, port=port) if known and port else known


def _is_auto(spec: CheckSpec) -> bool:
    return spec.canary is not None and spec.canary.mode is CanaryMode.AUTO


def _seldom(spec: CheckSpec, steps: tuple[Step, ...]) -> frozenset[str]:
    """Steps that only list models, where the required ones are asked by themselves."""
    if spec.models.required and not any(step.kind is StepKind.MODEL for step in steps):
        return frozenset()
    return frozenset(step.name for step in steps if step.kind is StepKind.INDEX)


def _shared(compiled: Compiled, reading: Reading) -> Reading:
    """The reading, as one object for all pods that said the same."""
    if len(compiled.shared) > _MAX_SHARED:
        compiled.shared.clear()
    return compiled.shared.setdefault(reading, reading)
