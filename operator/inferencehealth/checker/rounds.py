"""One deep check of one pod: asks step by step, folds the answers into the reading of the round."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.history import Thresholds
from inferencehealth.checks.steps import Answer, Peer, Reading, Request, Sign, Step
from inferencehealth.checks.transports import check_request
from inferencehealth.profiles.registry import profile_named

_DECISIVE: Final = frozenset({Sign.SILENT, Sign.UNKNOWN})


class Ask(Protocol):
    """A transport: what the server at the peer answers to one request."""

    def __call__(
        self, peer: Peer, port: int, request: Request, *, timeout: float
    ) -> Awaitable[Answer]:
        """The answer; whatever goes wrong is one too."""


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A report's CheckSpec made ready for asking: made once, used for every round.

    `impossible` is the reading of every round where this checker cannot ask at all.
    """

    spec: CheckSpec
    steps: tuple[Step, ...]
    fold: Callable[[CheckSpec, dict[str, Reading]], Reading]
    thresholds: Thresholds
    impossible: Reading | None = None


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
        for step in steps:
            check_request(step.request)
    except (KeyError, ValueError) as error:
        message = f"this checker cannot ask: {error.args[0] if error.args else error}"
        reading = Reading(Sign.UNKNOWN, "CannotAsk", message)
        return Compiled(spec, (), lambda _spec, _readings: reading, thresholds, reading)
    return Compiled(spec, steps, profile.fold, thresholds)


async def check_pod(compiled: Compiled, peer: Peer, ask: Ask) -> Reading:
    """The reading of one round over the server at the pod's address."""
    if compiled.impossible is not None:
        return compiled.impossible
    spec = compiled.spec
    readings: dict[str, Reading] = {}
    for step in compiled.steps:
        request = step.request
        answer = await ask(peer, request.port or spec.port, request, timeout=spec.timeout)
        readings[step.name] = reading = step.read(answer)
        if step.decisive and reading.sign in _DECISIVE:
            break
    return compiled.fold(spec, readings)
