"""`ihp drill`: deletes one pod on purpose and sees whether everything follows that should."""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

import typer
import yaml

from inferencehealth.api.report import CheckSpec, WorkloadRef
from inferencehealth.checker.podproxy import PodProxy
from inferencehealth.checker.targets import runs
from inferencehealth.checker.ways import Choice, Way
from inferencehealth.checks.verdicts import SERVING
from inferencehealth.cli.asked import subject
from inferencehealth.cli.podcheck import Asker
from inferencehealth.cli.sources import tell
from inferencehealth.cli.targets import parse_workload
from inferencehealth.diagnosis.exercise import (
    Exercise,
    Outcome,
    Stage,
    Step,
    choose,
    document,
    in_traffic,
    line,
    question,
)
from inferencehealth.kube import config
from inferencehealth.kube.client import Client, connect, whole
from inferencehealth.kube.errors import Unreachable
from inferencehealth.kube.informer import Informer
from inferencehealth.kube.pods import PodRecord, project_pod
from inferencehealth.kube.requests import ENDPOINT_SLICES, PODS, JsonObject
from inferencehealth.kube.store import Key
from inferencehealth.kube.transport import open_transport
from inferencehealth.kubelet import DEFAULT_GRACE
from inferencehealth.problems import Problem

FAILED: Final = 1
"""Exit code where a step did not follow, or the exercise was not begun."""
INTERRUPTED: Final = 130
"""Exit code after Ctrl-C, as shells have it."""
ENDS_WITHIN: Final = 30.0
"""Seconds beyond the grace of the pod in which its traffic and its answers have to end."""
SCHEDULING: Final = 120.0
"""Seconds for scheduling and pulling, beyond what the server may take to load."""
PAUSE: Final = 1.0
"""Seconds between two checks of one pod."""
SYNCED_WITHIN: Final = 20.0
"""Seconds for the first list of each watch."""

T = TypeVar("T")


class Output(StrEnum):
    """How the report is printed."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


@dataclass(frozen=True, slots=True)
class Drill:
    """What is to be exercised. `timeout` None: as long as the server may take to load."""

    target: str
    kubeconfig: Path | None
    namespace: str
    yes: bool
    timeout: float | None
    transport: Choice
    output: Output


@dataclass(slots=True)
class _Scene:
    """What the watches tell."""

    pods: Mapping[Key, PodRecord] = field(default_factory=dict)
    slices: Mapping[Key, JsonObject] = field(default_factory=dict)
    next_change: asyncio.Event = field(default_factory=asyncio.Event)

    def changed(self, _change: object) -> None:
        """Wake whoever waits for a change."""
        self.next_change.set()
        self.next_change = asyncio.Event()

    async def until(self, seen: Callable[[], T | None], timeout: float) -> T | None:  # noqa: ASYNC109
        """What `seen` gives once it gives something; None after `timeout` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while (found := seen()) is None:
                    await self.next_change.wait()
                return found
        return None

    def routes_to(self, pod: PodRecord) -> bool:
        """Whether any Service sends it traffic."""
        return in_traffic(self.slices.values(), pod.name, pod.uid)


def drill(asked: Drill) -> int:
    """Go through the exercise and print its report; returns the exit code.

    Raises KubeError where the cluster can't be asked, typer.BadParameter for a target that is no
    workload, and where nobody can be asked whether to go on.
    """
    chosen = asyncio.run(_choose(asked))
    if chosen is None:
        return FAILED
    # Outside of any event loop, which would hold Ctrl-C back until an answer is typed.
    _ask(question(chosen.ref, chosen.pod.namespace, chosen.pod.name, chosen.count), asked)
    seen: list[Exercise] = []
    try:
        asyncio.run(_exercise(asked, chosen, seen))
    except KeyboardInterrupt:
        for exercise in seen[-1:]:
            tell(f"stopped; pod/{exercise.deleted} was deleted, and {chosen.ref} replaces it")
            _report(exercise, asked.output)
        return INTERRUPTED
    _report(seen[-1], asked.output)
    return 0 if seen[-1].passed else FAILED


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The pod that goes, one of `count` of a workload, and how pods are checked."""

    workload: WorkloadRef
    pod: PodRecord
    count: int
    check: CheckSpec

    @property
    def ref(self) -> str:
        """The workload as kubectl takes it."""
        return f"{self.workload.kind.lower()}/{self.workload.name}"


async def _choose(asked: Drill) -> _Chosen | None:
    """The pod to delete; None, and told why, where it is not the time for an exercise."""
    resource, name = parse_workload(asked.target)
    access = await config.load(asked.kubeconfig)
    space = asked.namespace or access.namespace or "default"
    workload = WorkloadRef(kind=resource.kind, name=name, uid="")
    async with connect(access) as client, open_transport(access) as wire:
        about = await subject(client, resource, name, space)
        if isinstance(about.check, Problem):
            tell(about.check.message)
            return None
        pod = choose(f"{resource.kind.lower()}/{name}", about.pods)
        if isinstance(pod, Problem):
            tell(pod.message)
            return None
        asker = Asker(client, about.check, asked.transport, PodProxy(wire))
        found = (await asker.check(pod)).found
    if found.verdict not in SERVING:
        told = found.message or found.reason
        tell(f"pod/{pod.name} does not serve now: {told}. First: ihp diagnose pod/{pod.name}")
        return None
    return _Chosen(workload, pod, len(about.pods), about.check)


def _ask(told: str, asked: Drill) -> None:
    if asked.yes:
        tell(told)
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{told} Nobody can be asked here: give --yes")
    typer.confirm(f"{told} Go on?", abort=True, err=True)


async def _exercise(asked: Drill, chosen: _Chosen, seen: list[Exercise]) -> None:
    """Delete the pod and wait for all that has to follow; each state of it goes into `seen`."""
    access, pod = await config.load(asked.kubeconfig), chosen.pod
    async with (
        connect(access) as client,
        open_transport(access) as wire,
        _watching(client, pod.namespace) as scene,
    ):
        raw = await client.get(PODS, pod.name, namespace=pod.namespace)
        grace = raw["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE)
        known = frozenset(each.uid for each in scene.pods.values())
        routed = scene.routes_to(pod)
        await client.delete(PODS, pod.name, namespace=pod.namespace, uid=pod.uid)
        play = _Play(
            scene=scene,
            asker=Asker(client, chosen.check, asked.transport, PodProxy(wire)),
            chosen=chosen,
            known=known,
            routed=routed,
            ends=grace + ENDS_WITHIN,
            load=asked.timeout or chosen.check.startup_budget + SCHEDULING,
            began=time.monotonic(),
            seen=seen,
            aloud=asked.output is Output.TEXT,
        )
        seen.append(Exercise(chosen.ref, pod.namespace, pod.name, chosen.count))
        await play.run()


@dataclass(frozen=True, slots=True)
class _Play:
    """The steps after the deletion, which are waited for all at the same time.

    `known` are the UIDs of the pods before; `routed`: some Service sent the deleted one traffic.
    In `ends` seconds the old pod has to be gone, in `load` seconds the new one has to serve.
    """

    scene: _Scene
    asker: Asker
    chosen: _Chosen
    known: frozenset[str]
    routed: bool
    ends: float
    load: float
    began: float
    seen: list[Exercise]
    aloud: bool

    async def run(self) -> None:
        """Wait for all steps, and note each of them."""
        await asyncio.gather(self._fails(), self._leaves_traffic(), self._is_replaced())

    async def _is_replaced(self) -> None:
        new = await self._new_pod()
        if new is not None:
            self.seen.append(replace(self.seen[-1], replacement=new.name))
            await asyncio.gather(self._serves(new), self._gets_traffic(new))

    def _note(self, stage: Stage, outcome: Outcome, told: str = "") -> None:
        step = Step(stage, outcome, self._since(), told)
        self.seen.append(replace(self.seen[-1], steps=(*self.seen[-1].steps, step)))
        if self.aloud:
            print(line(step), flush=True)

    def _since(self) -> float:
        return time.monotonic() - self.began

    async def _fails(self) -> None:
        """Until the deleted pod no longer answers as one that serves."""
        while self._since() < self.ends:
            if self._address_is_anothers():
                return self._note(Stage.CHECK_FAILS, Outcome.DONE, "its address is another pod's")
            checked = await self.asker.check(self.chosen.pod)
            if checked.way is Way.PROXY and self._is_gone():
                return self._note(Stage.CHECK_FAILS, Outcome.DONE, "the pod is gone")
            if checked.found.verdict not in SERVING:
                return self._note(Stage.CHECK_FAILS, Outcome.DONE, checked.found.reason)
            await asyncio.sleep(PAUSE)
        return self._note(Stage.CHECK_FAILS, Outcome.NOT_IN_TIME, "it still answers")

    def _is_gone(self) -> bool:
        """Whether the API server has no such pod; a StatefulSet gives its name to the next one."""
        old = self.chosen.pod
        now = self.scene.pods.get((old.namespace, old.name))
        return now is None or now.uid != old.uid

    def _address_is_anothers(self) -> bool:
        old = self.chosen.pod
        return any(p.ip == old.ip and p.uid != old.uid for p in self.scene.pods.values())

    async def _leaves_traffic(self) -> None:
        if not self.routed:
            return self._note(Stage.TRAFFIC_STOPS, Outcome.SKIPPED, "no Service routed to it")
        pod = self.chosen.pod
        gone = await self.scene.until(lambda: None if self.scene.routes_to(pod) else pod, self.ends)
        return self._note(Stage.TRAFFIC_STOPS, _outcome(gone), "by the EndpointSlices")

    async def _new_pod(self) -> PodRecord | None:
        """The replacement once it is ready; without one the steps about it are noted, too."""

        def ready() -> PodRecord | None:
            return next((pod for pod in self._candidates() if pod.ready), None)

        found = await self.scene.until(ready, self.load)
        if found is not None:
            self._note(Stage.POD_READY, Outcome.DONE, found.name)
            return found
        names = ", ".join(pod.name for pod in self._candidates())
        self._note(Stage.POD_READY, Outcome.NOT_IN_TIME, names or "no new pod was made")
        for stage in (Stage.CHECK_SUCCEEDS, Stage.TRAFFIC_RETURNS):
            self._note(stage, Outcome.SKIPPED, "there is no new pod to look at")
        return None

    def _candidates(self) -> list[PodRecord]:
        pods = self.scene.pods.values()
        return [p for p in pods if p.uid not in self.known and runs(self.chosen.workload, p)]

    async def _serves(self, pod: PodRecord) -> None:
        told = ""
        while self._since() < self.load:
            found = (await self.asker.check(pod)).found
            if found.verdict in SERVING:
                return self._note(Stage.CHECK_SUCCEEDS, Outcome.DONE, found.verdict.value)
            told = f"{found.verdict.value}: {found.reason}"
            await asyncio.sleep(PAUSE)
        return self._note(Stage.CHECK_SUCCEEDS, Outcome.NOT_IN_TIME, told)

    async def _gets_traffic(self, pod: PodRecord) -> None:
        if not self.routed:
            return self._note(Stage.TRAFFIC_RETURNS, Outcome.SKIPPED, "no Service routed before")
        there = await self.scene.until(
            lambda: pod if self.scene.routes_to(pod) else None, ENDS_WITHIN
        )
        return self._note(Stage.TRAFFIC_RETURNS, _outcome(there), "by the EndpointSlices")


def _outcome(seen: object | None) -> Outcome:
    return Outcome.NOT_IN_TIME if seen is None else Outcome.DONE


@asynccontextmanager
async def _watching(client: Client, namespace: str) -> AsyncIterator[_Scene]:
    """The pods and EndpointSlices of the namespace, kept up to date while the block runs.

    Raises KubeError where they can't be watched.
    """
    scene = _Scene()
    pods = Informer(client, PODS, project=project_pod, on_change=scene.changed, namespace=namespace)
    slices = Informer(
        client, ENDPOINT_SLICES, project=whole, on_change=scene.changed, namespace=namespace
    )
    scene.pods, scene.slices = pods.store, slices.store
    running = [asyncio.create_task(pods.run()), asyncio.create_task(slices.run())]
    try:
        for informer in (pods, slices):
            try:
                await asyncio.wait_for(informer.synced.wait(), SYNCED_WITHIN)
            except TimeoutError:
                told = "the API server does not list pods and EndpointSlices"
                raise informer.trouble or Unreachable(told, sent=False) from None
        yield scene
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _report(exercise: Exercise, output: Output) -> None:
    if output is Output.JSON:
        print(json.dumps(document(exercise), indent=2))
    elif output is Output.YAML:
        yaml.safe_dump(document(exercise), sys.stdout, sort_keys=False)
    else:
        worked = "passed" if exercise.passed else "not passed"
        print(f"{exercise.workload}: exercise {worked}")
