"""All cases through all phases at once, measured while nothing should happen.

Whoever reads the records decides what is right; here it is only waited until a case has settled,
and told what it was instead where it never does.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.model import Cluster
from e2e.cluster.progress import Progress
from e2e.ecosystem import writes
from e2e.ecosystem.cases import Case, Phase
from e2e.ecosystem.manifests import POLICY
from e2e.ecosystem.repository import Repository
from e2e.ecosystem.seen import Sight, look
from e2e.ecosystem.tools import Tool
from e2e.story.stage import KubectlError, kubectl

LOOK_SECONDS = 2.0
"""Between two looks at everything: a process of kubectl each."""
SIDE_BY_SIDE = 8
"""Commands at once, as of several people."""
PATIENCE = 900.0
"""Until everything has settled: a fight that nobody hurries has three rounds in six minutes."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A case under a tool."""

    tool: Tool
    case: Case
    repository: Repository

    @property
    def space(self) -> str:
        """Its namespace, and the name of all that the tool has for it."""
        return f"{self.tool.name}-{self.case.name}"


@dataclass(frozen=True, slots=True)
class Record:
    """What was measured of an actor in a quiet period."""

    space: str
    phase: Phase
    seconds: float
    states: frozenset[str]
    """Of the tool, all that were seen."""
    rollouts: int
    """Of the Deployment, since its creation."""
    more_rollouts: int
    more_generations: int
    writes_before: int
    """Of ours to the Deployment since the phase began."""
    our_writes: int
    """To any object of the namespace, statuses too, in the period."""
    tool_writes: int
    """To the Deployment, in the period."""
    sight: Sight
    """At the end."""
    healths: Mapping[str, str]
    """Of the objects that the tool shows, by kind, at the end."""


@dataclass(frozen=True, slots=True)
class Play:
    """Where it is played. `port` is where the models answer, `period` in seconds."""

    cluster: Cluster
    log: Path
    port: int
    period: float
    progress: Progress

    def sights(self, actors: Iterable[Actor], *, defined: bool = True) -> dict[str, Sight]:
        """What is the case now; an empty sight where there is nothing yet."""
        kinds = tuple(dict.fromkeys(actor.tool.resource for actor in actors))
        found = look(self.cluster, kinds, defined=defined)
        return {a.space: found.get(a.space, Sight({}, {}, {}, {})) for a in actors}

    def until(
        self,
        what: str,
        actors: Sequence[Actor],
        missing: Callable[[Actor, Sight], str],
        *,
        defined: bool = True,
    ) -> dict[str, Sight]:
        """Look until nothing is missing to any actor; raises AssertionError with what still is.

        `defined` says whether the API server knows our kinds.
        """
        began = time.monotonic()
        with self.progress.task(what):
            while True:
                try:
                    sights = self.sights(actors, defined=defined)
                    lacking = [
                        f"{a.space}: {m}" for a in actors if (m := missing(a, sights[a.space]))
                    ]
                except KubectlError as error:
                    lacking = [str(error)]
                if not lacking:
                    return sights
                if time.monotonic() - began > PATIENCE:
                    raise AssertionError(f"{what}: " + "; ".join(lacking))
                time.sleep(LOOK_SECONDS)

    def begin(self, actors: Sequence[Actor]) -> None:
        """Namespaces, repositories, and the tool that begins to manage them."""

        def start(actor: Actor) -> None:
            kubectl(self.cluster, "create", "namespace", actor.space)
            actor.tool.begin(actor.space, actor.repository, actor.case)
            self._hand_on(actor, Phase.BEGIN)

        _side_by_side(start, actors)

    def commit(self, actors: Sequence[Actor], phase: Phase) -> None:
        """Bring the cases into a phase, by a commit each."""
        watched = None if phase in (Phase.BEGIN, Phase.GONE) else POLICY

        def change(actor: Actor) -> None:
            actor.tool.watch_policy(actor.space, actor.case, watched)
            self._hand_on(actor, phase)

        _side_by_side(change, actors)

    def _hand_on(self, actor: Actor, phase: Phase) -> None:
        files = actor.case.files(phase, self.port, actor.tool.policies_of(actor.case))
        actor.tool.hand_on(actor.space, actor.repository, actor.repository.commit(files))

    def quiet(
        self, actors: Sequence[Actor], phase: Phase, start: int, before: Mapping[str, Sight]
    ) -> list[Record]:
        """Measure for the period; `start` is where the audit log ended when the phase began."""
        begun = writes.position(self.log)
        earlier = writes.since(self.log, start)
        states: dict[str, set[str]] = {actor.space: set() for actor in actors}
        began = time.monotonic()
        with self.progress.task(f"quiet for {self.period:.0f} s: {phase.value}"):
            while True:
                sights = self.sights(actors)
                for actor in actors:
                    states[actor.space].add(actor.tool.state(sights[actor.space].told))
                if (elapsed := time.monotonic() - began) >= self.period:
                    break
                time.sleep(LOOK_SECONDS)
        within = writes.since(self.log, begun)
        return [
            Record(
                space=a.space,
                phase=phase,
                seconds=elapsed,
                states=frozenset(states[a.space]),
                rollouts=sights[a.space].rollouts,
                more_rollouts=sights[a.space].rollouts - before[a.space].rollouts,
                more_generations=sights[a.space].generation - before[a.space].generation,
                writes_before=writes.to_deployments(earlier, writes.OURS, a.space),
                our_writes=writes.to_anything(within, writes.OURS, a.space),
                tool_writes=writes.to_deployments(within, a.tool.agent, a.space),
                sight=sights[a.space],
                healths=a.tool.healths(a.space),
            )
            for a in actors
        ]


def _side_by_side(act: Callable[[Actor], None], actors: Iterable[Actor]) -> None:
    """Do it for all of them: kubectl mostly waits. Raises what the first of them raised."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for _ in pool.map(act, actors):
            pass


def table(records: Iterable[Record]) -> str:
    """The records as a table in Markdown."""
    head = (
        "| case | phase | s | rollouts | more | our writes before, in it | its writes | state |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- |"
    )
    rows = [
        f"| {r.space} | {r.phase.value} | {r.seconds:.0f} | {r.rollouts} | {r.more_rollouts} "
        f"| {r.writes_before}, {r.our_writes} | {r.tool_writes} | {', '.join(sorted(r.states))} |"
        for r in records
    ]
    return "\n".join((head, *rows))
