"""The two doors: the controller's policies on the newest API server, the webhook on 1.35."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from e2e.cluster.definitions import define
from e2e.cluster.model import Cluster, Tier
from tests.integration.admission.doors import (
    SYSTEM,
    Door,
    configuration,
    free_port,
    kubectl,
    running,
)
from tests.integration.conftest import CRDS


@pytest.fixture(scope="module", params=["policies", "webhook"])
def door_name(request: pytest.FixtureRequest) -> str:
    """Which door; a module that is about one of them overrides this."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def cluster(
    door_name: str,
    cluster_of: Callable[[Tier], Cluster],
    request: pytest.FixtureRequest,
) -> Cluster:
    """The cluster whose API server has that door, with our CRDs established."""
    found: Cluster = (
        cluster_of(Tier.INTEGRATION)
        if door_name == "policies"
        else request.getfixturevalue("of_1_35")
    )
    define(found, CRDS)
    subprocess.run(
        [str(found.kubectl), "--kubeconfig", str(found.kubeconfig), "create", "ns", SYSTEM],
        check=False,
        capture_output=True,
    )
    return found


@pytest.fixture(scope="module")
def door(
    door_name: str, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Door]:
    """The door, open: the controller runs, and on 1.35 the webhook."""
    log = tmp_path_factory.mktemp(door_name) / "log"
    with ExitStack() as stack:
        stack.enter_context(running(cluster, log, "controller"))
        if door_name == "webhook":
            name, port = "inferencehealth-test", free_port()
            kubectl(cluster, "apply", "--server-side", "-f", "-", stdin=configuration(name, port))
            stack.callback(kubectl, cluster, "delete", "mutatingwebhookconfiguration", name)
            words = ["--host", "127.0.0.1", "--port", str(port), "--name", "127.0.0.1"]
            stack.enter_context(running(cluster, log, "webhook", *words, "--configuration", name))
        yield Door(door_name, cluster, log)
