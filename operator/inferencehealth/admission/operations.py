"""A plan as the JSON patch that lets it join the write which is being admitted. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from inferencehealth.api.report import ProbesReport
from inferencehealth.kubelet import HANDLER_KINDS, same_probe
from inferencehealth.plan import Action, Plan
from inferencehealth.plan.admitted import ever_wanted
from inferencehealth.probes.gates import gate_operations
from inferencehealth.probes.merge import ProbePlan
from inferencehealth.probes.ownership import containers_field
from inferencehealth.workloads import Workload

Operations = list[dict[str, Any]]


def joining(planned: Plan, workload: Workload, previous: ProbesReport | None = None) -> Operations:
    """The operations that bring about what the plan lets join; none where nothing does.

    Probes are added or taken away as a whole, so that a second look at the result adds nothing.
    `previous` is what the report says of them.
    """
    gate = gate_operations(
        workload, Action.INJECT if planned.gate.action is Action.JOIN else Action.OFF
    )
    return [*_probes(planned, workload, previous), *gate]


def _probes(planned: Plan, workload: Workload, previous: ProbesReport | None) -> Operations:
    name = planned.detection.container
    container = next((c for c in workload.containers if c.name == name), None)
    if container is None:
        return []
    field = containers_field(container)
    listed = workload.raw["spec"]["template"]["spec"][field]
    index = next(i for i, raw in enumerate(listed) if raw["name"] == name)
    at = f"/spec/template/spec/{field}/{index}"
    return [
        operation
        for probe in planned.probes
        for operation in (
            [_operation(at, probe)]
            if probe.action is Action.JOIN
            else _making_way(at, probe, ever_wanted(probe.kind, probe.wanted, previous))
        )
    ]


def _making_way(at: str, probe: ProbePlan, ever: Iterable[Mapping[str, Any]]) -> Operations:
    """Our handler gives way where its author now writes one of another kind.

    His apply adds to the probe that admission gave him; with two handlers it would be refused.
    """
    found = probe.existing or {}
    handlers = [kind for kind in HANDLER_KINDS if found.get(kind)]
    wanted = list(ever)
    ours = [
        kind
        for kind in handlers
        if any(
            one.get(kind) and same_probe({kind: found[kind]}, {kind: one[kind]}) for one in wanted
        )
    ]
    if not ours or len(ours) == len(handlers):
        return []
    return [{"op": "remove", "path": f"{at}/{probe.kind}/{kind}"} for kind in ours]


def _operation(at: str, probe: ProbePlan) -> dict[str, Any]:
    path = f"{at}/{probe.kind}"
    if probe.wanted is None:
        return {"op": "remove", "path": path}
    return {"op": "add", "path": path, "value": probe.wanted}
