"""However a real node ends, the host is as it was before."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.cluster import api, processes, world
from e2e.cluster.layout import PODS, SERVICES
from e2e.cluster.model import Tier
from e2e.cluster.paths import state_home
from e2e.cluster.prerequisites import program

# Its name puts it before the other suites with a real node, of which there can be only one.
pytestmark = pytest.mark.node

FROM_SOURCE = os.environ | {"CLUSTER": "source"}
Traces = dict[str, object]


@pytest.fixture
def name(take_real_node: Callable[[], None]) -> Iterator[str]:
    """A name for a node, which is down afterwards whatever happened."""
    take_real_node()
    if any(state_home().glob("*/kernel.json")):
        pytest.skip("another cluster has the one real node of this machine")
    chosen = f"traces-{os.getpid()}"
    yield chosen
    api.down_by_name(chosen)


def traces(name: str) -> Traces:
    """All of the host that a node could change."""
    folder = str(state_home() / name)
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    routes = {str(route["dst"]) for route in world.routes()}
    return {
        "processes": processes.marked(Path(folder)),
        "mounts": [line for line in mounts if folder in line],
        "links": [path.name for path in Path("/sys/class/net").glob("ihp-*")],
        "routes": routes & {PODS, SERVICES},
        "packet filter": chains("iptables-save") | chains("ip6tables-save"),
        "control groups": [str(path) for path in world.CGROUPS.glob(f"**/ihp-{name}")],
        "kernel": world.kernel_settings(),
        "forwarding": Path("/proc/sys/net/ipv4/ip_forward").read_text(),
        "files": [path.name for path in state_home().glob(f"{name}*")],
        "system": {
            path for top in ("/run", "/var/lib", "/opt") for path in Path(top).glob("c[no]*")
        },
    }


def chains(tool: str) -> set[str]:
    saved = subprocess.run([program(tool)], capture_output=True, text=True, check=True)
    return set(re.findall(r"^:(\S+)", saved.stdout, re.MULTILINE)) - {
        "PREROUTING",
        "INPUT",
        "FORWARD",
        "OUTPUT",
        "POSTROUTING",
    }


def test_down_leaves_the_host_as_it_was(name: str) -> None:
    before = traces(name)
    running = api.up(Tier.NODE, name=name, env=FROM_SOURCE)
    during = traces(name)
    assert during["links"] == [world.HOST_CABLE]
    assert during["routes"] == {PODS, SERVICES}
    api.down(running)
    assert traces(name) == before


@pytest.mark.parametrize("sign", ["node's own namespaces", "etcd ", "kube-apiserver ", "kubelet "])
def test_down_after_a_killed_start_leaves_the_host_as_it_was(name: str, sign: str) -> None:
    before = traces(name)
    with started_until(sign, name) as start:
        start.kill()
    # Somebody else's start may have removed it already, which is as good.
    api.down_by_name(name)
    assert traces(name) == before


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_start_leaves_the_host_as_it_was(name: str, how: signal.Signals) -> None:
    before = traces(name)
    with started_until("kube-apiserver ", name) as start:
        start.send_signal(how)
        assert start.wait() == 130
    assert traces(name) == before


def started_until(sign: str, name: str) -> subprocess.Popen[str]:
    """A start in a program of its own, which has just said that it has got so far."""
    command = [sys.executable, "-m", "e2e.cluster", "up", "--tier", "node", "--name", name]
    start = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=FROM_SOURCE)
    assert start.stderr
    assert any(line.startswith(sign) for line in start.stderr)
    return start
