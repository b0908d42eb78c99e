"""A real kube-apiserver with our CRDs, and a namespace of its own for each test."""

import subprocess
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from e2e.cluster.fixture import cluster_of
from e2e.cluster.model import Cluster, Tier
from inferencehealth.kube import config
from inferencehealth.kube.client import Client, connect
from inferencehealth.kube.requests import NAMESPACES

__all__ = ["cluster_of"]

CRDS = Path(__file__).parents[2] / "crds"


@pytest.fixture(scope="session")
def cluster(cluster_of: Callable[[Tier], Cluster]) -> Cluster:
    """The session's cluster, with our CRDs established."""
    found = cluster_of(Tier.INTEGRATION)
    for words in (
        ["apply", "--server-side", "--force-conflicts", "-f", str(CRDS)],
        ["wait", "--for=condition=Established", "--timeout=30s", "-f", str(CRDS)],
    ):
        command = [str(found.kubectl), "--kubeconfig", str(found.kubeconfig), *words]
        subprocess.run(command, check=True, capture_output=True, text=True)
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
