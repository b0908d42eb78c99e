"""Uninstalled as docs/install.md says: workloads stay as their policies promised."""

from collections.abc import Iterator

import pytest

from e2e.installed import BASE, Installed, install
from e2e.node.upheavals.calm import APP, Calm, look
from e2e.story import expect, seen, workloads
from e2e.story.stage import KubectlError, Stage, kubectl
from inferencehealth.api.names import SYSTEM_NAMESPACE

pytestmark = pytest.mark.node

OWN = {"livenessProbe": {"httpGet": {"path": "/v2/health/live", "port": 8000}, "periodSeconds": 7}}
"""An author's probe, which is replaced by ours."""


@pytest.fixture(scope="module")
def uninstalled(installed: Installed, calm: Calm) -> Iterator[Calm]:
    """Two workloads with our probes, one to be kept and one restored; then nothing of ours."""
    stage = calm.stage
    workloads.deploy(
        stage,
        "triton",
        workloads.environment("triton", {"SLOW_SECONDS": "1"}),
        workloads.probes_of_author("triton", OWN),
        workloads.renamed("restored"),
    )
    expect.rolled_out(stage, "restored")
    workloads.apply_policy(
        stage,
        workloads.POLICIES / "triton.yaml",
        _named("restored"),
        workloads.spec_of_policy(("target", "selector"), {"matchLabels": {"app": "restored"}}),
        workloads.spec_of_policy(
            ("probes",), {"mode": "Apply", "existing": "Replace", "onDelete": "Restore"}
        ),
    )
    expect.injected(stage, "restored")
    expect.rolled_out(stage, "restored")
    kubectl(stage.cluster, "delete", "ihp", "--all", "--all-namespaces")
    stage.eventually(
        "every report is gone",
        lambda: stage.items("ihr", "--all-namespaces"),
        lambda found: not found,
        within=expect.START,
        show=lambda found: f"{len(found)} reports",
    )
    kubectl(stage.cluster, "delete", "--wait=false", "-k", str(BASE))
    stage.eventually(
        "the operator's namespace is gone",
        lambda: _names(stage),
        lambda names: SYSTEM_NAMESPACE not in names,
        within=expect.START,
    )
    yield calm
    install(installed.cluster)


def _named(name: str) -> workloads.Alter:
    def alter(document: workloads.Document) -> None:
        document["metadata"]["name"] = name

    return alter


def _names(stage: Stage) -> list[str]:
    return [each["metadata"]["name"] for each in stage.items("namespaces")]


def test_what_was_to_be_retained_runs_on_as_it_was(uninstalled: Calm) -> None:
    assert look(uninstalled.stage) == uninstalled


def test_what_was_to_be_restored_has_the_probes_of_its_author(uninstalled: Calm) -> None:
    stage = uninstalled.stage
    expect.rolled_out(stage, "restored")
    probes = seen.probes(stage, "restored")
    assert set(probes) == set(OWN)
    liveness = probes["livenessProbe"]
    assert liveness["periodSeconds"] == 7
    assert liveness["httpGet"]["path"] == "/v2/health/live"


def test_nothing_of_ours_is_left(uninstalled: Calm) -> None:
    stage = uninstalled.stage
    for kind in ("clusterroles", "clusterrolebindings", "validatingadmissionpolicies", "crds"):
        left = [each["metadata"]["name"] for each in stage.items(kind)]
        assert [name for name in left if "inferencehealth" in name] == []
    with pytest.raises(KubectlError, match=f'namespaces "{SYSTEM_NAMESPACE}" not found'):
        kubectl(stage.cluster, "get", "namespace", SYSTEM_NAMESPACE)


def test_pods_of_deployments_that_were_served_still_start(uninstalled: Calm) -> None:
    stage = uninstalled.stage
    stage.act("rollout", "restart", f"deployment/{APP}")
    expect.rolled_out(stage, APP)
