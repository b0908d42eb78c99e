"""The readiness gate on a real kubelet: who gets traffic, as EndpointSlices tell.

The tests share two pods of a Triton whose author's readiness probe asks no more than whether the
process lives. They play in order; each leaves both pods in traffic, but the last, which ends it.
"""

import pytest

from e2e.operators import Operator
from e2e.story import expect, gates, seen, workloads
from e2e.story.seen import Pod
from e2e.story.stage import Stage
from e2e.story.workloads import Alter, Document

pytestmark = pytest.mark.node

APP = "triton"
MODEL = "slow"
"""Required, but not loaded by a start: until somebody loads it, no probe notices."""
ALIVE = {
    "readinessProbe": {
        "httpGet": {"path": "/v2/health/live", "port": 8000},
        "periodSeconds": 1,
        "failureThreshold": 3,
    }
}
FAIL_OPEN = "15s"


def two_pods() -> Alter:
    """Two replicas, which do not load the model by themselves."""

    def alter(document: Document) -> None:
        if document["kind"] == "Deployment":
            document["spec"]["replicas"] = 2
            container = document["spec"]["template"]["spec"]["containers"][0]
            container["args"].remove(f"--load-model={MODEL}")

    return alter


def model(stage: Stage, pod: Pod, verb: str) -> None:
    """Load or unload the model in one pod, as a release pipeline would."""
    url = f"http://localhost:8000/v2/repository/models/{MODEL}/{verb}"
    stage.act("exec", pod.name, "--", "curl", "-sS", "-X", "POST", url)


def gated_pods(stage: Stage, count: int) -> tuple[Pod, ...]:
    """The pods with the gate, oldest first, once there are so many and all answer probes."""
    stage.eventually(
        f"{count} pods with the gate, whose own probes pass",
        lambda: gates.of_pods(stage, APP),
        lambda found: len(found) == count and all(gate.probes_pass for gate in found.values()),
        within=expect.START,
    )
    found = gates.of_pods(stage, APP)
    return tuple(pod for pod in seen.pods(stage, APP) if pod.name in found)


@pytest.fixture(scope="module")
def before(stage: Stage) -> tuple[Pod, ...]:
    """Two pods as the author deployed them, in traffic though a required model is missing."""
    workloads.deploy(
        stage,
        APP,
        two_pods(),
        workloads.environment(APP, {"SLOW_SECONDS": "1"}),
        workloads.probes_of_author(APP, ALIVE),
    )
    expect.all_rolled_out(stage, APP)
    pods = seen.pods(stage, APP)
    gates.traffic_is(stage, APP, *pods, within=expect.KUBELET)
    return pods


@pytest.fixture(scope="module")
def first(stage: Stage, before: tuple[Pod, ...]) -> Pod:
    """The first pod with the gate, right after the policy was applied."""
    workloads.apply_policy(
        stage,
        workloads.POLICIES / "triton.yaml",
        workloads.spec_of_policy(("probes", "mode"), "Apply"),
        workloads.spec_of_policy(("probes", "rollout"), {"haltOnFailure": False}),
        workloads.spec_of_policy(("checks", "interval"), "1s"),
        workloads.spec_of_policy(("checks", "readinessGate"), True),
        workloads.spec_of_policy(("checks", "readinessGateLimits"), {"failOpenAfter": FAIL_OPEN}),
    )
    (pod,) = gated_pods(stage, 1)
    assert pod not in before
    return pod


@pytest.fixture(scope="module")
def both(stage: Stage, first: Pod) -> tuple[Pod, Pod]:
    """Both pods with the gate, the model loaded, in traffic."""
    model(stage, first, "load")
    _, second = gated_pods(stage, 2)
    model(stage, second, "load")
    expect.all_rolled_out(stage, APP)
    gates.traffic_is(stage, APP, first, second, within=expect.VERDICT)
    return first, second


@pytest.mark.usefixtures("first")
def test_probes_and_gate_come_with_one_rollout(stage: Stage) -> None:
    assert gates.in_template(stage, APP)
    assert seen.rollout(stage, APP).generation == 2
    assert seen.probes(stage, APP)["readinessProbe"]["httpGet"]["path"] == "/v2/health/live"
    assert {"startupProbe", "livenessProbe"} < set(seen.probes(stage, APP))


def test_a_new_pod_gets_no_traffic_before_its_models_serve(
    stage: Stage, before: tuple[Pod, ...], first: Pod
) -> None:
    closed = gates.becomes(stage, first, "False", within=expect.VERDICT)
    assert closed.probes_pass
    gates.traffic_is(stage, APP, *before, within=expect.KUBELET)
    model(stage, first, "load")
    gates.becomes(stage, first, "True", "Serving", within=expect.VERDICT)
    expect.in_traffic(stage, APP, first)


def test_a_pod_that_lost_a_model_leaves_traffic_without_a_restart(
    stage: Stage, both: tuple[Pod, Pod]
) -> None:
    lost, other = both
    model(stage, lost, "unload")
    closed = gates.becomes(stage, lost, "False", within=expect.VERDICT)
    assert closed.probes_pass
    gates.traffic_is(stage, APP, other, within=expect.KUBELET)
    assert seen.events(stage, lost, "TakenOutOfTraffic")
    model(stage, lost, "load")
    gates.traffic_is(stage, APP, *both, within=expect.VERDICT)
    expect.not_restarted(stage, lost)


def test_the_last_pod_stays_in_traffic_until_another_is_back(
    stage: Stage, both: tuple[Pod, Pod]
) -> None:
    one, last = both
    model(stage, one, "unload")
    gates.traffic_is(stage, APP, last, within=expect.VERDICT)
    model(stage, last, "unload")
    gates.becomes(stage, last, "True", "KeptByFloor", within=expect.VERDICT)
    assert seen.in_traffic(stage, APP) == {last.name}
    model(stage, one, "load")
    gates.traffic_is(stage, APP, one, within=expect.VERDICT)
    model(stage, last, "load")
    gates.traffic_is(stage, APP, *both, within=expect.VERDICT)


def test_without_a_checker_new_pods_get_traffic_after_the_stated_time(
    stage: Stage, both: tuple[Pod, Pod], operator: Operator
) -> None:
    gone, stays = both
    with operator.without_checker():
        stage.act("delete", "pod", gone.name, "--wait=false")
        _, new = sorted(gated_pods(stage, 2), key=lambda pod: pod.name != stays.name)
        gates.becomes(stage, new, "True", "CheckerGone", within=expect.VERDICT)
        gates.traffic_is(stage, APP, stays, new, within=expect.KUBELET)
    # The checker that is back knows that the model is missing.
    gates.traffic_is(stage, APP, stays, within=expect.VERDICT)


@pytest.mark.usefixtures("both")
def test_a_policy_that_asks_for_no_gate_any_more_lets_all_pods_in(stage: Stage) -> None:
    pods = gated_pods(stage, 2)
    workloads.set_mode(stage, APP, "Recommend")
    gates.traffic_is(stage, APP, *pods, within=expect.VERDICT)
    assert gates.in_template(stage, APP)
    left = {finding.id for finding in seen.report(stage, APP).status.findings}
    assert "ReadinessGateLeft" in left
    patch = '{"spec":{"checks":{"readinessGate":false},"probes":{"mode":"Apply"}}}'
    stage.act("patch", "ihp", APP, "--type=merge", "--patch", patch)
    stage.eventually(
        "the gate out of the template",
        lambda: gates.in_template(stage, APP),
        lambda there: not there,
        within=expect.OPERATOR,
    )
    expect.all_rolled_out(stage, APP)
    gates.traffic_is(stage, APP, *seen.pods(stage, APP), within=expect.KUBELET)
