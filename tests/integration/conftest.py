"""A real kube-apiserver with our CRDs, and a namespace of its own for each test."""

import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from e2e.cluster import api
from e2e.cluster.definitions import define
from e2e.cluster.fixture import cluster_of, take_real_node
from e2e.cluster.model import Cluster, Tier
from e2e.cluster.processes import identify
from inferencehealth.kube import config
from inferencehealth.kube.client import Client, connect
from inferencehealth.kube.requests import NAMESPACES

__all__ = ["cluster_of", "take_real_node"]

CRDS = Path(__file__).parents[2] / "crds"
REUSE = "CLUSTER_REUSE_1_35"
"""Names a cluster of 1.35 that is up already: the quick way while writing tests."""


@pytest.fixture(scope="session")
def of_1_35() -> Iterator[Cluster]:
    """An API server of 1.35, without controllers."""
    if name := os.environ.get(REUSE):
        yield api.find(name)
        return
    pid = os.getpid()
    found = api.up(
        Tier.INTEGRATION,
        name=f"pytest-{pid}-1-35",
        owner=identify(pid),
        env={**os.environ, "CLUSTER": "source", "KUBERNETES": "1.35"},
    )
    yield found
    api.down(found)


@pytest.fixture(scope="session")
def cluster(cluster_of: Callable[[Tier], Cluster]) -> Cluster:
    """The session's cluster, with our CRDs established."""
    found = cluster_of(Tier.INTEGRATION)
    define(found, CRDS)
    return found


@pytest.fixture
async def client(cluster: Cluster) -> AsyncIterator[Client]:
    """A client with all rights."""
    access = await config.load(cluster.kubeconfig)
    async with connect(access) as connected:
        yield connected


@pytest.fixture
async def namespace(client: Client) -> AsyncIterator[str]:
    """A namespace for one test; deleted afterwards, without waiting for it."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    await client.create(NAMESPACES, {"metadata": {"name": name}})
    yield name
    await client.delete(NAMESPACES, name)
