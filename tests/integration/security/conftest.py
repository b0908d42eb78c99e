"""Our programs' rights as they are shipped, on the newest API server and on 1.35."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from e2e.cluster.definitions import define
from e2e.cluster.model import Cluster, Tier
from inferencehealth.installation.access import Program
from inferencehealth.kube import config
from inferencehealth.kube.client import Client, connect
from tests.integration.conftest import CRDS
from tests.integration.security.accounts import BASE, install, kubeconfig_of


@pytest.fixture(scope="module", params=["newest", "1.35"])
def minor(request: pytest.FixtureRequest) -> str:
    """Which API server; a module that needs one of them alone overrides this."""
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def cluster(
    minor: str, cluster_of: Callable[[Tier], Cluster], request: pytest.FixtureRequest
) -> Cluster:
    """That API server, with our definitions, rights and restraint."""
    found: Cluster = (
        cluster_of(Tier.INTEGRATION) if minor == "newest" else request.getfixturevalue("of_1_35")
    )
    define(found, CRDS)
    install(found, *BASE)
    return found


@pytest.fixture
async def as_controller(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Client]:
    """A client with the controller's token."""
    async with connect(await _access(cluster, Program.CONTROLLER, tmp_path)) as client:
        yield client


@pytest.fixture
async def as_checker(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Client]:
    """A client with a checker's token."""
    async with connect(await _access(cluster, Program.CHECKER, tmp_path)) as client:
        yield client


async def _access(cluster: Cluster, program: Program, folder: Path) -> config.Access:
    return await config.load(kubeconfig_of(cluster, program, folder))
