from collections.abc import Mapping
from typing import Any

import pytest

from inferencehealth.controller.aggregate import policy_status
from inferencehealth.status.reading import read_policy, read_report
from inferencehealth.status.tree import PolicyNode, WorkloadNode, tree
from tests.unit.status.given import (
    HEARD,
    SYSTEM,
    a_pod,
    a_policy,
    a_report,
    raw_report,
    silent,
)

BROKEN = a_pod("a-2", "Broken", reason="ModelNotFound", message="no such model")


def one(*reports: Any, silence: Any = HEARD, policy: Any = None) -> PolicyNode:
    (node,) = tree([policy or a_policy()], reports, silence, SYSTEM)
    return node


def workload(*pods: Mapping[str, Any], **more: Any) -> WorkloadNode:
    return one(a_report(*map(dict, pods), **more)).workloads[0]


def test_a_broken_pod_makes_its_workload_and_its_policy_broken_with_the_reason() -> None:
    node = one(a_report(a_pod(), BROKEN))
    assert (node.verdict, node.ready, node.reason) == ("Broken", "False", "ModelNotFound")
    assert (node.serving, node.total) == (1, 2)
    found = node.workloads[0]
    assert (found.verdict, found.short) == ("Broken", True)
    assert found.pods[1].message == "no such model"
    assert found.pods[1].next[0] == "ihp diagnose pod/a-2 -n ml"


@pytest.mark.parametrize(
    ("silence", "generation"),
    [(silent(31.0), 1), (HEARD, 2)],
    ids=["checker gone", "spec is newer"],
)
def test_what_nobody_stands_behind_is_unknown_as_the_controller_has_it(
    silence: Any, generation: int
) -> None:
    raw = raw_report(a_pod())
    raw["metadata"]["generation"] = generation
    report = read_report(raw, everything=True)
    assert report is not None
    node = one(report, silence=silence, policy=a_policy(ready="True"))
    said = policy_status(a_policy(), [report], lost=(), silence_of=silence, now="")
    ready = next(c for c in said.conditions if c.type == "Ready")
    assert (node.ready, node.reason, node.message) == (ready.status, ready.reason, ready.message)
    assert node.verdict == said.summary.verdict == "Unknown"
    assert node.workloads[0].pods == ()


def test_a_policy_that_the_controller_has_not_seen_is_not_ready_by_an_old_status() -> None:
    node = one(a_report(a_pod()), policy=a_policy(generation=2, ready="True"))
    assert (node.ready, node.reason) == ("Unknown", "NotReconciled")
    assert node.next == ("kubectl get leases -n system",)


def test_without_workloads_the_policys_own_word_stands() -> None:
    node = one(policy=a_policy(ready="Unknown"))
    assert (node.ready, node.message) == ("Unknown", "so")
    assert node.next == ("kubectl describe ihp p -n ml",)


def test_a_policy_that_cannot_be_read_says_why() -> None:
    raw = {"metadata": {"name": "p", "namespace": "ml", "generation": 1}, "spec": {"target": 5}}
    policy = read_policy(raw)
    assert policy is not None
    (node,) = tree([policy], (), HEARD, SYSTEM)
    assert (node.ready, node.reason) == ("False", "InvalidSpec")
    assert "target" in node.message


def test_workloads_in_trouble_stand_first_and_policies_by_name() -> None:
    nodes = tree(
        [a_policy("z"), a_policy("p")],
        [a_report(a_pod(), name="good"), a_report(BROKEN, name="worse")],
        HEARD,
        SYSTEM,
    )
    assert [node.name for node in nodes] == ["p", "z"]
    assert [w.ref for w in nodes[0].workloads] == ["deployment/worse", "deployment/good"]


def test_reports_of_another_namespace_do_not_answer_to_a_policy_of_the_same_name() -> None:
    (node,) = tree([a_policy(namespace="other")], [a_report(a_pod())], HEARD, SYSTEM)
    assert node.workloads == ()


def test_pods_that_serve_are_left_out_of_reading_but_stay_in_the_counts() -> None:
    found = one(a_report(a_pod(), BROKEN, everything=False)).workloads[0]
    assert [pod.name for pod in found.pods] == ["a-2"]
    assert (found.serving, found.total) == (1, 2)


def test_a_report_of_another_version_is_passed_over() -> None:
    raw = raw_report(a_pod())
    raw["spec"]["workload"] = "none"
    assert read_report(raw, everything=False) is None


@pytest.mark.parametrize(
    ("pod", "commands"),
    [
        (a_pod(), ()),
        (a_pod(verdict="Degraded"), ()),
        (a_pod(verdict="Loading"), ()),
        (a_pod(verdict="Loading", reason="PodPending"), ("kubectl describe pod a-1 -n ml",)),
        (a_pod(verdict="Broken", reason="ImagePullBackOff"), ("kubectl describe pod a-1 -n ml",)),
        (
            a_pod(verdict="Broken", reason="CrashLoopBackOff"),
            ("kubectl logs a-1 -n ml -c server --previous",),
        ),
        (a_pod(verdict="Unknown", reason="ConnectTimeout"), ("ihp diagnose pod/a-1 -n ml",)),
    ],
)
def test_the_next_command_fits_the_cause(pod: dict[str, Any], commands: tuple[str, ...]) -> None:
    assert workload(pod).pods[0].next == commands


@pytest.mark.parametrize(
    ("given", "commands"),
    [
        ({"check": None}, ("ihp recommend deployment/a -n ml",)),
        ({"desired": 1}, ("kubectl describe deployment/a -n ml",)),
        (
            {"probes": {"state": "Conflicted", "message": "helm holds it"}, "desired": 0},
            ("kubectl describe ihr deployment-a -n ml",),
        ),
        ({"desired": 0}, ()),
    ],
    ids=["not recognised", "no pods", "conflict", "none wanted"],
)
def test_a_workload_without_pods_says_what_to_look_at(
    given: dict[str, Any], commands: tuple[str, ...]
) -> None:
    assert workload(reason="NoPods", **given).next == commands


def test_a_finding_of_the_checks_leads_to_better_probes() -> None:
    finding = {"id": "KubeletReadyButBroken", "severity": "error", "message": "m", "remedy": "r"}
    found = workload(BROKEN, findings=[finding])
    assert (found.findings[0].id, found.findings[0].message) == ("KubeletReadyButBroken", "m r")
    assert found.next == ("ihp recommend deployment/a -n ml",)
