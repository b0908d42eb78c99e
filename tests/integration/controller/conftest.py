"""The real controller as a process of its own, on the real API server."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.cluster.model import Cluster
from inferencehealth.api.names import GROUP, POLICY_PLURAL
from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import Invalid
from inferencehealth.kube.requests import POLICIES, Resource
from tests.integration.objects import policy

SYSTEM = "inferencehealth-system"


@pytest.fixture(scope="module")
def controller(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A running controller; the value is its log, which a failing test's reader wants.

    Ended with the module: other modules start controllers of their own.
    """
    log = tmp_path_factory.mktemp("controller") / "log"
    kubectl = [str(cluster.kubectl), "--kubeconfig", str(cluster.kubeconfig)]
    subprocess.run([*kubectl, "create", "namespace", SYSTEM], check=False, capture_output=True)
    command = [sys.executable, "-m", "inferencehealth.cli", "controller", "--log-format", "text"]
    with log.open("w") as sink:
        running = subprocess.Popen(
            command,
            stderr=sink,
            env=os.environ | {"KUBECONFIG": str(cluster.kubeconfig)},
        )
        yield log
        running.terminate()
        code = running.wait(timeout=30)
    assert code == 0, log.read_text()


CRD = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False
)
POLICY_CRD = f"{POLICY_PLURAL}.{GROUP}"


@pytest.fixture
async def loose_crds(client: Client, namespace: str) -> AsyncIterator[None]:
    """Policies as a newer version of us might allow them: unknown profiles and fields."""
    spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties"
    probes, profile = f"{spec}/probes", f"{spec}/server/properties/profile/enum"
    before = await client.get(CRD, POLICY_CRD)
    loosen = [
        {"op": "add", "path": f"{probes}/x-kubernetes-preserve-unknown-fields", "value": True},
        {"op": "remove", "path": profile},
    ]
    await client.json_patch(CRD, POLICY_CRD, loosen, manager="test")
    probe = policy("probe", server={"profile": "newer"}, probes={"shiny": True})
    while not await _accepted(client, namespace, probe):
        continue  # the API server takes a moment to serve a changed definition
    yield
    newest = await client.get(CRD, POLICY_CRD)
    await client.update(CRD, newest | {"spec": before["spec"]}, manager="test")


async def _accepted(client: Client, namespace: str, body: dict[str, Any]) -> bool:
    try:
        made = await client.create(POLICIES, body, namespace=namespace, manager="author")
    except Invalid:
        return False
    await client.delete(POLICIES, "probe", namespace=namespace)
    return "shiny" in made["spec"]["probes"]
