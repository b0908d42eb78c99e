"""What a cluster needs from the machine, and how it finds out."""

import ipaddress

import pytest

from e2e.cluster import paths, ports, prerequisites, world
from e2e.cluster.layout import HOST_ADDRESS, LAST_POD_ADDRESS, NODE_ADDRESS, PODS, SERVICES
from e2e.cluster.model import ClusterError, Tier, checked_name
from e2e.cluster.prerequisites import Requirement


def test_ports_are_neither_promised_nor_in_use() -> None:
    chosen = ports.choose(
        ["a", "b"], candidates=range(1, 9), taken={1, 3}, is_free=lambda port: port != 2
    )
    assert chosen == {"a": 4, "b": 5}


def test_too_few_free_ports_are_an_error() -> None:
    with pytest.raises(ValueError, match="b"):
        ports.choose(["a", "b"], candidates=[1], taken=(), is_free=lambda _: True)


@pytest.mark.parametrize(
    ("routes", "conflict"),
    [
        ([{"dst": "default", "dev": "eth0"}], None),
        ([{"dst": "192.0.2.0/24", "dev": "eth0"}], None),
        ([{"dst": PODS, "dev": world.HOST_CABLE}], world.HOST_CABLE),
        ([{"dst": "10.244.0.0/16", "dev": "cni0"}], "cni0"),
        ([{"dst": "10.0.0.0/8", "dev": "tun0"}], "tun0"),
        ([{"dst": "10.96.0.1", "dev": "kube"}], "10.96.0.0/16"),
    ],
)
def test_a_network_of_ours_that_is_routed_already_is_named(
    routes: list[dict[str, object]], conflict: str | None
) -> None:
    found = world.occupied_routes(routes)
    assert (found is None) if conflict is None else (conflict in (found or ""))


def test_the_node_the_host_and_the_pods_share_one_network_without_meeting() -> None:
    pods = ipaddress.IPv4Network(PODS)
    node, last, host = map(ipaddress.IPv4Address, (NODE_ADDRESS, LAST_POD_ADDRESS, HOST_ADDRESS))
    assert node in pods
    assert host in pods
    assert node < last < host
    assert not pods.overlaps(ipaddress.IPv4Network(SERVICES))


def test_only_changed_kernel_settings_are_put_back() -> None:
    before = {"kernel/panic": "0", "vm/overcommit_memory": "1"}
    now = {"kernel/panic": "10", "vm/overcommit_memory": "1"}
    assert world.changed(before, now) == {"kernel/panic": "0"}


@pytest.mark.parametrize(
    ("tier", "system", "root", "filters", "said"),
    [
        (Tier.INTEGRATION, "Linux", False, False, None),
        (Tier.NODE, "Linux", True, True, None),
        (Tier.NODE, "Linux", False, True, "root"),
        (Tier.NODE, "Linux", True, False, "modprobe br_netfilter"),
        (Tier.INTEGRATION, "Darwin", True, True, "CLUSTER=kind"),
    ],
)
def test_a_machine_that_cannot_run_a_tier_is_told_why(
    tier: Tier, system: str, root: bool, filters: bool, said: str | None
) -> None:
    found = prerequisites.unsuitable(tier, system=system, root=root, filters=filters)
    assert (found is None) if said is None else (said in (found or ""))


def test_what_is_missing_is_installed_by_one_command_with_each_package_once() -> None:
    table = [
        Requirement("here", "p0", lambda: True),
        Requirement("unshare", "util-linux", lambda: False),
        Requirement("nsenter", "util-linux", lambda: False),
        Requirement("runc", "runc", lambda: False),
    ]
    command = prerequisites.install_command(prerequisites.missing(table))
    assert command[:2] == ["apt-get", "install"]
    assert command[-2:] == ["util-linux", "runc"]


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/c/inferencehealth"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/inferencehealth"),
        ({"HOME": "/h"}, "/h/.cache/inferencehealth"),
    ],
)
def test_the_cache_is_where_the_xdg_specification_says(env: dict[str, str], expected: str) -> None:
    assert str(paths.cache_home(env)) == expected


@pytest.mark.parametrize("name", ["", "A", "-a", "a-", "a/b", "..", "a" * 31])
def test_a_name_that_could_not_be_a_folder_or_host_is_refused(name: str) -> None:
    with pytest.raises(ClusterError, match="lower-case"):
        checked_name(name)
