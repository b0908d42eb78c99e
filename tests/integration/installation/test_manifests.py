"""What is installed: the base, its overlays and the chart agree, and real API servers take them."""

import json
from typing import Any

import pytest
import yaml

from e2e.cluster.model import Cluster
from inferencehealth.api.names import SYSTEM_NAMESPACE
from releasing.project import ROOT
from releasing.rendering import RenderError, charted, kustomized
from tests.integration.installation.kubectl import kubectl

pytestmark = pytest.mark.integration

MANIFESTS = ROOT / "manifests"
WAYS = {
    "base": ("crds.keep=false",),
    "overlays/ha": ("crds.keep=false", "controller.replicas=2", "checker.replicas=2"),
    "overlays/namespaced": ("crds.install=false", "scope=Namespace"),
}
"""Folders for kustomize, and the values that make the chart say the same."""
JUDGED = "inferencehealth-judged"
FOLDERS = ("base", "overlays/ha", "overlays/dev", "overlays/namespaced")

Objects = dict[tuple[str, str], dict[str, Any]]


def objects(text: str) -> Objects:
    """What the documents define, by kind and name; a namespace is made by Helm's user himself."""
    found = [each for each in yaml.safe_load_all(text) if each]
    named = {(each["kind"], each["metadata"]["name"]): each for each in found}
    assert len(named) == len(found), "two objects of one kind have one name"
    return {key: each for key, each in named.items() if key[0] != "Namespace"}


def pods(text: str) -> list[dict[str, Any]]:
    found = objects(text).values()
    return [each["spec"]["template"]["spec"] for each in found if each["kind"] == "Deployment"]


@pytest.mark.parametrize("folder", WAYS)
def test_chart_and_kustomize_install_the_same(folder: str) -> None:
    ours, charts = objects(kustomized(MANIFESTS / folder)), objects(charted(*WAYS[folder]))
    assert sorted(ours) == sorted(charts)
    for key, expected in ours.items():
        assert charts[key] == expected, key


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_api_server_takes_every_field(cluster: Cluster, folder: str) -> None:
    apply(cluster, kustomized(MANIFESTS / folder))


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_api_server_of_1_35_takes_every_field(of_1_35: Cluster, folder: str) -> None:
    apply(of_1_35, kustomized(MANIFESTS / folder))


def test_the_chart_with_everything_chosen_is_taken_too(cluster: Cluster) -> None:
    rendered = charted(
        "initialMode.enabled=true",
        "controller.nodeSelector.disk=fast",
        "checker.tolerations[0].operator=Exists",
        "webhook.priorityClassName=system-cluster-critical",
        "imagePullSecrets[0].name=registry",
        "podAnnotations.team=ml",
        "podLabels.team=ml",
        f"image.digest=sha256:{'0' * 64}",
    )
    apply(cluster, rendered)
    assert {pod["containers"][0]["image"] for pod in pods(rendered)} == {
        f"inferencehealth@sha256:{'0' * 64}"
    }


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_pod_of_ours_passes_the_restricted_level(cluster: Cluster, folder: str) -> None:
    """Judged by the API server's own plugin, in a namespace with the labels of ours."""
    namespace = yaml.safe_load((MANIFESTS / "base/namespace.yaml").read_text())
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    namespace["metadata"]["name"] = JUDGED
    kubectl(cluster, "apply", "--server-side", "-f", "-", stdin=json.dumps(namespace))
    for number, spec in enumerate(pods(kustomized(MANIFESTS / folder))):
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"judged-{number}", "namespace": JUDGED},
            "spec": {key: value for key, value in spec.items() if key != "serviceAccountName"},
        }
        kubectl(cluster, "create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod))


def test_without_cluster_rights_nothing_is_of_the_cluster() -> None:
    rendered = kustomized(MANIFESTS / "overlays/namespaced")
    assert all("namespace" in each["metadata"] for each in objects(rendered).values())


def test_definitions_outlive_the_chart_unless_asked() -> None:
    kept = [each for key, each in objects(charted()).items() if "CustomResource" in key[0]]
    assert [each["metadata"]["annotations"] for each in kept] == [
        {"helm.sh/resource-policy": "keep"}
    ] * 2


def test_the_chart_goes_where_the_release_goes() -> None:
    rendered = charted("crds.install=false", namespace="elsewhere")
    assert SYSTEM_NAMESPACE not in rendered
    found = [each["metadata"].get("namespace") for each in objects(rendered).values()]
    assert {each for each in found if each} == {"elsewhere"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("controller.replicas=0", "minimum"),
        ("checker.replica=2", "replica"),
        ("scope=Everything", "Cluster"),
        ("image.digest=latest", "pattern"),
    ],
)
def test_a_value_that_means_nothing_is_refused(value: str, said: str) -> None:
    with pytest.raises(RenderError, match=said):
        charted(value)


def test_prometheus_is_told_where_to_look_when_asked() -> None:
    kinds = {"ServiceMonitor", "PodMonitor"}
    assert kinds.isdisjoint(kind for kind, _ in objects(charted()))
    assert kinds <= {kind for kind, _ in objects(charted("monitoring.enabled=true"))}


def test_the_folders_are_all_there_are() -> None:
    found = {path.parent for path in MANIFESTS.glob("overlays/*/kustomization.yaml")}
    assert found == {MANIFESTS / folder for folder in FOLDERS if folder != "base"}


def apply(cluster: Cluster, manifests: str) -> None:
    """Apply as a dry run: every field has to be known, and every object valid."""
    ensure_namespace(cluster)
    kubectl(
        cluster,
        *("apply", "--server-side", "--force-conflicts", "--validate=strict", "--dry-run=server"),
        *("-f", "-"),
        stdin=manifests,
    )


def ensure_namespace(cluster: Cluster) -> None:
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM_NAMESPACE}}
    kubectl(cluster, "apply", "--server-side", "-f", "-", stdin=json.dumps(manifest))
