"""pytest fixtures: a cluster for the session, of the tier that a test is marked with.

A conftest.py takes them by `from e2e.cluster.fixture import cluster, cluster_of, take_real_node`.
CLUSTER_REUSE names a cluster that is up already: the quick way while writing tests.
"""

import contextlib
import functools
import os
from collections.abc import Callable, Iterator

import pytest

from e2e.cluster import api, turns
from e2e.cluster.model import Cluster, ClusterError, Tier
from e2e.cluster.processes import identify

REUSE = "CLUSTER_REUSE"


@pytest.fixture(scope="session")
def take_real_node() -> Iterator[Callable[[], None]]:
    """A function after which this machine's one real node is ours until the session ends."""
    with contextlib.ExitStack() as turn:

        @functools.cache
        def take() -> None:
            turn.enter_context(turns.real_node())

        yield take


@pytest.fixture(scope="session")
def cluster_of(take_real_node: Callable[[], None]) -> Iterator[Callable[[Tier], Cluster]]:
    """A function that gives the session's cluster of a tier: up when first asked for.

    All are down at the end; if the session is killed, the next `up` takes them down.
    """
    started: dict[Tier, Cluster] = {}

    def give(tier: Tier) -> Cluster:
        try:
            if found := reused(tier) or started.get(tier):
                return found
            if tier is Tier.NODE:
                take_real_node()
            return started.setdefault(tier, _start(tier))
        except ClusterError as error:
            pytest.fail(str(error), pytrace=False)

    yield give
    for running in started.values():
        api.down(running)


@pytest.fixture
def cluster(request: pytest.FixtureRequest, cluster_of: Callable[[Tier], Cluster]) -> Cluster:
    """The cluster of the tier that the test, its class or its module is marked with."""
    tiers = [tier for tier in Tier if request.node.get_closest_marker(str(tier))]
    if len(tiers) != 1:
        marks = ", ".join(f"@pytest.mark.{tier}" for tier in Tier)
        pytest.fail(f"mark the test with one of {marks}", pytrace=False)
    return cluster_of(tiers[0])


def reused(tier: Tier) -> Cluster | None:
    """The running cluster that CLUSTER_REUSE names; raises ClusterError when it cannot serve."""
    if not (name := os.environ.get(REUSE)):
        return None
    found = api.find(name)
    if not serves(found.tier, tier):
        raise ClusterError(f"{REUSE}={name}: it is of the {found.tier} tier, not {tier}")
    return found


def serves(has: Tier, wanted: Tier) -> bool:
    """Whether tests of one tier can run on a cluster of another."""
    return has is wanted or wanted is Tier.INTEGRATION


def _start(tier: Tier) -> Cluster:
    pid = os.getpid()
    return api.up(tier, name=f"pytest-{pid}-{tier}", audit=True, owner=identify(pid))
