"""Which tier the demo plays on, and what a person without packages is told."""

import pytest

from e2e.cluster.model import ClusterError, Tier
from e2e.cluster.prerequisites import Requirement
from e2e.demo.tiers import Machine, choose
from e2e.prerequisites import Host, advice

ROOT = Machine(linux=True, root=True, engine=False, equipped=True)
USER = Machine(linux=True, root=False, engine=False, equipped=True)
MAC = Machine(linux=False, root=False, engine=False, equipped=False)

CHOICES = [
    (None, None, ROOT, Tier.NODE, "source"),
    (None, None, Machine(True, True, True, True), Tier.NODE, "source"),
    (None, None, Machine(True, True, True, False), Tier.NODE, "kind"),
    (None, None, Machine(True, True, False, False), Tier.SCALE, "source"),
    (None, None, USER, Tier.SCALE, "source"),
    (None, None, Machine(True, False, True, True), Tier.NODE, "kind"),
    (None, None, Machine(False, False, True, False), Tier.NODE, "kind"),
    (None, "kind", ROOT, Tier.NODE, "kind"),
    (None, "existing", USER, Tier.NODE, "existing"),
    (Tier.SCALE, None, ROOT, Tier.SCALE, "source"),
    (Tier.NODE, None, ROOT, Tier.NODE, "source"),
    (Tier.NODE, None, USER, Tier.NODE, None),
]


@pytest.mark.parametrize(("asked", "named", "machine", "tier", "provider"), CHOICES)
def test_the_demo_plays_on_the_best_tier_that_the_machine_can_run(
    asked: Tier | None, named: str | None, machine: Machine, tier: Tier, provider: str | None
) -> None:
    chosen = choose(asked, named, machine)
    assert (chosen.tier, chosen.provider) == (tier, provider)
    assert chosen.reason


def test_where_nothing_can_run_the_demo_says_what_would_help() -> None:
    with pytest.raises(ClusterError, match="start Docker or Podman"):
        choose(None, None, MAC)


RUNC = [Requirement("runc", "runc", lambda: False)]


@pytest.mark.parametrize(
    ("host", "told", "runs"),
    [
        (Host(linux=True, root=True, apt=True), "by: apt-get install --yes", True),
        (Host(linux=True, root=False, apt=True), "by: sudo apt-get install --yes", True),
        (Host(linux=True, root=False, apt=False), "what your system calls runc", True),
        (Host(linux=False, root=False, apt=False), "needs Linux", False),
    ],
)
def test_missing_packages_are_named_with_the_command_that_installs_them(
    host: Host, told: str, runs: bool
) -> None:
    text, can_run = advice(host, RUNC)
    assert told in text
    assert can_run is runs
