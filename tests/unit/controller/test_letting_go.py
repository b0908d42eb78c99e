from typing import Any

import pytest

from inferencehealth.api.report import Report
from inferencehealth.api.rollouts import RolloutState
from inferencehealth.controller.letting_go import RESTORED, Leaving, Way, leaving_of, ways_of
from inferencehealth.controller.undoing import restore_of
from inferencehealth.workloads import Workload, workload
from tests.unit.controller.given import SETTLED, a_record, a_workload
from tests.unit.plan.given import owned

OURS = {"httpGet": {"path": "/v2/health/live", "port": 8000}}
AUTHORS = {"exec": {"command": ["/bin/alive"]}}


def ours(name: str = "triton", **more: Any) -> Workload:
    return a_workload(
        name, container={"livenessProbe": OURS}, managed=[owned("livenessProbe")], **more
    )


def restored(name: str = "triton", **more: Any) -> Workload:
    return a_workload(name, container={"livenessProbe": AUTHORS}, **more)


GATE = {"conditionType": "inferencehealth.dev/models-ready"}
GATE_OWNED = {
    "manager": "inferencehealth",
    "operation": "Update",
    "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:readinessGates": {}}}}},
}


def gated(**more: Any) -> Workload:
    """With our probes and our gate."""
    found = a_workload(
        container={"livenessProbe": OURS}, managed=[owned("livenessProbe"), GATE_OWNED], **more
    )
    raw: dict[str, Any] = dict(found.raw)
    raw["spec"]["template"]["spec"]["readinessGates"] = [GATE]
    return workload(raw)


def report(name: str = "triton", on_delete: str = "Restore", **probes: Any) -> Report:
    return Report.model_validate(
        {
            "metadata": {"name": f"deployment-{name}", "namespace": "ml"},
            "spec": {
                "policy": "gone",
                "workload": {"kind": "Deployment", "name": name, "uid": f"uid-{name}"},
            },
            "status": {
                "probes": {
                    "container": "server",
                    "onDelete": on_delete,
                    "liveness": {"state": "Injected", "wanted": OURS, "original": AUTHORS},
                    **probes,
                }
            },
        }
    )


ROLLING = SETTLED | {"updatedReplicas": 1}
BEING_RESTORED = {"rollout": a_record(subject=RESTORED).manifest()}


def way(found: Report, target: Workload | None) -> Way:
    return ways_of([Leaving(found, target)])[0][0]


@pytest.mark.parametrize(
    ("found", "target", "expected"),
    [
        (report(), ours(), Way.RESTORE),
        (report(on_delete="Retain"), ours(), Way.FORGET),
        # A gate that nobody opens any more would keep every new pod out of traffic.
        (report(on_delete="Retain"), gated(), Way.RESTORE),
        (report(on_delete="Retain"), gated(status=ROLLING), Way.WAIT),
        (report(), None, Way.FORGET),
        (report(), restored(), Way.FORGET),
        (report(), ours(status=ROLLING), Way.WAIT),
        (report(), ours(paused=True), Way.WAIT),
        (report(), ours(replicas=0, status={}), Way.RESTORE),
        # Its pods are being replaced: the report stays, so that it keeps its turn.
        (report(**BEING_RESTORED), restored(status=ROLLING), Way.WAIT),
        (report(**BEING_RESTORED), restored(), Way.FORGET),
        # We ended between saying so and doing it.
        (report(**BEING_RESTORED), ours(), Way.RESTORE),
    ],
)
def test_a_workload_is_restored_or_released_and_then_forgotten(
    found: Report, target: Workload | None, expected: Way
) -> None:
    assert way(found, target) is expected


def test_one_workload_is_restored_at_a_time() -> None:
    (first, _), (second, why) = ways_of(
        [Leaving(report("a"), ours("a")), Leaving(report("b"), ours("b"))]
    )
    assert (first, second) == (Way.RESTORE, Way.WAIT)
    assert "after a" in why


def test_a_restoration_that_still_rolls_is_waited_for() -> None:
    busy = Leaving(report("a", **BEING_RESTORED), restored("a", status=ROLLING))
    assert [w for w, _ in ways_of([busy, Leaving(report("b"), ours("b"))])] == [Way.WAIT] * 2


def test_a_halted_rollout_is_no_restoration_under_way() -> None:
    halted = report("a", rollout=a_record(RolloutState.HALTED).manifest())
    assert way(halted, restored("a", status=ROLLING)) is Way.FORGET


def test_only_what_no_policy_asks_for_is_let_go() -> None:
    reports = {"deployment-a": report("a"), "deployment-b": report("b"), "broken": None}
    found = leaving_of(reports, {"deployment-a"}, set(), [ours("b")])
    assert [(each.report.metadata.name, each.target is not None) for each in found] == [
        ("deployment-b", True)
    ]
    assert leaving_of(reports, set(), {"gone"}, []) == []


def test_retaining_probes_takes_out_the_gate_and_nothing_else() -> None:
    write = restore_of(gated(), report(on_delete="Retain").status.probes)
    assert write is not None
    path = "/spec/template/spec/readinessGates"
    assert [op for op in write.operations if op["op"] != "test"] == [{"op": "remove", "path": path}]
