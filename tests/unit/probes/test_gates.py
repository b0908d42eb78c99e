"""The readiness gate of a template: in with the probes, out with care, never over others'."""

from typing import Any

import pytest

from inferencehealth.api.probes import Mode
from inferencehealth.plan import JsonPatch, apply_operations, plan, probes_report
from inferencehealth.probes.gates import (
    ENTRY,
    GatePlan,
    gate_findings,
    gate_operations,
    plan_gate,
)
from inferencehealth.probes.merge import Action
from inferencehealth.workloads import Workload, workload
from tests.unit.plan.given import TRITON, a_policy, deployment

THEIRS = {"conditionType": "target-health.elbv2.k8s.aws/ingress"}
OURS = {"conditionType": "inferencehealth.dev/models-ready"}
PATH = "/spec/template/spec/readinessGates"
OWNER = [{"kind": "LeaderWorkerSet", "name": "l", "uid": "u", "controller": True}]


def given(*gates: dict[str, Any], manager: str = "", **meta: Any) -> Workload:
    owned = {
        "manager": manager,
        "operation": "Update",
        "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:readinessGates": {}}}}},
    }
    made = deployment({"image": TRITON}, managed=[owned] if manager else None, **meta)
    raw: dict[str, Any] = dict(made.raw)
    if gates:
        raw["spec"]["template"]["spec"]["readinessGates"] = list(gates)
    return workload(raw)


BARE, OTHERS, IN_PLACE = given(), given(THEIRS), given(THEIRS, OURS)
WRITTEN_BY_US = given(THEIRS, OURS, manager="inferencehealth")
WRITTEN_IN_GIT = given(OURS, manager="argocd-controller")


@pytest.mark.parametrize(
    ("target", "asked", "mode", "action", "template"),
    [
        (BARE, True, Mode.APPLY, Action.INJECT, (ENTRY,)),
        (OTHERS, True, Mode.APPLY, Action.INJECT, (THEIRS, ENTRY)),
        (BARE, True, Mode.INITIAL, Action.JOIN, (ENTRY,)),
        (given(ownerReferences=OWNER), True, Mode.APPLY, Action.RECOMMEND, (ENTRY,)),
        (IN_PLACE, True, Mode.APPLY, Action.IN_PLACE, (THEIRS, OURS)),
        (IN_PLACE, True, Mode.INITIAL, Action.IN_PLACE, (THEIRS, OURS)),
        (BARE, False, Mode.APPLY, Action.OFF, ()),
        (OTHERS, False, Mode.APPLY, Action.OFF, ()),
        (WRITTEN_BY_US, False, Mode.APPLY, Action.REMOVE, (THEIRS,)),
        (WRITTEN_BY_US, False, Mode.RECOMMEND, Action.KEEP, (THEIRS, OURS)),
        (WRITTEN_BY_US, False, Mode.OFF, Action.KEEP, (THEIRS, OURS)),
        (WRITTEN_BY_US, False, Mode.INITIAL, Action.KEEP, (THEIRS, OURS)),
        (WRITTEN_IN_GIT, False, Mode.APPLY, Action.KEEP, (OURS,)),
    ],
)
def test_what_happens_to_the_gate(
    target: Workload,
    asked: bool,
    mode: Mode,
    action: Action,
    template: tuple[dict[str, Any], ...],
) -> None:
    assert plan_gate(target, asked=asked, mode=mode) == GatePlan(action, template)


@pytest.mark.parametrize(
    ("target", "action", "operations"),
    [
        (BARE, Action.INJECT, [{"op": "add", "path": PATH, "value": [ENTRY]}]),
        (
            OTHERS,
            Action.INJECT,
            [
                {"op": "test", "path": PATH, "value": [THEIRS]},
                {"op": "add", "path": f"{PATH}/-", "value": ENTRY},
            ],
        ),
        (
            IN_PLACE,
            Action.REMOVE,
            [
                {"op": "test", "path": PATH, "value": [THEIRS, OURS]},
                {"op": "replace", "path": PATH, "value": [THEIRS]},
            ],
        ),
        (
            WRITTEN_IN_GIT,
            Action.REMOVE,
            [{"op": "test", "path": PATH, "value": [OURS]}, {"op": "remove", "path": PATH}],
        ),
        (BARE, Action.REMOVE, []),
        (OTHERS, Action.REMOVE, []),
        (BARE, Action.JOIN, []),
        (IN_PLACE, Action.IN_PLACE, []),
    ],
)
def test_other_gates_are_left_as_they_are(
    target: Workload, action: Action, operations: list[dict[str, Any]]
) -> None:
    assert gate_operations(target, action) == operations


def gating(mode: str = "Apply") -> Any:
    return a_policy(probes={"mode": mode}, checks={"readinessGate": True})


def test_probes_and_gate_are_one_guarded_write() -> None:
    planned = plan(gating(), OTHERS)
    write = apply_operations(planned, OTHERS)
    assert isinstance(write, JsonPatch)
    touched = [op["path"] for op in write.operations if op["op"] != "test"]
    container = "/spec/template/spec/containers/0"
    assert touched == [
        f"{container}/startupProbe",
        f"{container}/livenessProbe",
        f"{container}/readinessProbe",
        f"{PATH}/-",
    ]
    tests = {op["path"]: op["value"] for op in write.operations if op["op"] == "test"}
    assert (tests["/metadata/uid"], tests["/metadata/generation"]) == ("u-1", 7)


def test_the_patch_to_paste_holds_the_whole_list() -> None:
    planned = plan(gating("Initial"), OTHERS)
    assert planned.patch is not None
    assert planned.patch["spec"]["template"]["spec"]["readinessGates"] == [THEIRS, OURS]


@pytest.mark.parametrize("mode", ["Off", "Recommend"])
def test_a_mode_that_writes_nothing_asks_for_no_gate(mode: str) -> None:
    planned = plan(gating(mode), BARE)
    assert planned.gate == GatePlan()
    assert planned.check is not None
    assert planned.check.gate is None
    assert "readinessGates" not in str(planned.patch)


def test_the_report_tells_of_the_gate() -> None:
    assert probes_report(plan(gating(), BARE)).gate == "Pending"
    assert probes_report(plan(gating(), IN_PLACE)).gate == "Injected"
    assert probes_report(plan(gating("Initial"), BARE)).gate == "Recommended"
    assert probes_report(plan(a_policy(), BARE)).gate is None
    assert probes_report(plan(a_policy(), IN_PLACE)).gate == "Kept"


@pytest.mark.parametrize(
    ("gate", "target", "found"),
    [
        (GatePlan(), BARE, []),
        (GatePlan(Action.INJECT), BARE, []),
        (GatePlan(Action.IN_PLACE), IN_PLACE, ["ReadinessGateInUse"]),
        (GatePlan(Action.KEEP), IN_PLACE, ["ReadinessGateLeft"]),
        (GatePlan(Action.RECOMMEND), given(ownerReferences=OWNER), ["ReadinessGateNotAdded"]),
    ],
)
def test_the_owner_is_told_what_a_gate_means(
    gate: GatePlan, target: Workload, found: list[str]
) -> None:
    assert [each.id for each in gate_findings(gate, target)] == found
