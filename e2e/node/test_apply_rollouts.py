"""Mode Apply on a real kubelet: one at a time, a failing change taken back, an undo respected."""

import pytest

from e2e.story import expect, seen, workloads
from e2e.story.stage import Stage
from inferencehealth.api.report import ProbeState
from inferencehealth.api.rollouts import RolloutState

pytestmark = pytest.mark.node

DONE = (ProbeState.INJECTED, RolloutState.DONE)


def deploy(stage: Stage, name: str) -> None:
    """A Triton that loads quickly and has no probes, available."""
    quick = workloads.environment("triton", {"SLOW_SECONDS": "1"})
    workloads.deploy(stage, "triton", quick, workloads.renamed(name))
    expect.rolled_out(stage, name)


def apply_policy(stage: Stage, name: str, *alterations: workloads.Alter) -> None:
    """A policy in mode Apply, under which nobody has to wait."""

    def alter(document: workloads.Document) -> None:
        document["metadata"]["name"] = name

    workloads.apply_policy(
        stage,
        workloads.POLICIES / "triton.yaml",
        alter,
        workloads.spec_of_policy(("probes", "mode"), "Apply"),
        *alterations,
    )


def state(stage: Stage, name: str) -> tuple[ProbeState, RolloutState | None]:
    """Where the report says that a Deployment's probes and our rollout of them stand."""
    probes = seen.report(stage, name).status.probes
    return probes.state, probes.rollout.state if probes.rollout else None


def told(stage: Stage, policy: str, type_: str) -> str:
    """Status, reason and message of a policy's condition, in one line."""
    return " ".join(seen.condition(seen.policy(stage, policy), type_) or ())


@pytest.fixture(scope="module")
def pair(stage: Stage) -> Stage:
    """Two running Deployments, and a policy over both."""
    for name in ("one", "two"):
        deploy(stage, name)
    target = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["one", "two"]}]}
    apply_policy(stage, "pair", workloads.spec_of_policy(("target", "selector"), target))
    return stage


def test_the_second_workload_waits_until_the_first_serves_again(pair: Stage) -> None:
    expect.injected(pair, "one")
    assert "rollout of deployment/one" in seen.report(pair, "two").status.probes.message
    pair.eventually(
        "deployment/two gets its turn",
        lambda: (seen.probes(pair, "two"), state(pair, "one")),
        lambda found: bool(found[0]),
        within=expect.START,
    )
    assert state(pair, "one") == DONE
    assert seen.rollout(pair, "one").done
    pair.eventually(
        "both done", lambda: state(pair, "two"), lambda s: s == DONE, within=expect.START
    )
    assert [pod.restarts for name in ("one", "two") for pod in seen.pods(pair, name)] == [0, 0]


def test_a_rollout_undo_has_the_last_word(pair: Stage) -> None:
    pair.eventually(
        "both done", lambda: state(pair, "two"), lambda s: s == DONE, within=expect.START
    )
    pair.act("rollout", "undo", "deployment/two")
    pair.eventually(
        "the policy says who it was",
        lambda: told(pair, "pair", "ProbesConflicted"),
        lambda text: text.startswith("True") and "kubectl rollout undo" in text,
        within=expect.OPERATOR,
    )
    expect.rolled_out(pair, "two")
    assert seen.probes(pair, "two") == {}


def test_a_change_under_which_pods_never_get_ready_is_taken_back_and_the_old_pod_serves_on(
    stage: Stage,
) -> None:
    deploy(stage, "wrong")
    stage.act(
        "patch",
        "deployment",
        "wrong",
        '--patch={"spec":{"progressDeadlineSeconds":15,'
        '"strategy":{"rollingUpdate":{"maxUnavailable":0,"maxSurge":1}}}}',
    )
    before = expect.running(stage, "wrong")[0]
    server = {
        "profile": "custom",
        "port": 8000,
        "endpoints": {"live": {"path": "/v2/health/live"}, "ready": {"path": "/no/such/path"}},
    }
    apply_policy(
        stage,
        "wrong",
        workloads.spec_of_policy(("target", "selector"), {"matchLabels": {"app": "wrong"}}),
        workloads.spec_of_policy(("server",), server),
        workloads.spec_of_policy(("probes", "budgets"), {"maxStartup": "15s"}),
    )
    expect.injected(stage, "wrong")
    stage.eventually(
        "the rollout is halted",
        lambda: told(stage, "wrong", "Stalled"),
        lambda text: "RolloutHalted" in text,
        within=expect.KUBELET,
    )
    stage.eventually(
        "the old template is back",
        lambda: seen.probes(stage, "wrong"),
        lambda probes: not probes,
        within=expect.OPERATOR,
    )
    survivor = expect.rolled_out(stage, "wrong")
    assert (survivor.uid, survivor.restarts) == (before.uid, 0)
    expect.in_traffic(stage, "wrong", survivor)
