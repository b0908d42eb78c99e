"""The cluster of processes: starts, serves, and leaves nothing, however it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.cluster import api, processes
from e2e.cluster.kubectl import kubectl
from e2e.cluster.model import Cluster, ClusterError, ProviderName, Tier
from e2e.cluster.paths import state_home
from e2e.cluster.processes import ProcessId

pytestmark = pytest.mark.integration

# Above the kernel's greatest process id: an owner that is certainly dead.
DEAD = ProcessId(pid=2**22 + 1, started=1)
FROM_SOURCE = os.environ | {"CLUSTER": "source"}


@pytest.fixture
def name() -> Iterator[str]:
    """A name for a second cluster, which is down afterwards whatever happened."""
    chosen = f"test-{os.getpid()}"
    yield chosen
    api.down_by_name(chosen)


def test_controllers_make_pods_of_a_deployment(cluster: Cluster) -> None:
    kubectl(cluster, "create", "deployment", "made", "--image=none")
    kubectl(cluster, "wait", "--for=create", "pod", "--selector=app=made", "--timeout=30s")
    kubectl(cluster, "delete", "deployment", "made", "--cascade=foreground")
    assert kubectl(cluster, "get", "pods", "--selector=app=made", "--output=name") == ""


def test_the_audit_log_says_who_did_what_to_which_object(cluster: Cluster) -> None:
    if cluster.audit_log is None:
        pytest.skip("this provider has no audit log")
    kubectl(cluster, "create", "configmap", "audited")
    events = [json.loads(line) for line in cluster.audit_log.read_text().splitlines()]
    audited = [e for e in events if e.get("objectRef", {}).get("name") == "audited"]
    assert [(e["verb"], e["user"]["username"]) for e in audited] == [
        ("create", "inferencehealth-e2e-admin")
    ]


def test_two_clusters_stand_side_by_side(cluster: Cluster, name: str) -> None:
    other = api.up(Tier.INTEGRATION, name=name, env=FROM_SOURCE)
    kubectl(other, "create", "namespace", "only-in-the-other")
    assert "only-in-the-other" not in kubectl(cluster, "get", "namespaces")
    api.down(other)
    assert {health.health for health in api.status(cluster)} == {"well"}


def test_up_gives_the_cluster_that_is_up_already(name: str) -> None:
    first = api.up(Tier.INTEGRATION, name=name, env=FROM_SOURCE)
    assert api.up(Tier.INTEGRATION, name=name, env=FROM_SOURCE) == first
    with pytest.raises(ClusterError, match=f"down --name {name}"):
        api.up(Tier.SCALE, name=name, env=FROM_SOURCE)


def test_down_leaves_no_process_and_no_file(name: str) -> None:
    running = api.up(Tier.INTEGRATION, name=name, env=FROM_SOURCE)
    assert len(processes.marked(running.state_dir)) == len(api.status(running))
    api.down(running)
    api.down(running)
    assert_nothing_is_left(name)


def test_a_dead_component_is_seen_and_the_cluster_is_not_given_out_again(name: str) -> None:
    running = api.up(Tier.INTEGRATION, name=name, env=FROM_SOURCE)
    dead = processes.recorded(running.state_dir / "processes")["kube-controller-manager"]
    processes.kill([dead])
    with pytest.raises(ClusterError, match="kube-controller-manager dead"):
        api.up(Tier.INTEGRATION, name=name, env=FROM_SOURCE)


@pytest.mark.parametrize(
    ("gives_way", "dead"),
    [(True, ["etcd"]), (False, ["etcd", "kube-apiserver", "kube-controller-manager"])],
    ids=["ill, and was only left to be looked at", "nothing of it runs"],
)
def test_a_cluster_that_is_no_use_to_anybody_begins_anew(
    name: str, dead: list[str], *, gives_way: bool
) -> None:
    first = api.up(Tier.INTEGRATION, name=name, env=FROM_SOURCE, gives_way=gives_way)
    kubectl(first, "create", "namespace", "of-the-first")
    running = processes.recorded(first.state_dir / "processes")
    processes.kill(running[component] for component in dead)
    again = api.up(Tier.INTEGRATION, name=name, env=FROM_SOURCE)
    assert {health.health for health in api.status(again)} == {"well"}
    assert "of-the-first" not in kubectl(again, "get", "namespaces")


def test_the_cluster_of_a_dead_test_run_is_taken_down_by_the_next_start(
    cluster_of: Callable[[Tier], Cluster], name: str
) -> None:
    abandoned = api.up(Tier.INTEGRATION, name=name, env=FROM_SOURCE, owner=DEAD)
    again = api.up(Tier.INTEGRATION, name=name, env=FROM_SOURCE)
    assert again.state_dir == abandoned.state_dir
    assert len(processes.marked(again.state_dir)) == len(api.status(again))
    assert {health.health for health in api.status(cluster_of(Tier.INTEGRATION))} == {"well"}


def test_a_component_that_dies_is_named_with_the_end_of_its_log(name: str, tmp_path: Path) -> None:
    for program in ("etcd", "kube-apiserver", "kubectl"):
        (tmp_path / program).write_text("#!/bin/sh\necho the disk is made of cheese\nexit 1\n")
        (tmp_path / program).chmod(0o755)
    broken = FROM_SOURCE | {"KUBEBUILDER_ASSETS": str(tmp_path)}
    with pytest.raises(ClusterError, match=r"(?s)etcd died .* made of cheese"):
        api.up(Tier.INTEGRATION, name=name, env=broken)
    assert_nothing_is_left(name)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_start_cleans_up_after_itself(name: str, how: signal.Signals) -> None:
    with started_until("etcd ", name, Tier.INTEGRATION) as start:
        start.send_signal(how)
        _, said = start.communicate()
        assert start.returncode == 130, said
    assert_nothing_is_left(name)


def test_what_a_killed_start_left_is_removed_by_down(name: str) -> None:
    with started_until("etcd ", name, Tier.INTEGRATION) as start:
        start.kill()
    assert processes.marked(state_home() / name)
    assert api.down_by_name(name)
    assert_nothing_is_left(name)


def started_until(sign: str, name: str, tier: Tier) -> subprocess.Popen[str]:
    """A start in a program of its own, which has just said that it has got so far."""
    command = [sys.executable, "-m", "e2e.cluster", "up", "--tier", tier, "--name", name]
    start = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=FROM_SOURCE)
    assert start.stderr
    assert any(line.startswith(sign) for line in start.stderr)
    return start


def assert_nothing_is_left(name: str) -> None:
    folder = state_home() / name
    assert processes.marked(folder) == []
    assert not folder.exists()


def test_the_session_cluster_is_not_the_one_of_the_user(cluster: Cluster) -> None:
    if cluster.provider is ProviderName.EXISTING:
        pytest.skip("an existing cluster was asked for by name")
    assert str(cluster.kubeconfig) != os.environ.get("KUBECONFIG")
    assert cluster.kubeconfig.is_relative_to(state_home())
