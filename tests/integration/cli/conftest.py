"""A model server of one endpoint, and the whole operator beside it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from e2e.cluster.model import Cluster
from inferencehealth.kube.client import Client
from tests.integration.operated import Server, operating, serving

ADDRESS = "127.0.0.21"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """The server, on an address of its own."""
    async with serving(ADDRESS) as answering:
        yield answering


@pytest.fixture
async def operator(
    cluster: Cluster, client: Client, namespace: str, server: Server, tmp_path: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The whole operator over one namespace with one pod that serves."""
    async with operating(cluster, client, namespace, server, tmp_path / "log") as running:
        yield running
