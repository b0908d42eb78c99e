"""The commands of docs/gitops.md that need no operator, run as they stand."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from e2e.cluster.kubectl import kubectl
from e2e.cluster.model import Cluster
from tests.integration.kubectl.test_schemas import kubeconform

pytestmark = pytest.mark.integration

CHECKOUT = Path(__file__).parents[3]


def documented(beginning: str) -> list[str]:
    """The words of the one command that begins so, files as paths of this checkout."""
    docs = (CHECKOUT / "docs/gitops.md").read_text()
    (line,) = re.findall(rf"^\$ ({beginning} .*)$", docs, re.MULTILINE)
    return [
        str(CHECKOUT / word) if word.startswith(("manifests/", "examples/")) else word
        for word in shlex.split(line)
    ]


def test_argo_cd_keeps_its_settings_and_learns_ours(cluster: Cluster, namespace: str) -> None:
    words = documented("kubectl patch configmap")[1:]
    words[words.index("argocd")] = namespace
    own = ("create", "configmap", "argocd-cm", "-n", namespace, "--from-literal=url=https://a.test")
    kubectl(cluster, *own)
    kubectl(cluster, *words)
    found = yaml.safe_load(
        kubectl(cluster, "-n", namespace, "get", "cm", "argocd-cm", "-o", "yaml")
    )
    kinds = ("InferenceHealthPolicy", "InferenceHealthReport")
    assert set(found["data"]) == {
        "url",
        *(f"resource.customizations.health.inferencehealth.dev_{kind}" for kind in kinds),
    }
    for kind in kinds:
        script = (CHECKOUT / "manifests/argocd" / f"{kind}.lua").read_text()
        assert found["data"][f"resource.customizations.health.inferencehealth.dev_{kind}"] == script


def test_the_policy_for_git_is_taken(cluster: Cluster, namespace: str) -> None:
    path = CHECKOUT / "examples/gitops/argocd/policy.yaml"
    told = kubectl(cluster, "-n", namespace, "apply", "--dry-run=server", "-f", str(path))
    assert "triton created (server dry run)" in told


def test_kubeconform_is_called_as_documented() -> None:
    words = documented("kubeconform")
    where = words.index("default") - 1  # the one with the schemas of Kubernetes needs the internet
    *options, pattern = words[1:where] + words[where + 2 :]
    assert Path(pattern).parent.name == "examples"
    own = options.index("-schema-location") + 1
    files = [str(path) for path in sorted(CHECKOUT.glob("examples/*.yaml"))]
    assert kubeconform(schemas=options[own], files=files).returncode == 0
