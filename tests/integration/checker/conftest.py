from collections.abc import AsyncIterator

import pytest

from e2e.cluster.model import Cluster
from inferencehealth.kube import config
from inferencehealth.kube.config import Access

from .world import Server


@pytest.fixture
async def access(cluster: Cluster) -> Access:
    """Administrator's access to the cluster."""
    return await config.load(cluster.kubeconfig)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """One server that serves."""
    made = Server()
    await made.open(0)
    yield made
    made.close()
