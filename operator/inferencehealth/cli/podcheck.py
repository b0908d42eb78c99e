"""`ihp check pod/NAME` and `ihp check deployment/NAME`: each pod asked once, by either way."""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import yaml
from rich.console import Console
from rich.text import Text

from inferencehealth.api.report import CheckSpec
from inferencehealth.checker.once import Checked, check_once, checked
from inferencehealth.checker.peers import peer_of
from inferencehealth.checker.podproxy import PodProxy
from inferencehealth.checker.proof import Proof
from inferencehealth.checker.references import References
from inferencehealth.checker.ways import Choice, Way
from inferencehealth.checker.work import facts_of
from inferencehealth.checks import transports
from inferencehealth.checks.candidate import of_pod
from inferencehealth.checks.history import PodFacts
from inferencehealth.checks.steps import Outcome, Reading
from inferencehealth.checks.verdicts import RANK, SERVING, Verdict
from inferencehealth.cli.asked import Subject, parse_target, subject
from inferencehealth.cli.check import EXIT_CODES, NOT_ASKED, Output, document, tell_one
from inferencehealth.kube import config
from inferencehealth.kube.client import Client, connect
from inferencehealth.kube.config import is_inside
from inferencehealth.kube.pods import PodRecord
from inferencehealth.kube.transport import open_transport
from inferencehealth.problems import Problem

AT_A_TIME: Final = 16
"""Pods asked at a time."""
REACHED_WITHIN: Final = 1.0
"""Seconds for a connection to a pod; who is near enough to ask it straight has one in
milliseconds, and through the API server it goes anyway."""

_WORDS: Final = {
    Way.DIRECT: "asked at its own address",
    Way.PROXY: "asked through the API server's proxy",
}


@dataclass(frozen=True, slots=True)
class PodChecked:
    """One pod's result; `way` is None where nobody had to be asked."""

    name: str
    found: Checked
    way: Way | None


@dataclass(frozen=True, slots=True)
class Target:
    """What to check. `timeout` 0: as the policy says, else seconds for each request."""

    name: str
    kubeconfig: Path | None
    namespace: str
    timeout: float
    transport: Choice
    canary: bool = False


def check_in_cluster(target: Target, output: Output) -> int:
    """Check the pods, print what was found; returns the exit code.

    Raises KubeError where the cluster can't be asked or has no such object, and
    typer.BadParameter for a target that is none.
    """
    about, pods = asyncio.run(ask_cluster(target))
    worst = overall(about, pods)
    _show(target.name, about, worst, pods, output)
    return EXIT_CODES[worst.verdict]


async def ask_cluster(target: Target) -> tuple[Subject, tuple[PodChecked, ...]]:
    """What the target is, and what its pods answered."""
    resource, name = parse_target(target.name)
    access = await config.load_briefly(target.kubeconfig)
    namespace = target.namespace or access.namespace or "default"
    async with connect(access) as client, open_transport(access) as wire:
        about = await subject(client, resource, name, namespace)
        if isinstance(about.check, Problem):
            return about, ()
        spec = about.check
        if target.timeout:
            spec = spec.model_copy(update={"timeout": target.timeout})
        asker = Asker(client, spec, target.transport, PodProxy(wire), canary=target.canary)
        places = asyncio.Semaphore(AT_A_TIME)

        async def one(pod: PodRecord) -> PodChecked:
            async with places:
                return await asker.check(pod)

        return about, tuple(await asyncio.gather(*map(one, about.pods)))


class Asker:
    """Asks pods of one workload."""

    def __init__(
        self,
        client: Client,
        spec: CheckSpec,
        choice: Choice,
        proxy: PodProxy,
        *,
        canary: bool = False,
    ) -> None:
        self._spec = spec
        self._canary = canary
        self._choice = choice
        self._proxy = proxy
        self._references = References(client.get)

    async def check(self, pod: PodRecord) -> PodChecked:
        """What Kubernetes knows of the pod, else what its server answers."""
        facts = facts_of(pod, self._spec.container)
        known = of_pod(facts)
        if known is not None:
            found = Checked(known.verdict, known.reason, known.message, (), 0.0)
            return PodChecked(pod.name, found, None)
        peer = await peer_of(self._spec, pod, pod.ip, self._references)
        if isinstance(peer, Reading):
            return PodChecked(pod.name, checked(peer, ()), None)
        way = await self._way(pod.ip)
        ask = transports.ask if way is Way.DIRECT else self._proxy.ask
        proof = Proof(self._references, pod.namespace) if self._canary else None
        found = await check_once(self._spec, peer, ask, proof)
        return PodChecked(pod.name, in_time(found, facts, self._spec, time.time()), way)

    async def _way(self, address: str) -> Way:
        if self._choice is not Choice.AUTO:
            return Way(self._choice.value)
        if is_inside() or await _reaches(address, self._spec.port):
            return Way.DIRECT
        return Way.PROXY


async def _reaches(address: str, port: int) -> bool:
    try:
        async with asyncio.timeout(REACHED_WITHIN):
            _, writer = await asyncio.open_connection(address, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def in_time(found: Checked, facts: PodFacts, spec: CheckSpec, now: float) -> Checked:
    """The result for a container that may still be starting: then silence is no failure."""
    silent = all(step.outcome is not Outcome.ANSWERED for step in found.steps)
    if found.verdict is not Verdict.BROKEN or not silent or facts.started_at is None:
        return found
    age = now - facts.started_at
    if facts.ready or age > spec.startup_budget:
        return found
    message = f"no answer yet, {age:.0f} s after its container's start: {found.message}"
    return replace(found, verdict=Verdict.LOADING, reason="Starting", message=message)


def overall(about: Subject, pods: Sequence[PodChecked]) -> Checked:
    """The worst of the pods' results, with how many pods it is about."""
    if isinstance(about.check, Problem):
        return Checked(Verdict.UNKNOWN, about.check.reason, about.check.message, (), 0.0)
    if not pods:
        message = "it has no pods; kubectl describe says why, unless none are wanted"
        return Checked(Verdict.UNKNOWN, "NoPods", message, (), 0.0)
    worst = max(pods, key=lambda pod: RANK[pod.found.verdict.value]).found
    if about.pod:
        return worst
    serving = sum(pod.found.verdict in SERVING for pod in pods)
    message = f"{serving} of {len(pods)} pods serve"
    told = f"{message}: {worst.message}" if worst.message else message
    return replace(worst, message=told)


def as_document(
    target: str, about: Subject, worst: Checked, pods: Sequence[PodChecked]
) -> dict[str, Any]:
    """The result as for a URL; for a workload with all its pods."""
    whole = document(target, worst)
    if about.pod:
        return {**whole, "way": _way(pods[0]) if pods else ""}
    each = [{**document(f"pod/{pod.name}", pod.found), "way": _way(pod)} for pod in pods]
    return {**whole, "pods": each}


def _way(pod: PodChecked) -> str:
    return pod.way.value if pod.way else ""


def _show(
    target: str, about: Subject, worst: Checked, pods: Sequence[PodChecked], output: Output
) -> None:
    if output is Output.TEXT:
        _tell(target, about, worst, pods)
        return
    told = as_document(target, about, worst, pods)
    if output is Output.JSON:
        print(json.dumps(told, indent=2))
    else:
        yaml.safe_dump(told, sys.stdout, sort_keys=False)


def _tell(target: str, about: Subject, worst: Checked, pods: Sequence[PodChecked]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    bare = worst if about.pod else replace(worst, steps=(), models=(), components=(), canaries=())
    tell_one(console, target, bare)
    if about.source:
        console.print(Text(f"  asked {about.source}", style="dim"))
    for pod in pods:
        if not about.pod:
            tell_one(console, f"pod/{pod.name}", pod.found, "  ")
        if pod.way is not None:
            indent = "  " if about.pod else "    "
            console.print(Text(f"{indent}{_WORDS[pod.way]}", style="dim"))
    if worst.verdict is Verdict.READY and not worst.canaries:
        console.print(Text(f"  {NOT_ASKED}", style="dim"))
