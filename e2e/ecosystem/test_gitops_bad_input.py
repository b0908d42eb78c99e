"""What goes wrong with GitOps tools around us: nothing hangs, and somebody says what to do."""

import functools

import pytest

from e2e.ecosystem import argocd, cases, ours, writes
from e2e.ecosystem.cases import Case, Phase
from e2e.ecosystem.conftest import Scene
from e2e.ecosystem.manifests import APP, AUTHORS_PROBES
from e2e.ecosystem.messages import told
from e2e.ecosystem.play import PATIENCE, Actor, Play
from e2e.ecosystem.seen import PROBES, Sight
from e2e.ecosystem.settled import CONFLICTED, unsettled
from e2e.ecosystem.tools import create
from e2e.story.stage import Stage, kubectl

pytestmark = pytest.mark.scale

ROUNDS = 3
GIVING_UP = 1
"""The write by which we take our name from what we leave to the other; it rolls nothing."""
BOTH = Case(
    "both",
    "Apply",
    (1, cases.UNKNOWN, cases.UNKNOWN, cases.UNKNOWN),
    existing="Replace",
    probes={Phase.BEGIN: AUTHORS_PROBES, Phase.CHANGE: {}},
    fights=True,
)
UPROOTED = Case("uprooted", "Apply", (1, 2, 2, 2), on_delete="Retain")
DEFINITIONS = (
    "inferencehealthpolicies.inferencehealth.dev",
    "inferencehealthreports.inferencehealth.dev",
)


def settle(play: Play, actor: Actor, phase: Phase) -> Sight:
    """Wait until the phase has come to its end."""
    if phase is not Phase.BEGIN:
        play.commit([actor], phase)
    missing = functools.partial(unsettled, phase)
    return play.until(f"{actor.space}: {phase.value}", [actor], missing)[actor.space]


@pytest.mark.parametrize("tool", ["argo", "flux"])
def test_a_policy_in_git_without_our_definitions_is_named_as_what_is_missing(
    scene: Scene, tool: str
) -> None:
    assert "InferenceHealthPolicy" in scene.said_early[tool]
    assert "inferencehealth.dev" in scene.said_early[tool]


def test_two_tools_on_one_deployment_end_with_a_conflict_that_names_who_writes(
    scene: Scene,
) -> None:
    play, actor = scene.play, scene.actor("flux", BOTH)
    play.begin([actor])
    create(play.cluster, argocd.application(actor.space, actor.repository, remedy=True))
    settle(play, actor, Phase.BEGIN)
    start = writes.position(play.log)
    message = settle(play, actor, Phase.POLICY).condition(CONFLICTED)[2]
    assert "'kustomize-controller'" in message or "'argocd-controller'" in message
    counted = writes.since(play.log, start)
    assert 1 <= writes.to_deployments(counted, writes.OURS, actor.space) <= ROUNDS + GIVING_UP
    assert settle(play, actor, Phase.CHANGE).probes.keys() == set(PROBES)


def test_definitions_that_are_removed_leave_the_workload_alone_and_come_back_by_a_sync(
    scene: Scene,
) -> None:
    play, actor = scene.play, scene.actor("argo", UPROOTED)
    play.begin([actor])
    settle(play, actor, Phase.BEGIN)
    before = settle(play, actor, Phase.POLICY)
    kubectl(play.cluster, "delete", "crd", *DEFINITIONS, "--timeout=60s")
    stage = Stage(play.cluster, argocd.NAMESPACE)
    stage.eventually(
        "Argo CD says what it misses",
        lambda: told(stage.look("application", actor.space)),
        lambda words: "InferenceHealthPolicy" in words,
        within=PATIENCE,
    )
    without = Stage(play.cluster, actor.space).look("deployment", APP)
    ours.install(play.cluster)
    actor.tool.again(actor.space)
    after = settle(play, actor, Phase.POLICY)
    assert without["metadata"]["generation"] == before.generation
    assert (after.generation, after.probes) == (before.generation, before.probes)
