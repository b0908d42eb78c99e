"""Mode Initial: what waits for a rollout, and how admitted probes are known again."""

from typing import Any

import pytest

from inferencehealth.api.policy import Policy
from inferencehealth.api.report import ProbesReport
from inferencehealth.plan import Action, JsonPatch, Plan, apply_operations, plan, probes_report
from inferencehealth.plan.reporting import JOINS
from inferencehealth.workloads import Workload
from tests.unit.plan.given import TRITON, a_policy, deployment, owned

BY_AUTHOR = owned("livenessProbe", manager="kubectl", operation="Update")
NOBODYS = owned(manager="kubectl", operation="Update")
"""The author's entry: managedFields are there, and say nothing of any probe."""


def initial(**probes: Any) -> Policy:
    return a_policy(probes={"mode": "Initial", **probes})


def wanted_by(policy: Policy) -> dict[str, Any]:
    return {p.kind: p.wanted for p in plan(policy, deployment({"image": TRITON})).probes}


def with_probes(probes: dict[str, Any], *managed: dict[str, Any]) -> Workload:
    return deployment({"image": TRITON, **probes}, managed=list(managed))


def actions(planned: Plan) -> set[Action]:
    return {probe.action for probe in planned.probes}


def test_in_mode_initial_probes_wait_for_a_rollout_and_the_report_says_so() -> None:
    workload = deployment({"image": TRITON})
    planned = plan(initial(), workload)
    assert actions(planned) == {Action.JOIN}
    assert apply_operations(planned, workload) is None
    report = probes_report(planned)
    assert (report.state, report.message) == ("Recommended", JOINS)
    assert "livenessProbe" in report.patch


def test_a_workload_that_another_controller_makes_joins_nothing() -> None:
    owner = {"kind": "InferenceService", "name": "x", "controller": True}
    workload = deployment({"image": TRITON}, ownerReferences=[owner])
    assert actions(plan(initial(), workload)) == {Action.RECOMMEND}


def test_probes_that_nobody_owns_and_that_are_as_wanted_came_from_us() -> None:
    policy = initial()
    planned = plan(policy, with_probes(wanted_by(policy), NOBODYS))
    assert all(probe.ours for probe in planned.probes)
    report = probes_report(planned)
    assert (report.state, report.message) == ("Injected", "")


@pytest.mark.parametrize("managed", [[BY_AUTHOR], []], ids=["the author's entry", "a manifest"])
def test_a_probe_that_its_author_wrote_is_his_though_it_is_as_wanted(managed: list[Any]) -> None:
    policy = initial()
    liveness = {"livenessProbe": wanted_by(policy)["livenessProbe"]}
    planned = plan(policy, with_probes(liveness, *managed))
    assert [probe.ours for probe in planned.probes] == [False, False, False]
    assert plan(initial(), with_probes(liveness, *managed)).probes[1].action is Action.IN_PLACE


def test_our_probe_of_an_earlier_policy_is_known_by_the_report_however_often_it_changes() -> None:
    first, second, third = (initial(liveness={"periodSeconds": n}) for n in (11, 12, 13))
    workload = with_probes(wanted_by(first), NOBODYS)
    report = probes_report(plan(first, workload))
    for policy in (second, third, third):
        planned = plan(policy, workload, report)
        assert planned.probes[1].action is Action.JOIN
        assert planned.probes[1].ours
        report = probes_report(planned, previous=report)
        assert report.liveness is not None
        assert report.liveness.former == wanted_by(first)["livenessProbe"]


def test_without_the_report_an_earlier_probe_of_ours_is_kept_like_an_authors() -> None:
    workload = with_probes(wanted_by(initial(liveness={"periodSeconds": 11})), NOBODYS)
    planned = plan(initial(liveness={"periodSeconds": 12}), workload)
    assert planned.probes[1].action is Action.KEEP


def test_an_unowned_probe_that_was_never_wanted_is_not_ours() -> None:
    other = {"exec": {"command": ["/bin/alive"]}}
    before = ProbesReport()
    planned = plan(initial(), with_probes({"livenessProbe": other}, NOBODYS), before)
    assert planned.probes[1].action is Action.KEEP


def test_the_authors_probe_is_on_record_before_ours_joins_in_its_place() -> None:
    own = {"exec": {"command": ["/bin/alive"]}}
    policy = initial(existing="Replace")
    workload = with_probes({"livenessProbe": own}, BY_AUTHOR)
    report = probes_report(plan(policy, workload))
    assert report.liveness is not None
    assert report.liveness.original == own
    after = with_probes(wanted_by(policy), NOBODYS)
    kept = probes_report(plan(policy, after, report), previous=report)
    assert kept.liveness is not None
    assert kept.liveness.original == own


def test_mode_apply_takes_a_probe_from_admission_over_as_a_whole() -> None:
    policy = a_policy(probes={"mode": "Apply", "liveness": {"periodSeconds": 12}})
    former = initial(liveness={"periodSeconds": 11})
    workload = with_probes(wanted_by(former), NOBODYS)
    report = probes_report(plan(former, workload))
    planned = plan(policy, workload, report)
    assert planned.probes[1].action is Action.INJECT
    # An apply would leave what nobody owns: a handler of another kind would stay beside ours.
    assert isinstance(apply_operations(planned, workload), JsonPatch)
