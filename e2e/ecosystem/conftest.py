"""The stage of these suites: one cluster with fake pods, model servers behind them, and the tools.

PERIOD is for how many seconds it is watched that nothing happens; with minutes (the record's are
600) the operator is the one that users have, with few seconds it waits shorter between rounds.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from e2e.cluster.model import Cluster, Tier
from e2e.cluster.progress import to_stderr
from e2e.ecosystem import argocd, cases, flux, models, ours, repository
from e2e.ecosystem.cases import Case
from e2e.ecosystem.messages import told
from e2e.ecosystem.parts import folder_of
from e2e.ecosystem.play import Actor, Play
from e2e.ecosystem.seen import Sight
from e2e.ecosystem.tools import ArgoCd, Flux, Tool

PERIOD_SECONDS = 40.0
"""Four rounds of each tool, which take minutes with people."""
A_RECORD = 300.0
"""Periods from here on are for the record: nothing is hurried then."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A cluster on which both tools and the operator run.

    `early` are actors that began before our definitions were there, with what was said of that.
    """

    play: Play
    tools: Mapping[str, Tool]
    early: tuple[Actor, ...]
    said_early: Mapping[str, str]

    def actor(self, tool: str, case: Case) -> Actor:
        """A case under a tool, with a repository of its own."""
        return _actor(self.play, self.tools[tool], case)


@pytest.fixture(scope="session")
def ground(cluster_of: Callable[[Tier], Cluster]) -> Iterator[Play]:
    """A cluster with an audit log and model servers at its pods' addresses, and nothing else."""
    cluster = cluster_of(Tier.SCALE)
    if cluster.audit_log is None:
        pytest.fail(
            "these suites count writes by the audit log: unset CLUSTER_REUSE", pytrace=False
        )
    period = float(os.environ.get("PERIOD") or PERIOD_SECONDS)
    with models.serving() as port:
        yield Play(cluster, cluster.audit_log, port, period, to_stderr())


@pytest.fixture(scope="session")
def tools(ground: Play) -> Iterator[dict[str, Tool]]:
    """Both tools, on a cluster that knows nothing of us."""
    argocd.install(ground.cluster)
    flux.install(ground.cluster)
    with ExitStack() as stack:
        store = stack.enter_context(argocd.running_argocd(ground.cluster))
        artifacts = stack.enter_context(flux.running_flux(ground.cluster))
        yield {"argo": ArgoCd(ground.cluster, store), "flux": Flux(ground.cluster, artifacts)}


@pytest.fixture(scope="session")
def scene(ground: Play, tools: dict[str, Tool]) -> Iterator[Scene]:
    """First policies in Git of which nobody knows the kind; then our definitions, the operator."""
    early = tuple(_actor(ground, tool, cases.EARLY) for tool in tools.values())
    ground.begin(early)
    what = "a policy of which nobody knows the kind"
    said = ground.until(what, early, _not_refused, defined=False)
    ours.install(ground.cluster)
    with ours.running_operator(ground.cluster, hurried=ground.period < A_RECORD):
        for actor in early:
            actor.tool.again(actor.space)
        words = {actor.tool.name: told(said[actor.space].told) for actor in early}
        yield Scene(ground, tools, early, words)


def _actor(play: Play, tool: Tool, case: Case) -> Actor:
    folder = folder_of(play.cluster, "git") / f"{tool.name}-{case.name}"
    return Actor(tool, case, repository.create(folder))


def _not_refused(_actor: Actor, sight: Sight) -> str:
    """What is missing until the tool has given up applying the policy."""
    words = told(sight.told)
    phase = sight.told.get("status", {}).get("operationState", {}).get("phase", "Failed")
    known = "InferenceHealthPolicy" in words
    return "" if known and phase == "Failed" else f"{phase}: says {words!r}"
