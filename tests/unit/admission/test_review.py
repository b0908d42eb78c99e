"""What the webhook answers: which writes it meets, whose policy counts, and what it adds."""

import base64
import json
from typing import Any

import pytest

from inferencehealth.admission.claimants import Claimant, claimant
from inferencehealth.admission.review import Asked, NotAReview, Record, answer, decide, read, rolls
from inferencehealth.api.report import ProbesReport
from inferencehealth.plan import plan, probes_report
from inferencehealth.workloads import Workload, workload
from tests.unit.plan.given import TRITON, owned

NOBODYS = owned(manager="kubectl", operation="Update")

Raw = dict[str, Any]


def a_deployment(*, env: str = "", image: str = TRITON, **container: Any) -> Raw:
    serving = {"name": "server", "image": image, **container}
    if env:
        serving["env"] = [{"name": "E", "value": env}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "triton",
            "uid": "u-1",
            "labels": {"tier": "inference"},
            "managedFields": [NOBODYS],
        },
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "triton"}},
            "template": {"spec": {"containers": [{"name": "proxy", "image": "envoy"}, serving]}},
        },
    }


def a_policy(name: str = "p", created: str = "2026-01-01T00:00:00Z", **probes: Any) -> Raw:
    return {
        "apiVersion": "inferencehealth.dev/v1alpha1",
        "kind": "InferenceHealthPolicy",
        "metadata": {"name": name, "namespace": "ml", "creationTimestamp": created},
        "spec": {
            "target": {"selector": {"matchLabels": {"tier": "inference"}}},
            "probes": {"mode": "Initial", **probes},
        },
    }


def asked(new: Raw, old: Raw | None = None, **more: Any) -> Asked:
    request = {
        "uid": "r-1",
        "namespace": "ml",
        "operation": "UPDATE" if old else "CREATE",
        "object": new,
        "oldObject": old,
        **more,
    }
    return read(json.dumps({"request": request}).encode())


def decided(
    request: Asked, *policies: Raw, reported: ProbesReport | None = None
) -> list[dict[str, Any]]:
    known = [found for raw in policies if (found := claimant(raw))]

    def claimants_of(namespace: str) -> list[Claimant]:
        return known if namespace == "ml" else []

    return decide(request, claimants_of, lambda _: Record(reported))


def patched(raw: Raw, operations: list[dict[str, Any]]) -> Raw:
    """The object after the operations, which are those of whole fields of containers only."""
    after: Raw = json.loads(json.dumps(raw))
    for operation in operations:
        *way, last = operation["path"].strip("/").split("/")
        at: Any = after
        for step in way:
            at = at[int(step)] if isinstance(at, list) else at[step]
        if operation["op"] == "remove":
            del at[last]
        else:
            at[last] = operation["value"]
    return after


def test_a_new_workload_gets_what_the_plan_says_in_the_servers_container() -> None:
    raw = a_deployment()
    operations = decided(asked(raw), a_policy())
    assert {o["op"] for o in operations} == {"add"}
    proxy, server = patched(raw, operations)["spec"]["template"]["spec"]["containers"]
    assert proxy == {"name": "proxy", "image": "envoy"}
    found = claimant(a_policy())
    assert found is not None
    assert found.policy is not None
    for probe in plan(found.policy, workload(raw)).probes:
        assert server[probe.kind] == probe.wanted


def test_a_second_look_at_the_result_adds_nothing() -> None:
    raw = a_deployment()
    after = patched(raw, decided(asked(raw), a_policy()))
    assert decided(asked(after), a_policy()) == []


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        (a_deployment(), None, True),
        (a_deployment(env="b"), a_deployment(env="a"), True),
        (a_deployment(), a_deployment(), False),
        (
            a_deployment() | {"spec": {**a_deployment()["spec"], "replicas": 5}},
            a_deployment(),
            False,
        ),
        (a_deployment() | {"kind": "ReplicaSet"}, None, False),
    ],
    ids=["created", "rolled", "unchanged", "scaled", "another kind"],
)
def test_only_a_write_that_makes_new_pods_anyway_is_met(
    new: Raw, old: Raw | None, *, expected: bool
) -> None:
    assert rolls(asked(new, old)) is expected


def test_our_own_writes_are_left_alone() -> None:
    request = asked(a_deployment(), options={"fieldManager": "inferencehealth"})
    assert decided(request, a_policy()) == []


def test_a_deletion_is_not_met() -> None:
    assert not rolls(asked(a_deployment(), a_deployment(), operation="DELETE", object=None))


@pytest.mark.parametrize("mode", ["Off", "Recommend", "Apply"])
def test_other_modes_inject_nothing_at_admission(mode: str) -> None:
    assert decided(asked(a_deployment()), a_policy(mode=mode)) == []


def test_a_workload_that_no_policy_selects_is_left_alone() -> None:
    raw = a_deployment()
    raw["metadata"]["labels"] = {"tier": "web"}
    assert decided(asked(raw), a_policy()) == []


@pytest.mark.parametrize(
    ("elder", "injects"),
    [
        (a_policy("elder", "2025-01-01T00:00:00Z", mode="Off"), False),
        (a_policy("elder", "2025-01-01T00:00:00Z") | {"spec": {"probes": {"mode": "?"}}}, True),
        (a_policy("elder", "2025-01-01T00:00:00Z", mode="newer than us"), False),
        (a_policy("younger", "2027-01-01T00:00:00Z", mode="Off"), True),
    ],
    ids=["older", "older without a target", "older and unreadable", "younger"],
)
def test_the_oldest_policy_that_selects_it_decides(elder: Raw, *, injects: bool) -> None:
    assert bool(decided(asked(a_deployment()), a_policy(), elder)) is injects


def test_a_policy_that_is_being_deleted_decides_nothing() -> None:
    gone = a_policy()
    gone["metadata"]["deletionTimestamp"] = "2026-02-01T00:00:00Z"
    assert decided(asked(a_deployment()), gone) == []


def test_the_authors_probe_stays_or_is_replaced_as_a_whole() -> None:
    own = {"exec": {"command": ["/bin/alive"]}}
    raw = a_deployment(livenessProbe=own)
    kept = patched(raw, decided(asked(raw), a_policy()))["spec"]["template"]["spec"]["containers"][
        1
    ]
    assert kept["livenessProbe"] == own
    assert "readinessProbe" in kept
    replaced = patched(raw, decided(asked(raw), a_policy(existing="Replace")))
    liveness = replaced["spec"]["template"]["spec"]["containers"][1]["livenessProbe"]
    assert "exec" not in liveness
    assert "httpGet" in liveness


def test_what_an_earlier_policy_gave_is_brought_up_to_date_by_the_report() -> None:
    first, second = a_policy(), a_policy(liveness={"periodSeconds": 17})
    before = patched(a_deployment(), decided(asked(a_deployment()), first))
    found = claimant(first)
    assert found is not None
    assert found.policy is not None
    report = probes_report(plan(found.policy, _value(before)))
    rolled = json.loads(json.dumps(before))
    rolled["spec"]["template"]["metadata"] = {"annotations": {"restartedAt": "now"}}
    (operation,) = decided(asked(rolled, before), second, reported=report)
    assert operation["path"] == "/spec/template/spec/containers/1/livenessProbe"
    assert operation["value"]["periodSeconds"] == 17


def test_our_handler_gives_way_where_the_author_writes_one_of_another_kind() -> None:
    before = patched(a_deployment(), decided(asked(a_deployment()), a_policy()))
    merged = json.loads(json.dumps(before))
    (_, server) = merged["spec"]["template"]["spec"]["containers"]
    server["livenessProbe"]["exec"] = {"command": ["/bin/alive"]}
    server["livenessProbe"]["httpGet"]["scheme"] = "HTTP"  # as the API server fills it in
    merged["metadata"]["managedFields"] = [owned("livenessProbe", manager="kubectl")]
    (operation,) = decided(asked(merged, before), a_policy())
    path = "/spec/template/spec/containers/1/livenessProbe/httpGet"
    assert operation == {"op": "remove", "path": path}


def _value(raw: Raw) -> Workload:
    return workload(raw)


def test_a_readiness_gate_joins_with_the_probes() -> None:
    gated = a_policy()
    gated["spec"]["checks"] = {"readinessGate": True}
    operations = decided(asked(a_deployment()), gated)
    assert operations[-1]["path"] == "/spec/template/spec/readinessGates"


@pytest.mark.parametrize(
    "new",
    [
        {"kind": "Deployment"},
        {"kind": "Deployment", "metadata": {}, "spec": {}},
        {"kind": "Deployment", "metadata": {"name": "x"}, "spec": {"template": {"spec": None}}},
        {"kind": "Deployment", "metadata": {"name": "x"}, "spec": {"template": {"spec": []}}},
    ],
)
def test_what_can_not_be_read_is_admitted_as_it_is(new: Raw) -> None:
    assert decided(asked(new), a_policy()) == []


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"request": {}}', b'{"request": 1}', b"\xff"]
)
def test_a_body_that_is_no_review_is_named(body: bytes) -> None:
    with pytest.raises(NotAReview, match="no AdmissionReview"):
        read(body)


def test_the_answer_always_allows_and_carries_the_patch() -> None:
    plain = json.loads(answer("r-1", []))
    assert plain["response"] == {"uid": "r-1", "allowed": True}
    told = json.loads(answer("r-1", [{"op": "remove", "path": "/x"}]))["response"]
    assert told["allowed"] is True
    assert json.loads(base64.b64decode(told["patch"])) == [{"op": "remove", "path": "/x"}]
