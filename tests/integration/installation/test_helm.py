"""A release by Helm itself on a real API server: installed, upgraded, uninstalled."""

import json
import uuid
from collections.abc import Iterator

import pytest

from e2e.cluster.model import Cluster
from releasing import project, rendering
from tests.integration.installation.kubectl import kubectl

pytestmark = pytest.mark.integration

SCOPE = "scope=Namespace,crds.install=false"
PART = "app.kubernetes.io/part-of=inferencehealth"
KINDS = "deployments,serviceaccounts,services,roles,rolebindings,networkpolicies,pdb"


@pytest.fixture
def home(cluster: Cluster) -> Iterator[str]:
    """A namespace of the release's own, which takes nothing from other tests."""
    name = f"release-{uuid.uuid4().hex[:8]}"
    kubectl(cluster, "create", "namespace", name)
    yield name
    kubectl(cluster, "delete", "namespace", name, "--wait=false")


def helm(cluster: Cluster, *words: str) -> str:
    return rendering.helm(*words, env={"KUBECONFIG": str(cluster.kubeconfig)})


def ours(cluster: Cluster, namespace: str) -> set[str]:
    """KIND/NAME of what is there of us."""
    words = ("get", KINDS, "-n", namespace, "-o", "name", "-l", PART)
    return set(kubectl(cluster, *words).split())


def test_a_release_comes_changes_and_goes(cluster: Cluster, home: str) -> None:
    where = ("-n", home)
    chart = str(rendering.CHART)
    helm(cluster, "install", project.NAME, chart, *where, "--set", SCOPE)
    installed = ours(cluster, home)
    assert {"deployment.apps/inferencehealth-checker", "service/inferencehealth-controller"} <= (
        installed
    )
    told = json.loads(helm(cluster, "list", *where, "-o", "json"))
    assert [each["app_version"] for each in told] == [project.version()]

    values = f"{SCOPE},checker.replicas=3,image.tag=next"
    helm(cluster, "upgrade", project.NAME, chart, *where, "--set", values)
    assert ours(cluster, home) == installed
    path = "jsonpath={.spec.replicas} {.spec.template.spec.containers[0].image}"
    checker = kubectl(cluster, "get", "deploy/inferencehealth-checker", *where, "-o", path)
    assert checker == "3 inferencehealth:next"

    helm(cluster, "uninstall", project.NAME, *where)
    assert ours(cluster, home) == set()


def test_notes_lead_to_the_first_policy(cluster: Cluster, home: str) -> None:
    told = helm(cluster, "install", project.NAME, str(rendering.CHART), "-n", home, "--set", SCOPE)
    policy = told[told.index("  apiVersion:") : told.index("and look:")]
    policy = policy.replace("YOUR-NAMESPACE", home)
    kubectl(cluster, "apply", "-f", "-", stdin="\n".join(line[2:] for line in policy.splitlines()))
    assert "models" in kubectl(cluster, "get", "ihp", "-n", home, "-o", "name")
