"""HPA, PDB, rollout restart and undo, Helm: on an injected workload each does what it does."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster import builds
from e2e.cluster.progress import to_stderr
from e2e.ecosystem import everyday, ours, owned
from e2e.ecosystem.everyday import ROLLOUTS, Model, begin, helm, probes, rolled, scaled
from e2e.ecosystem.grounds import ground
from e2e.ecosystem.manifests import APP, IMAGE, NEXT_IMAGE, REPLICAS
from e2e.ecosystem.play import Play
from e2e.story.stage import KubectlError

pytestmark = pytest.mark.scale

MODES = ("Initial", "Apply")
OF_IT = f"deployment/{APP}"


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    """A cluster with the operator on it."""
    with ground("everyday") as made:
        ours.install(made.cluster)
        with ours.running_operator(made.cluster, hurried=True):
            yield made


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    """How the probes come in."""
    return str(request.param)


def rests(model: Model, rollouts: int, image: str = IMAGE) -> None:
    """All probes are there, and stay, with no rollout beyond these."""
    model.injected(rollouts, image)
    before = model.raw()["metadata"]["generation"]
    owned.rest(model.play, model.stage.namespace)
    model.injected(rollouts, image)
    assert model.raw()["metadata"]["generation"] == before


def test_rollout_restart_is_one_rollout_with_our_probes(play: Play, mode: str) -> None:
    model = begin(play, mode, "restart", Model.create)
    model.act("rollout", "restart", OF_IT)
    rests(model, ROLLOUTS[mode] + 1)


def test_rollout_undo_brings_the_image_back_and_keeps_our_probes(play: Play, mode: str) -> None:
    model = begin(play, mode, "undo", Model.create)
    model.act("set", "image", OF_IT, f"{APP}={NEXT_IMAGE}")
    model.injected(ROLLOUTS[mode] + 1, NEXT_IMAGE)
    model.act("rollout", "undo", OF_IT)
    rests(model, ROLLOUTS[mode] + 2)


def test_undoing_our_own_rollout_is_respected_and_told(play: Play) -> None:
    model = begin(play, "Apply", "undo-ours", Model.create)
    model.act("rollout", "undo", OF_IT)
    told = model.stage.eventually(
        "what was undone is told",
        model.told,
        lambda words: "kubectl rollout undo" in words,
        within=owned.WITHIN,
    )
    assert "left as it is until" in told
    owned.rest(model.play, model.stage.namespace)
    assert probes(model.raw()) == set()
    assert rolled(model.raw()) == ROLLOUTS["Apply"] + 1


def test_kubectl_apply_of_the_same_manifest_changes_nothing(play: Play, mode: str) -> None:
    model = begin(play, mode, "apply", Model.create)
    model.create()
    rests(model, ROLLOUTS[mode])


def test_an_autoscaler_scales_without_a_rollout(play: Play, mode: str) -> None:
    model = begin(play, mode, "hpa", Model.create)
    least = REPLICAS + 1
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": APP},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": APP},
            "minReplicas": least,
            "maxReplicas": least + 1,
        },
    }
    model.stage.apply([scaler])
    scaled(model, least)
    rests(model, ROLLOUTS[mode])
    assert model.raw()["spec"]["replicas"] == least


def test_a_disruption_budget_holds_evictions_back_as_before(play: Play, mode: str) -> None:
    model = begin(play, mode, "pdb", Model.create)
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": APP},
        "spec": {"minAvailable": REPLICAS, "selector": {"matchLabels": {"app": APP}}},
    }
    model.stage.apply([budget])
    model.stage.eventually(
        "the budget is counted",
        lambda: model.stage.look("pdb", APP).get("status", {}),
        lambda status: status.get("currentHealthy") == REPLICAS,
        within=owned.WITHIN,
    )
    with pytest.raises(KubectlError, match="disruption budget"):
        evict(model)
    scaled_up = REPLICAS + 1
    model.act("scale", OF_IT, f"--replicas={scaled_up}")
    scaled(model, scaled_up)
    model.stage.eventually(
        "one may go",
        lambda: model.stage.look("pdb", APP)["status"]["disruptionsAllowed"],
        lambda allowed: allowed == 1,
        within=owned.WITHIN,
    )
    evict(model)
    scaled(model, scaled_up)
    rests(model, ROLLOUTS[mode])


def evict(model: Model) -> None:
    """Ask for one of its pods to go, as `kubectl drain` does. Raises KubectlError."""
    pods = model.stage.items("pods")
    name = next(p["metadata"]["name"] for p in pods if "deletionTimestamp" not in p["metadata"])
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    path = f"/api/v1/namespaces/{model.stage.namespace}/pods/{name}/eviction"
    model.stage.act("create", "--raw", path, "--filename=-", stdin=json.dumps(eviction))


@pytest.mark.parametrize("by", ["server", "client"])
def test_helm_upgrade_and_rollback_keep_our_probes(
    play: Play, mode: str, by: str, tmp_path: Path
) -> None:
    binary = builds.ensure([builds.HELM], to_stderr())["helm"]
    way = f"--server-side={'true' if by == 'server' else 'false'}"

    def install(model: Model) -> None:
        folder = everyday.chart(tmp_path / "chart", model)
        helm(binary, model, "install", APP, str(folder), way)

    model = begin(play, mode, f"helm-{by}", install)
    done = ROLLOUTS[mode]
    helm(binary, model, "upgrade", APP, str(tmp_path / "chart"), way)
    rests(model, done)
    words = ("upgrade", APP, str(tmp_path / "chart"), way, "--set", f"image={NEXT_IMAGE}")
    helm(binary, model, *words)
    model.injected(done + 1, NEXT_IMAGE)
    helm(binary, model, "rollback", APP, "1", way)
    rests(model, done + 2)
    assert rolled(model.raw()) == done + 2
