"""Bring clusters up, find them again, take them down: what the fixtures and the demo call."""

import os
from collections.abc import Mapping
from pathlib import Path

from e2e.cluster import processes
from e2e.cluster import progress as progress_
from e2e.cluster.choice import choose, look_around
from e2e.cluster.model import Cluster, ClusterError, ProviderName, Tier, checked_name
from e2e.cluster.paths import state_home
from e2e.cluster.processes import ProcessId
from e2e.cluster.progress import Progress
from e2e.cluster.provider import Health, Provider, Request
from e2e.cluster.providers.existing import EXISTING
from e2e.cluster.providers.kind import KIND
from e2e.cluster.providers.source import SOURCE
from e2e.cluster.state import State, is_abandoned, load, load_all, locked, save

PROVIDERS: dict[ProviderName, Provider] = {
    ProviderName.KIND: KIND,
    ProviderName.SOURCE: SOURCE,
    ProviderName.EXISTING: EXISTING,
}


def up(
    tier: Tier,
    *,
    name: str = "default",
    audit: bool = False,
    owner: ProcessId | None = None,
    gives_way: bool = False,
    env: Mapping[str, str] = os.environ,
    progress: Progress | None = None,
) -> Cluster:
    """A running cluster of this tier and name: the one that is up, or a new one.

    Returns when the API server is ready, nodes are Ready and pods can be created. `audit` asks
    for an audit log, which only the source provider has. A cluster with an `owner` may be taken
    down by anyone once that process has died; one that `gives_way`, by tests that need the
    machine's one real node, and by whoever wants it when it is not well any more. Raises
    ClusterError; then, and on Ctrl-C, nothing that was started is left.
    """
    progress = progress or progress_.to_stderr()
    home = state_home(env)
    folder = home / checked_name(name)
    _take_down_leftovers(home, progress)
    if (state := load(folder)) is not None:
        if not (found := _unfit(state, folder, tier)):
            return state.cluster(folder)
        if not state.gives_way:
            raise ClusterError(
                f"there is a cluster {name} already ({found}); "
                f"remedy: another --name, or python -m e2e.cluster down --name {name}"
            )
        progress.say(f"taking down {name}, which was left to be looked at ({found})")
        _down(folder)
    choice = choose(env.get("CLUSTER"), tier, look_around(env, tier))
    progress.say(f"cluster {name}, {tier} tier, from {choice.provider}: {choice.reason}")
    request = Request(
        name=name,
        tier=tier,
        audit=audit,
        owner=owner,
        home=home,
        folder=folder,
        env=env,
        progress=progress,
    )
    started = PROVIDERS[choice.provider].start(request)
    state = started.model_copy(update={"gives_way": gives_way})
    save(folder, state)
    return state.cluster(folder)


def down(cluster: Cluster) -> None:
    """Take a cluster down with all that belongs to it; nothing to do when it is down already."""
    _down(cluster.state_dir)


def down_by_name(name: str, env: Mapping[str, str] = os.environ) -> bool:
    """Take the cluster of this name down; False when there was none."""
    return _down(state_home(env) / checked_name(name))


def find(name: str, env: Mapping[str, str] = os.environ) -> Cluster:
    """The running cluster of this name; raises ClusterError when there is none."""
    folder = state_home(env) / checked_name(name)
    state = load(folder)
    if state is None or state.phase != "up":
        raise ClusterError(
            f"no cluster {name} is up; remedy: python -m e2e.cluster up --name {name}"
        )
    return state.cluster(folder)


def names(env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The names of all clusters of this user; the values say whether one is up or starting."""
    return {state.name: state.phase for state in load_all(state_home(env)).values()}


def status(cluster: Cluster) -> list[Health]:
    """What a cluster runs and whether it is well."""
    state = _state_of(cluster)
    return PROVIDERS[state.provider].status(cluster.state_dir, state)


def load_image(cluster: Cluster, archive: Path) -> None:
    """Give the cluster's nodes an image (docker-archive), for `imagePullPolicy: Never`."""
    state = _state_of(cluster)
    PROVIDERS[state.provider].load_image(cluster.state_dir, state, archive)


def _state_of(cluster: Cluster) -> State:
    if (state := load(cluster.state_dir)) is None:
        raise ClusterError(f"cluster {cluster.name} is not up any more")
    return state


def _unfit(state: State, folder: Path, tier: Tier) -> str:
    """Why a cluster that exists cannot be had again; "" where it can."""
    if state.tier is not tier or state.phase != "up":
        return f"{state.tier} tier, {state.phase}"
    healths = PROVIDERS[state.provider].status(folder, state)
    return ", ".join(f"{h.component} {h.health}" for h in healths if h.health != "well")


def _down(folder: Path) -> bool:
    # Under the lock: two programs that clean up after the same dead one must not collide.
    with locked(folder.parent):
        if (state := load(folder)) is None:
            return False
        PROVIDERS[state.provider].stop(folder, state)
        return True


def _take_down_leftovers(home: Path, progress: Progress) -> None:
    for folder, state in load_all(home).items():
        if is_abandoned(state):
            progress.say(f"taking down {state.name}: who started it has died")
            _down(folder)
        elif _is_dead(state, folder):
            progress.say(f"taking down {state.name}: nothing of it runs any more")
            _down(folder)


def _is_dead(state: State, folder: Path) -> bool:
    # As after the machine was started anew: what is left would only stand in the way.
    ours = state.phase == "up" and state.provider is ProviderName.SOURCE
    return ours and not processes.marked(folder)
