"""The command lines of a cluster's components."""

from pathlib import Path

import pytest

from e2e.cluster import builds, controlplane, node
from e2e.cluster.layout import PORT_NAMES, Layout
from e2e.cluster.model import Tier


def layout(tier: Tier, *, audit: bool = False, without: str = "") -> Layout:
    names = [program.name for program in builds.PROGRAMS[tier] if program.name != without]
    return Layout(
        name="test",
        tier=tier,
        folder=Path("/state/test"),
        ports={name: 20000 + number for number, name in enumerate(PORT_NAMES[tier])},
        programs={name: Path("/bin") / name for name in names},
        audit=audit,
    )


@pytest.mark.parametrize(
    ("tier", "expected"),
    [
        (Tier.INTEGRATION, ["etcd", "kube-apiserver", "kube-controller-manager"]),
        (
            Tier.SCALE,
            ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"],
        ),
        (Tier.NODE, ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]),
    ],
)
def test_each_tier_runs_its_components_with_the_store_first(
    tier: Tier, expected: list[str]
) -> None:
    assert [c.name for c in controlplane.components(layout(tier))] == expected


def test_binaries_without_a_controller_manager_run_without_it() -> None:
    bare = layout(Tier.INTEGRATION, without="kube-controller-manager")
    assert [c.name for c in controlplane.components(bare)] == ["etcd", "kube-apiserver"]


@pytest.mark.parametrize("tier", [Tier.INTEGRATION, Tier.SCALE])
def test_without_a_real_node_everything_listens_on_loopback_only(tier: Tier) -> None:
    for component in controlplane.components(layout(tier)):
        assert "//127.0.0.1:" in component.health
        assert "0.0.0.0" not in " ".join(component.argv)


def test_with_a_real_node_nothing_runs_in_the_network_of_the_host() -> None:
    found = controlplane.components(layout(Tier.NODE)) + node.components(layout(Tier.NODE))
    assert {component.inside for component in found} == {"network", "node"}


@pytest.mark.parametrize("audit", [True, False])
def test_the_audit_log_is_written_only_when_asked_for(audit: bool) -> None:
    argv = controlplane.apiserver(layout(Tier.INTEGRATION, audit=audit)).argv
    assert ("--audit-log-path=/state/test/audit.log" in argv) is audit


def test_the_store_takes_nobody_without_a_certificate() -> None:
    argv = controlplane.etcd(layout(Tier.INTEGRATION)).argv
    assert "--client-cert-auth" in argv
    assert "--listen-client-urls=https://127.0.0.1:20000" in argv


def test_a_fake_pods_address_is_a_loopback_one() -> None:
    assert "--cidr=127.64.0.0/12" in controlplane.kwok(layout(Tier.SCALE)).argv
