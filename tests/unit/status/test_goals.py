from typing import Any

import pytest

from inferencehealth.checks.verdicts import Verdict
from inferencehealth.status.goals import Sight, meets, of_policy, of_workload
from inferencehealth.status.tree import tree
from tests.unit.status.given import HEARD, SYSTEM, a_pod, a_policy, a_report, silent

SERVING = a_report(a_pod())
BROKEN = a_report(a_pod(verdict="Broken", reason="ModelNotFound"))


def of(policy: Any, *reports: Any, goal: str = "Ready", silence: Any = HEARD) -> Sight:
    (node,) = tree([policy], reports, silence, SYSTEM)
    return of_policy(goal, policy, node)


@pytest.mark.parametrize(
    ("policy", "report", "silence", "reached", "state"),
    [
        (a_policy(ready="True"), SERVING, HEARD, True, "Ready=True"),
        (a_policy(ready="False"), BROKEN, HEARD, False, "Ready=False"),
        (a_policy(ready="True"), SERVING, silent(99.0), False, "Ready=Unknown"),
        (a_policy(ready="False"), SERVING, HEARD, False, "Ready=True"),
        (a_policy(ready="True", generation=2), SERVING, HEARD, False, "Unknown"),
        (a_policy(), SERVING, HEARD, False, "Unknown"),
    ],
    ids=["ready", "broken", "checker gone", "status is behind", "new spec", "no status"],
)
def test_a_policy_is_ready_by_its_status_and_by_what_is_current(
    policy: Any, report: Any, silence: Any, reached: bool, state: str
) -> None:
    found = of(policy, report, silence=silence)
    assert (found.reached, found.state) == (reached, state)


def test_another_condition_can_be_waited_for() -> None:
    condition = {"type": "Stalled", "status": "True", "reason": "X", "message": "m"}
    policy = a_policy(conditions=[condition])
    assert of(policy, SERVING, goal="Stalled").reached


def test_a_broken_policy_comes_with_what_to_type_next() -> None:
    assert of(a_policy(ready="False"), BROKEN).next[0] == "ihp diagnose pod/a-1 -n ml"


@pytest.mark.parametrize(
    ("report", "goal", "reached"),
    [
        (SERVING, "Ready", True),
        (a_report(a_pod(verdict="Degraded")), "Ready", True),
        (a_report(a_pod(), desired=2), "Ready", False),
        (a_report(desired=0), "Ready", False),
        (BROKEN, "Ready", False),
        (BROKEN, "Broken", True),
        (a_report(a_pod(verdict="Asleep")), "Asleep", True),
    ],
)
def test_a_workload_is_ready_when_all_wanted_pods_serve(
    report: Any, goal: str, reached: bool
) -> None:
    (node,) = tree([a_policy()], [report], HEARD, SYSTEM)
    assert of_workload(goal, node.workloads[0]).reached is reached


def test_a_workload_without_a_report_is_waited_for() -> None:
    found = of_workload("Ready", None)
    assert (found.reached, found.reason) == (False, "NoReport")


@pytest.mark.parametrize("verdict", Verdict)
def test_ready_takes_degraded_too_and_the_rest_their_own_word(verdict: Verdict) -> None:
    assert meets("Ready", verdict) is (verdict.value in {"Ready", "Degraded"})
    assert meets(verdict.value, verdict) is (True)
