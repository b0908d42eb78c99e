"""A LeaderWorkerSet: only its leaders are planned for, and the set itself is never changed."""

from typing import Any

import pytest
import yaml

from inferencehealth.groups import SET_NAME, WORKER_INDEX
from inferencehealth.plan import apply_operations, plan, probes_report
from inferencehealth.plan.reporting import JOINS_LEADERS
from inferencehealth.render.changes import changes_of
from inferencehealth.render.patches import json_patches, strategic_merge
from inferencehealth.workloads import Workload, workload
from tests.unit.plan.given import TRITON, a_policy

VLLM = {"name": "vllm", "image": "vllm/vllm-openai:v0.11.0", "command": ["vllm", "serve", "m"]}
WORKER = {"name": "worker", "image": "vllm/vllm-openai:v0.11.0", "command": ["sh", "-c", "ray"]}


def raw(size: int = 2, **templates: Any) -> dict[str, Any]:
    made = templates or {"leaderTemplate": {"spec": {"containers": [VLLM]}}}
    worker = {"workerTemplate": {"spec": {"containers": [WORKER]}}}
    return {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "metadata": {"name": "llama", "namespace": "ml", "labels": {"tier": "inference"}},
        "spec": {"replicas": 3, "leaderWorkerTemplate": {"size": size, **worker, **made}},
    }


def alike(size: int) -> dict[str, Any]:
    return raw(size, workerTemplate={"spec": {"containers": [{"name": "t", "image": TRITON}]}})


def a_set(size: int = 2) -> Workload:
    return workload(raw(size))


def policy(mode: str = "Recommend") -> Any:
    target = {"kinds": ["LeaderWorkerSet"], "selector": {"matchLabels": {"tier": "inference"}}}
    return a_policy(target=target, probes={"mode": mode})


def test_its_pods_are_counted_by_groups_and_only_the_leaders_are_asked() -> None:
    target = a_set(4)
    check = plan(policy(), target).check
    assert check is not None
    assert (target.replicas, check.group_size, check.profile) == (3, 4, "vllm")
    assert check.pod_selector.match_labels == {SET_NAME: "llama", WORKER_INDEX: "0"}


@pytest.mark.parametrize("mode", ["Off", "Recommend", "Initial", "Apply"])
def test_it_is_never_written_whatever_the_mode(mode: str) -> None:
    planned = plan(policy(mode), a_set())
    assert apply_operations(planned, a_set()) is None
    assert planned.patch is None, "kubectl takes no strategic merge patch for a custom resource"


def test_in_mode_initial_its_leaders_are_waited_for() -> None:
    told = probes_report(plan(policy("Initial"), a_set()))
    assert (told.state, told.message) == ("Recommended", JOINS_LEADERS)


def test_a_readiness_gate_is_not_put_into_it() -> None:
    asked = policy("Initial").model_copy(deep=True)
    spec = asked.spec.model_copy(
        update={"checks": asked.spec.checks.model_copy(update={"readiness_gate": True})}
    )
    planned = plan(asked.model_copy(update={"spec": spec}), a_set())
    assert "ReadinessGateNotAdded" in {finding.id for finding in planned.findings}


def snippet(target: Workload) -> Any:
    (finding,) = [f for f in plan(policy(), target).findings if f.id == "LeadersTakeProbes"]
    return yaml.safe_load(finding.remedy.split(":\n", 1)[1])["spec"]["leaderWorkerTemplate"]


def test_the_finding_has_the_probes_as_the_sets_own_fields() -> None:
    (container,) = snippet(a_set())["leaderTemplate"]["spec"]["containers"]
    assert container["name"] == "vllm"
    assert container["readinessProbe"]["httpGet"]["port"] == 8000


def test_workers_made_like_leaders_get_no_probes_unless_there_are_none() -> None:
    assert list(snippet(workload(alike(2)))) == ["leaderTemplate"]
    assert list(snippet(workload(alike(1)))) == ["workerTemplate"]


def test_a_manifest_gets_them_where_the_leader_is() -> None:
    (change,) = changes_of(raw(), [policy()])
    at = ["spec", "leaderWorkerTemplate", "leaderTemplate", "spec", "containers"]
    assert change.container_at == (*at, 0)
    assert [probe.kind for probe in change.probes][-1] == "readinessProbe"
    (alone,) = changes_of(alike(2), [policy()])
    assert alone.probes == ()
    assert strategic_merge([change]) == ""
    assert "/spec/leaderWorkerTemplate/leaderTemplate/spec/containers/0/name" in json_patches(
        [change]
    )
