"""`ihp wait`: a pipeline's "30 tries, 10 s apart" in one line, with progress."""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import typer
import yaml

from inferencehealth.checks.verdicts import Verdict
from inferencehealth.cli.address import is_url, parse_address, peers_at
from inferencehealth.cli.check import Output, Question, first_that_listens, spec_of
from inferencehealth.cli.fleet import Live, Scope, following
from inferencehealth.cli.sources import tell
from inferencehealth.cli.targets import parse_workload
from inferencehealth.kube import config
from inferencehealth.kube.client import connect
from inferencehealth.status.goals import (
    CONDITIONS,
    GONE,
    VERDICTS,
    Sight,
    meets,
    of_policy,
    of_workload,
)

TRIES: Final = 30
"""As the ASR server's documentation has it for pipelines, 10 s apart."""
NOT_REACHED: Final = 1
INTERRUPTED: Final = 130
"""Exit code after Ctrl-C, as shells have it."""

Look = Callable[[], Awaitable[Sight]]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait: so many tries, `interval` seconds apart, and `timeout` seconds in all.

    No `tries`: as many as the timeout allows; no `timeout`: as long as the tries take.
    """

    tries: int | None
    interval: float
    timeout: float | None

    def __str__(self) -> str:
        return f" of {self.tries}" if self.tries else ""


@dataclass(frozen=True, slots=True)
class Waited:
    """How it ended; `seconds` since the beginning."""

    sight: Sight
    tries: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where policies and workloads are looked for. An empty namespace is the context's."""

    kubeconfig: Path | None
    namespace: str
    system: str


def wait(
    target: str,
    goal: str,
    patience: Patience,
    *,
    place: Place,
    question: Question,
    output: Output,
) -> int:
    """Wait until the target is as `goal` says; returns the exit code.

    Progress goes to standard error. Raises KubeError where the cluster can't be asked or has no
    such object, and typer.BadParameter for what is no target or goal.
    """
    try:
        waited = asyncio.run(_wait(target, goal, patience, place, question))
    except KeyboardInterrupt:
        return INTERRUPTED
    _show(target, goal, waited, output)
    return 0 if waited.sight.reached else NOT_REACHED


async def _wait(
    target: str, goal: str, patience: Patience, place: Place, question: Question
) -> Waited:
    if is_url(target):
        _demand(goal, VERDICTS)
        return await persist(_server(target, goal, question), patience)
    is_workload = "/" in target
    _demand(goal, VERDICTS if is_workload else CONDITIONS)
    resource, name = parse_workload(target) if is_workload else (None, target)
    access = await config.load_briefly(place.kubeconfig)
    namespace = place.namespace or access.namespace or "default"
    scope = Scope(namespace, "" if is_workload else name, place.system)
    async with connect(access) as client:
        if resource is not None:
            await client.get(resource, name, namespace=namespace)
        async with following(client, scope) as live:
            if resource is None:
                return await persist(_policy(live, goal), patience, live.changed)
            return await persist(_workload(live, resource.kind, name, goal), patience, live.changed)


def _demand(goal: str, goals: tuple[str, ...]) -> None:
    if goal not in goals:
        raise typer.BadParameter(f"give one of: {', '.join(goals)}", param_hint="'--for'")


async def persist(look: Look, patience: Patience, changed: asyncio.Event | None = None) -> Waited:
    """Look again and again until it is reached or the patience ends; say what is seen.

    With `changed` a look also follows each change, and does not count as a try.
    """
    started, said, tried = time.monotonic(), "", 1
    end = started + patience.timeout if patience.timeout is not None else float("inf")
    while True:
        if changed is not None:
            changed.clear()
        sight = await look()
        now = time.monotonic()
        if sight.reached:
            return Waited(sight, tried, now - started)
        line = f"try {tried}{patience}: {sight.told}"
        if line != said:
            tell(line)
        said = line
        if tried == patience.tries or now >= end:
            return Waited(sight, tried, now - started)
        due = min(started + tried * patience.interval, end)
        if not await _woken(changed, due - now):
            tried += 1


async def _woken(changed: asyncio.Event | None, seconds: float) -> bool:
    """Whether something changed within the seconds."""
    if changed is None:
        await asyncio.sleep(max(0.0, seconds))
        return False
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(changed.wait(), max(0.0, seconds))
        return True
    return False


def _server(target: str, goal: str, question: Question) -> Look:
    address = parse_address(target)
    spec = spec_of(question, address.port)
    if question.ca_file is not None and not question.ca_file.is_file():
        raise typer.BadParameter(f"{question.ca_file} is no file", param_hint="'--ca-file'")

    async def look() -> Sight:
        try:
            peers = peers_at(address, ca_file=question.ca_file, insecure=question.insecure)
        except typer.BadParameter as error:
            # A name may be known only once its server has started.
            return Sight(False, Verdict.UNKNOWN.value, "NoAddress", error.message)
        found = await first_that_listens(spec, peers)
        command = f"ihp diagnose {target} --profile {question.profile}"
        reached = meets(goal, found.verdict)
        return Sight(reached, found.verdict.value, found.reason, found.message, (command,))

    return look


def _policy(live: Live, goal: str) -> Look:
    async def look() -> Sight:
        seen = live.seen()
        if not seen.policies:
            return GONE
        return of_policy(goal, seen.policies[0], seen.nodes(live.scope.system)[0])

    return look


def _workload(live: Live, kind: str, name: str, goal: str) -> Look:
    ref = f"{kind.lower()}/{name}"

    async def look() -> Sight:
        nodes = live.seen().nodes(live.scope.system)
        found = (w for node in nodes for w in node.workloads if w.ref == ref)
        return of_workload(goal, next(found, None))

    return look


def _show(target: str, goal: str, waited: Waited, output: Output) -> None:
    if output is Output.JSON:
        print(json.dumps(_document(target, goal, waited), indent=2))
    elif output is Output.YAML:
        yaml.safe_dump(_document(target, goal, waited), sys.stdout, sort_keys=False)
    elif waited.sight.reached:
        print(f"{target}: {waited.sight.told}")
    if waited.sight.reached:
        return
    tries = f"{waited.tries} {'try' if waited.tries == 1 else 'tries'}"
    tell(f"{target} is not {goal} after {waited.seconds:.0f} s and {tries}: {waited.sight.told}")
    if waited.sight.state == Verdict.LOADING.value:
        tell("it still loads, which large models do for long: raise --tries or --timeout")
    for command in waited.sight.next:
        tell(f"next: {command}")


def _document(target: str, goal: str, waited: Waited) -> dict[str, Any]:
    sight = asdict(waited.sight)
    return {
        "target": target,
        "for": goal,
        **sight,
        "next": list(waited.sight.next),
        "tries": waited.tries,
        "seconds": round(waited.seconds, 1),
    }
