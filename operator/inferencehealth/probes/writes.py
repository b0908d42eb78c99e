"""How planned probes are written: server-side apply where we may, a guarded patch where we must.

Server-side apply can't take away what another manager wrote, so the author's probe is replaced by
a JSON patch of whole fields that fails when the object changed in between.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from inferencehealth.probes.gates import FIELD, NO_GATE, GatePlan, gate_operations
from inferencehealth.probes.merge import ADVISED, WRITES, Action, ProbePlan, merge_patch
from inferencehealth.probes.ownership import containers_field, ours, patched_by_us
from inferencehealth.workloads import Container, Workload


@dataclass(frozen=True, slots=True)
class SsaApply:
    """The body of a server-side apply. Its uid keeps it from making or meeting another object."""

    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class JsonPatch:
    """The operations of a JSON patch (RFC 6902), good only for the spec that was planned on.

    Guarded by uid and generation: a resourceVersion would also change with every status update,
    which a rollout makes many of.
    """

    operations: list[dict[str, Any]]


def write_of(
    workload: Workload,
    container: Container,
    probes: Iterable[ProbePlan],
    gate: GatePlan = NO_GATE,
) -> SsaApply | JsonPatch | None:
    """The one write that brings the plan about; None where there is nothing to write.

    The gate goes in or out with the probes, so that both cost one rollout.
    """
    planned = tuple(probes)
    changed = [probe for probe in planned if probe.action in WRITES]
    gated = gate_operations(workload, gate.action)
    if not changed and not gated:
        return None
    # The author's, or one that admission put in: an apply could add to it but take nothing away.
    foreign = any(probe.existing and not ours(workload, container, probe.kind) for probe in changed)
    patched = any(patched_by_us(workload, container, probe.kind) for probe in changed)
    if foreign or patched or gated:
        return JsonPatch([*_operations(workload, container, changed), *gated])
    kept = {
        probe.kind: probe.wanted
        for probe in planned
        if probe.wanted
        and (probe.action is Action.INJECT or (probe.action is Action.IN_PLACE and probe.ours))
    }
    return SsaApply(_apply_body(workload, container, kept))


def recommended_patch(
    container: Container, probes: Iterable[ProbePlan], gate: GatePlan = NO_GATE
) -> dict[str, Any] | None:
    """What would change, as a strategic merge patch for `kubectl patch`; None for nothing."""
    changed = {
        probe.kind: merge_patch(probe.wanted, probe.existing)
        for probe in probes
        if probe.action in WRITES | ADVISED
    }
    patch: dict[str, Any] = _template(container, changed)["spec"]["template"] if changed else {}
    if gate.action in WRITES | ADVISED:
        # The list is replaced as a whole; null takes it away.
        patch.setdefault("spec", {})[FIELD] = list(gate.template) or None
    return {"spec": {"template": patch}} if patch else None


def _apply_body(workload: Workload, container: Container, probes: dict[str, Any]) -> dict[str, Any]:
    meta = {"name": workload.name, "namespace": workload.namespace, "uid": workload.uid}
    return {
        "apiVersion": workload.api_version,
        "kind": workload.kind,
        "metadata": {key: value for key, value in meta.items() if value},
        **_template(container, probes),
    }


def _template(container: Container, fields: dict[str, Any]) -> dict[str, Any]:
    listed = {containers_field(container): [{"name": container.name, **fields}]}
    return {"spec": {"template": {"spec": listed}}}


def _operations(
    workload: Workload, container: Container, changed: list[ProbePlan]
) -> list[dict[str, Any]]:
    at, tests = guards(workload, container)
    return [*tests, *(_operation(f"{at}/{probe.kind}", probe) for probe in changed)]


def guards(workload: Workload, container: Container) -> tuple[str, list[dict[str, Any]]]:
    """Where the container stands, and the operations that make sure that it still stands there."""
    field = containers_field(container)
    listed = workload.raw["spec"]["template"]["spec"][field]
    index = next(i for i, raw in enumerate(listed) if raw["name"] == container.name)
    at = f"/spec/template/spec/{field}/{index}"
    return at, [
        {"op": "test", "path": "/metadata/uid", "value": workload.uid},
        {"op": "test", "path": "/metadata/generation", "value": workload.generation},
        {"op": "test", "path": f"{at}/name", "value": container.name},
    ]


def _operation(path: str, probe: ProbePlan) -> dict[str, Any]:
    if probe.wanted is None:
        return {"op": "remove", "path": path}
    op = "replace" if probe.existing else "add"
    return {"op": op, "path": path, "value": probe.wanted}
