"""One deep check without a history: for a person who asks now, or a pipeline.

A watcher may wait for a second look before it calls a server broken; here the one answer decides,
and the steps that led to it are told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from inferencehealth.api.report import CheckSpec
from inferencehealth.checker.proof import Proof, prove, with_canary
from inferencehealth.checker.rounds import Ask, check_pod, compile_check
from inferencehealth.checks.steps import (
    Answer,
    Item,
    Outcome,
    Peer,
    Reading,
    Request,
    Sign,
    told_path,
)
from inferencehealth.checks.verdicts import Verdict

VERDICTS: Final[Mapping[Sign, Verdict]] = MappingProxyType(
    {
        Sign.SERVES: Verdict.READY,
        Sign.DEGRADED: Verdict.DEGRADED,
        Sign.LOADING: Verdict.LOADING,
        Sign.NOT_READY: Verdict.LOADING,
        Sign.BUSY: Verdict.BUSY,
        Sign.ASLEEP: Verdict.ASLEEP,
        Sign.FAILS: Verdict.BROKEN,
        Sign.SILENT: Verdict.BROKEN,
        Sign.UNKNOWN: Verdict.UNKNOWN,
    }
)
"""What one answer makes of a server of which nothing else is known."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of the check and how it ended; `status` is 0 where nobody answered."""

    request: str
    outcome: Outcome
    status: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Checked:
    """What the check found; `seconds` is the time of its slowest request."""

    verdict: Verdict
    reason: str
    message: str
    steps: tuple[Asked, ...]
    seconds: float
    models: tuple[Item, ...] = ()
    components: tuple[Item, ...] = ()
    canaries: tuple[Item, ...] = ()
    """What canaries found, by model; without a name where the server has one model."""


async def check_once(
    spec: CheckSpec, server: Peer, ask: Ask, proof: Proof | None = None
) -> Checked:
    """Ask the server everything that a round asks, once; with `proof`, canaries as well."""
    steps: list[Asked] = []

    async def noting(
        peer: Peer,
        port: int,
        request: Request,
        *,
        timeout: float,  # noqa: ASYNC109
    ) -> Answer:
        answer = await ask(peer, port, request, timeout=timeout)
        line = f"{'gRPC' if request.grpc else request.method} :{port}{told_path(request.path)}"
        steps.append(Asked(line, answer.outcome, answer.status, answer.seconds))
        return answer

    compiled = compile_check(spec if proof is None else with_canary(spec))
    reading = await check_pod(compiled, server, noting)
    canaries: tuple[Item, ...] = ()
    if proof is not None:
        reading, canaries = await prove(compiled, reading, server, noting, proof)
    return replace(checked(reading, tuple(steps)), canaries=canaries)


def checked(reading: Reading, steps: tuple[Asked, ...]) -> Checked:
    """The reading as a verdict by itself."""
    verdict = VERDICTS[reading.sign]
    return Checked(
        verdict=verdict,
        reason=reading.reason or ("Serving" if verdict is Verdict.READY else verdict.value),
        message=reading.message,
        steps=steps,
        seconds=max((step.seconds for step in steps), default=0.0),
        models=reading.models,
        components=reading.components,
    )
