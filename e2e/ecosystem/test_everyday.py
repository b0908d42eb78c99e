"""HPA, PDB, rollout restart and undo, Helm: on an injected workload each does what it does.

Each deed has a namespace of its own and mostly waits, so all are done side by side.
"""

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
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

Deed = Callable[[Play, str], None]
"""What is done to a workload into which probes came in that mode; asserts what comes of it."""


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    """A cluster with the operator on it."""
    with ground("everyday") as made:
        ours.install(made.cluster)
        with ours.running_operator(made.cluster, hurried=True):
            yield made


def rests(model: Model, rollouts: int, image: str = IMAGE) -> None:
    """All probes are there, and stay, with no rollout beyond these."""
    model.injected(rollouts, image)
    before = model.raw()["metadata"]["generation"]
    owned.rest(model.play, model.stage.namespace)
    model.injected(rollouts, image)
    assert model.raw()["metadata"]["generation"] == before


def rollout_restart_is_one_rollout_with_our_probes(play: Play, mode: str) -> None:
    model = begin(play, mode, "restart", Model.create)
    model.act("rollout", "restart", OF_IT)
    rests(model, ROLLOUTS[mode] + 1)


def rollout_undo_brings_the_image_back_and_keeps_our_probes(play: Play, mode: str) -> None:
    model = begin(play, mode, "undo", Model.create)
    model.act("set", "image", OF_IT, f"{APP}={NEXT_IMAGE}")
    model.injected(ROLLOUTS[mode] + 1, NEXT_IMAGE)
    model.act("rollout", "undo", OF_IT)
    rests(model, ROLLOUTS[mode] + 2)


def undoing_our_own_rollout_is_respected_and_told(play: Play, mode: str) -> None:
    model = begin(play, mode, "undo-ours", Model.create)
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
    assert rolled(model.raw()) == ROLLOUTS[mode] + 1


def kubectl_apply_of_the_same_manifest_changes_nothing(play: Play, mode: str) -> None:
    model = begin(play, mode, "apply", Model.create)
    model.create()
    rests(model, ROLLOUTS[mode])


def an_autoscaler_scales_without_a_rollout(play: Play, mode: str) -> None:
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


def a_disruption_budget_holds_evictions_back_as_before(play: Play, mode: str) -> None:
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


def helm_upgrade_and_rollback_keep_our_probes(
    binary: Path, folder: Path, by: str, play: Play, mode: str
) -> None:
    way = f"--server-side={'true' if by == 'server' else 'false'}"

    def install(model: Model) -> None:
        helm(binary, model, "install", APP, str(everyday.chart(folder, model)), way)

    model = begin(play, mode, f"helm-{by}", install)
    done = ROLLOUTS[mode]
    helm(binary, model, "upgrade", APP, str(folder), way)
    rests(model, done)
    words = ("upgrade", APP, str(folder), way, "--set", f"image={NEXT_IMAGE}")
    helm(binary, model, *words)
    model.injected(done + 1, NEXT_IMAGE)
    helm(binary, model, "rollback", APP, "1", way)
    rests(model, done + 2)
    assert rolled(model.raw()) == done + 2


DEEDS: Mapping[str, Deed] = {
    deed.__name__: deed
    for deed in (
        rollout_restart_is_one_rollout_with_our_probes,
        rollout_undo_brings_the_image_back_and_keeps_our_probes,
        undoing_our_own_rollout_is_respected_and_told,
        kubectl_apply_of_the_same_manifest_changes_nothing,
        an_autoscaler_scales_without_a_rollout,
        a_disruption_budget_holds_evictions_back_as_before,
    )
}
HELMS = ("server", "client")
"""Who merges what Helm applies."""
DONE = [
    (deed, mode)
    for deed in (*DEEDS, *(f"helm_upgrade_and_rollback_keep_our_probes-{by}" for by in HELMS))
    for mode in MODES
    # In mode Initial there is no rollout of ours to undo.
    if (deed, mode) != (undoing_our_own_rollout_is_respected_and_told.__name__, "Initial")
]


@pytest.fixture(scope="module")
def deeds(
    play: Play, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[tuple[str, str], Future[None]]]:
    """All of them, under way."""
    binary = builds.ensure([builds.HELM], to_stderr())["helm"]

    def of(name: str) -> Deed:
        if found := DEEDS.get(name):
            return found
        chart = tmp_path_factory.mktemp("helm") / "chart"
        return functools.partial(
            helm_upgrade_and_rollback_keep_our_probes, binary, chart, name.rpartition("-")[2]
        )

    with ThreadPoolExecutor(len(DONE)) as pool:
        yield {(name, mode): pool.submit(of(name), play, mode) for name, mode in DONE}


@pytest.mark.parametrize(("deed", "mode"), DONE)
def test_on_an_injected_workload(
    deeds: Mapping[tuple[str, str], Future[None]], deed: str, mode: str
) -> None:
    deeds[deed, mode].result()
