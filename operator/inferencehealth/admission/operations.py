"""A plan as the JSON patch that lets it join the write which is being admitted. Pure."""

from typing import Any

from inferencehealth.plan import Action, Plan
from inferencehealth.probes.gates import gate_operations
from inferencehealth.probes.merge import ProbePlan
from inferencehealth.probes.ownership import containers_field
from inferencehealth.workloads import Workload

Operations = list[dict[str, Any]]


def joining(planned: Plan, workload: Workload) -> Operations:
    """The operations that bring about what the plan lets join; none where nothing does.

    Probes are added or taken away as a whole, so that a second look at the result adds nothing.
    """
    gate = gate_operations(
        workload, Action.INJECT if planned.gate.action is Action.JOIN else Action.OFF
    )
    return [*_probes(planned, workload), *gate]


def _probes(planned: Plan, workload: Workload) -> Operations:
    changed = [probe for probe in planned.probes if probe.action is Action.JOIN]
    name = planned.detection.container
    container = next((c for c in workload.containers if c.name == name), None)
    if container is None or not changed:
        return []
    field = containers_field(container)
    listed = workload.raw["spec"]["template"]["spec"][field]
    index = next(i for i, raw in enumerate(listed) if raw["name"] == name)
    return [_operation(f"/spec/template/spec/{field}/{index}", probe) for probe in changed]


def _operation(at: str, probe: ProbePlan) -> dict[str, Any]:
    path = f"{at}/{probe.kind}"
    if probe.wanted is None:
        return {"op": "remove", "path": path}
    return {"op": "add", "path": path, "value": probe.wanted}
