"""Two controllers and two checkers (overlays/ha): one goes, another does its work."""

from collections.abc import Iterator

import pytest

from e2e.installed import CHECKER, CONTROLLER, MANIFESTS, Installed, install, pods
from e2e.node.upheavals import programs
from e2e.node.upheavals.calm import APP, Calm, told
from e2e.story import expect, seen, workloads
from e2e.story.stage import Stage

pytestmark = pytest.mark.node

TAKEOVER = 90.0
"""Seconds in which a takeover is awaited: it needs 15 to 20, on a machine with no other work."""


@pytest.fixture(scope="module", autouse=True)
def copies(installed: Installed) -> Iterator[Installed]:
    """The overlay is installed; afterwards the base is, again."""
    yield install(installed.cluster, MANIFESTS / "overlays" / "ha")
    install(installed.cluster)
    for program in (CONTROLLER, CHECKER):
        one_copy(installed, program)


def one_copy(installed: Installed, program: str) -> None:
    installed.stage.eventually(
        f"one copy of {program}",
        lambda: len(pods(installed.stage, program)),
        lambda count: count == 1,
        within=expect.KUBELET,
    )


def await_holder(stage: Stage, before: str = "") -> str:
    """Who holds the Lease, once that is another one than before."""
    return stage.eventually(
        f"the Lease with another holder than {before or 'nobody'}",
        lambda: programs.holder(stage),
        lambda now: now not in {"", before},
        within=TAKEOVER,
    )


def test_a_leader_that_is_killed_is_followed_while_checks_go_on(
    unharmed: Calm, copies: Installed, stage: Stage
) -> None:
    before = await_holder(copies.stage)
    done = programs.checks_done(copies.stage)
    assert len(done) == 2
    programs.kill(programs.pod_of(copies.stage, before))
    after = await_holder(copies.stage, before)
    assert after.split("_")[0] != before.split("_")[0], "the standby was there all the time"
    workloads.require_models(stage, APP, ["good", "absent"])
    told(stage, "False")
    workloads.require_models(stage, APP, ["good", "slow"])
    assert sum(programs.checks_of(address) for address in done) > sum(done.values())
    unharmed.is_unchanged()


@pytest.mark.usefixtures("unharmed")
def test_a_leader_whose_pod_is_deleted_hands_over(copies: Installed) -> None:
    before = await_holder(copies.stage)
    pod = programs.pod_of(copies.stage, before)["metadata"]["name"]
    copies.stage.act("delete", "pod", pod, "--wait=false")
    await_holder(copies.stage, before)
    expect.all_rolled_out(copies.stage, CONTROLLER)


@pytest.mark.usefixtures("unharmed")
def test_a_checker_that_is_gone_leaves_its_workloads_to_another(
    copies: Installed, stage: Stage
) -> None:
    expect.all_rolled_out(copies.stage, CHECKER)
    before = checked_by(stage)
    (pod,) = (
        each for each in pods(copies.stage, CHECKER) if before.endswith(each["metadata"]["name"])
    )
    programs.kill(pod)
    gone = ("--grace-period=0", "--force", "--wait=false")
    copies.stage.act("delete", "pod", pod["metadata"]["name"], *gone)
    stage.eventually(
        f"another checker than {before}",
        lambda: checked_by(stage),
        lambda now: now not in {"", before},
        within=TAKEOVER,
    )


def checked_by(stage: Stage) -> str:
    """The checker that wrote the report last."""
    health = seen.report(stage, APP).status.health
    return health.checked_by if health else ""
