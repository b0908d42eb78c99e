"""Programs killed, the node's own programs too, the API server away, etcd slow: nothing is lost."""

import time
from collections.abc import Callable, Mapping

import pytest

from e2e.cluster import outages
from e2e.cluster.model import Cluster
from e2e.installed import CHECKER, CONTROLLER, Installed, await_rollouts, pods, restarts
from e2e.node.upheavals import programs
from e2e.node.upheavals.calm import APP, RECOVERY, Calm, told
from e2e.story import expect, faults, workloads
from e2e.story.stage import Stage

pytestmark = pytest.mark.node

MINUTE = 60.0
SOME_CHECKS = 10.0
"""So many more checks show that checking goes on: one pod is asked every 2 s."""
OFTEN = 3
"""Restarts that a program of ours may need to outlive one outage: it starts, and stands by."""


@pytest.mark.parametrize("program", [CONTROLLER, CHECKER])
def test_a_program_that_is_killed_is_back_and_nothing_else_has_changed(
    unharmed: Calm, installed: Installed, program: str
) -> None:
    (pod,) = pods(installed.stage, program)
    before = restarts(installed.stage)
    programs.kill(pod)
    installed.stage.eventually(
        f"{program} started again",
        lambda: restarts(installed.stage),
        lambda now: sum(now.values()) == sum(before.values()) + 1,
        within=expect.KUBELET,
    )
    unharmed.is_unchanged()


@pytest.mark.usefixtures("unharmed")
def test_what_happens_while_no_controller_runs_is_made_up_for(
    stage: Stage, installed: Installed
) -> None:
    (pod,) = pods(installed.stage, CONTROLLER)
    programs.kill(pod)
    workloads.require_models(stage, APP, ["good", "slow", "absent"])
    told(stage, "False")
    workloads.require_models(stage, APP, ["good", "slow"])


@pytest.mark.usefixtures("unharmed")
def test_a_node_whose_kubelet_and_containerd_start_anew_goes_on(node: Cluster) -> None:
    with outages.without(node, "kubelet", "containerd"):
        pass


def test_checks_go_on_while_the_api_server_is_away_for_a_minute(
    unharmed: Calm, node: Cluster, installed: Installed
) -> None:
    before, done = restarts(installed.stage), programs.checks_done(installed.stage)
    with outages.without(node, "kube-apiserver"):
        began = time.monotonic()
        await_more(lambda: _asked(done), done)
        time.sleep(max(0.0, MINUTE - (time.monotonic() - began)))  # the length is the fault
        await_more(lambda: _asked(done), _asked(done))
    await_rollouts(installed.stage)
    unharmed.is_unchanged()
    now = restarts(installed.stage)
    assert all(now[name] - before[name] <= OFTEN for name in before)
    assert [now[name] for name in now if CHECKER in name] == [
        before[name] for name in before if CHECKER in name
    ]


@pytest.mark.usefixtures("unharmed")
def test_a_slow_store_loses_no_verdict(stage: Stage, node: Cluster) -> None:
    with outages.slow(node, "etcd", stands=1.5, runs=0.5):
        faults.unload_model(stage, "slow")
        told(stage, "False")
        faults.load_model(stage, "slow")
        told(stage, "True")


def _asked(done: Mapping[str, float]) -> Mapping[str, float]:
    """The same checkers' numbers, asked for at their addresses: the API server may be away."""
    return {address: programs.checks_of(address) for address in done}


def await_more(look: Callable[[], Mapping[str, float]], before: Mapping[str, float]) -> None:
    """Return when each checker has done some more checks."""
    ends = time.monotonic() + RECOVERY
    while not all(now > before[who] + SOME_CHECKS for who, now in look().items()):
        assert time.monotonic() < ends, f"no more checks than {before}"
        time.sleep(1.0)  # nobody tells; the API server is away
