"""The readiness gate of a pod template: whether it goes in or out with the probes, and how. Pure.

`readinessGates` is one value to the API server (listType atomic), which others may use as well:
our entry is added to what is there and taken out of it, never written over it. A pod that carries
the gate is not ready until somebody sets its condition (KEP-580), so the entry only goes in where
a policy asks for it, and a template that keeps it without need is a finding.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from inferencehealth.api.names import FIELD_MANAGER, READINESS_GATE
from inferencehealth.api.probes import Mode
from inferencehealth.api.report import Finding
from inferencehealth.groups import LEADER_WORKER_SET
from inferencehealth.probes.merge import Action
from inferencehealth.probes.ownership import managers_of_gates
from inferencehealth.workloads import Workload

FIELD: Final = "readinessGates"
ENTRY: Final = {"conditionType": READINESS_GATE}
_PATH: Final = f"/spec/template/spec/{FIELD}"


@dataclass(frozen=True, slots=True)
class GatePlan:
    """What happens to the gate in a workload's pod template.

    `template` is the list of gates that it should have in the end. OFF: neither asked for nor
    there. KEEP: there, but not asked for and not ours to remove.
    """

    action: Action = Action.OFF
    template: tuple[dict[str, Any], ...] = ()


NO_GATE: Final = GatePlan()


def plan_gate(workload: Workload, *, asked: bool, mode: Mode) -> GatePlan:
    """What happens to the gate; `asked`: the policy wants it in the pods."""
    listed = gates_of(workload)
    carried = has_gate(workload)
    hands_off = workload.owner is not None or workload.kind == LEADER_WORKER_SET
    if asked and not carried:
        ours_to_add = Action.INJECT if mode is Mode.APPLY else Action.JOIN
        return GatePlan(Action.RECOMMEND if hands_off else ours_to_add, (*listed, ENTRY))
    if asked:
        return GatePlan(Action.IN_PLACE, listed)
    if not carried:
        return NO_GATE
    if mode is Mode.APPLY and not hands_off and is_ours(workload):
        return GatePlan(Action.REMOVE, tuple(gate for gate in listed if not _is_entry(gate)))
    return GatePlan(Action.KEEP, listed)


def gates_of(workload: Workload) -> tuple[dict[str, Any], ...]:
    """All readiness gates of the pod template."""
    spec = workload.raw["spec"]["template"].get("spec") or {}
    return tuple(spec.get(FIELD) or ())


def has_gate(workload: Workload) -> bool:
    """Whether the pods are made with our gate."""
    return any(map(_is_entry, gates_of(workload)))


def is_ours(workload: Workload) -> bool:
    """Whether we put the gate there: an author may have written it into the manifest."""
    return FIELD_MANAGER in managers_of_gates(workload)


def gate_operations(workload: Workload, action: Action) -> list[dict[str, Any]]:
    """The operations of a JSON patch that bring the gate in or out; none for other actions.

    They test the entries that they are about; the caller guards the object (uid, generation).
    """
    listed = gates_of(workload)
    if action is Action.INJECT:
        if not listed:
            return [{"op": "add", "path": _PATH, "value": [ENTRY]}]
        return [
            {"op": "test", "path": _PATH, "value": list(listed)},
            {"op": "add", "path": f"{_PATH}/-", "value": ENTRY},
        ]
    if action is not Action.REMOVE or not has_gate(workload):
        return []
    rest = [gate for gate in listed if not _is_entry(gate)]
    test = {"op": "test", "path": _PATH, "value": list(listed)}
    if not rest:
        return [test, {"op": "remove", "path": _PATH}]
    return [test, {"op": "replace", "path": _PATH, "value": rest}]


def gate_findings(gate: GatePlan, workload: Workload) -> Iterator[Finding]:
    """What the owner of a workload with the gate should know."""
    if gate.action is Action.KEEP:
        yield Finding(
            id="ReadinessGateLeft",
            severity="warning",
            message=f"The pod template carries the readiness gate {READINESS_GATE}, but no policy "
            "asks for it: the operator opens it for every pod as long as it runs. Without the "
            "operator new pods never become ready.",
            remedy="Remove the entry from spec.template.spec.readinessGates (this rolls the pods), "
            "or set checks.readinessGate in the policy.",
        )
    if gate.action is Action.IN_PLACE:
        yield Finding(
            id="ReadinessGateInUse",
            severity="info",
            message=f"New pods get traffic only once the operator opens their readiness gate "
            f"{READINESS_GATE}.",
            remedy="Before the operator is uninstalled, set checks.readinessGate to false and "
            "wait until the pods have rolled.",
        )
    if gate.action is Action.RECOMMEND:
        kind, name = workload.owner or (workload.kind, workload.name)
        yield Finding(
            id="ReadinessGateNotAdded",
            severity="warning",
            message=f"The readiness gate is not in the pod template: {kind} {name} makes the pods, "
            "and we do not change it.",
            remedy=f"Add conditionType {READINESS_GATE} to the readinessGates of the pods in the "
            f"{kind}, if it has that field.",
        )


def _is_entry(gate: dict[str, Any]) -> bool:
    return gate.get("conditionType") == READINESS_GATE
