"""Our work on a workload undone: after a rollout that failed, or because nobody asks any more."""

from collections.abc import Collection, Mapping
from typing import Any

from inferencehealth.api.names import FIELD_MANAGER
from inferencehealth.api.probes import OnDelete
from inferencehealth.api.report import ProbesReport
from inferencehealth.api.rollouts import RolloutState
from inferencehealth.controller.inject import RESOURCES
from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import Conflict
from inferencehealth.plan import by_kind
from inferencehealth.plan.admitted import admitted
from inferencehealth.probes.gates import is_ours as gate_is_ours
from inferencehealth.probes.ownership import ours
from inferencehealth.probes.putback import originals, put_back, released
from inferencehealth.probes.writes import JsonPatch
from inferencehealth.workloads import OWNED_KINDS, Container, Workload, workload

TRIES = 5
"""Times that giving up our claim is tried while a rollout keeps writing its workload's status."""


def undo_of(target: Workload, probes: ProbesReport) -> JsonPatch | None:
    """The write that undoes a halted rollout; None: none was, or it is undone."""
    record, container = probes.rollout, container_of(target, probes)
    if record is None or record.state is not RolloutState.HALTED or container is None:
        return None
    kinds = [k for k in OWNED_KINDS if k in record.ours or ours(target, container, k)]
    before = {kind: (record.before or {}).get(kind) for kind in kinds}
    return put_back(target, container, before, gate=not record.gate and gate_is_ours(target))


def restore_of(target: Workload, probes: ProbesReport) -> JsonPatch | None:
    """The write that undoes what may not stay once we let go; None: nothing of it is there.

    Where our probes are to be retained, that is the readiness gate alone: soon nobody opens it, so
    no new pod would ever become ready.
    """
    if (container := container_of(target, probes)) is None:
        return None
    if probes.on_delete is OnDelete.RETAIN:
        return put_back(target, container, {}, gate=gate_is_ours(target))
    known = {kind: each.original if each else None for kind, each in by_kind(probes).items()}
    with_admission = [k for k in OWNED_KINDS if admitted(target, container, k, None, probes)]
    before = originals(target, container, known, with_admission)
    return put_back(target, container, before, gate=gate_is_ours(target))


def container_of(target: Workload, probes: ProbesReport) -> Container | None:
    """The container whose probes the report is about."""
    return next((c for c in target.containers if c.name == probes.container), None)


def has_claim(target: Workload, probes: ProbesReport, kinds: Collection[str] = OWNED_KINDS) -> bool:
    """Whether there is something for `release` to give up."""
    return _claims(target, probes, kinds) is not None


def is_undone(target: Workload, probes: ProbesReport) -> bool:
    """Whether nothing is left to do about a halted rollout."""
    return undo_of(target, probes) is None and not has_claim(target, probes)


def _claims(
    target: Workload, probes: ProbesReport, kinds: Collection[str]
) -> list[dict[str, Any]] | None:
    """The managedFields without our claim; None: we have none to give up.

    After a halted rollout what was ours before it stays ours.
    """
    if (container := container_of(target, probes)) is None:
        return None
    record = probes.rollout
    halted = record is not None and record.state is RolloutState.HALTED
    stays = record.ours if record and halted else ()
    return released(target, container, [kind for kind in kinds if kind not in stays])


async def release(
    client: Client,
    target: Workload,
    probes: ProbesReport,
    kinds: Collection[str] = OWNED_KINDS,
) -> None:
    """Give up our claim on the probes of those kinds and leave them as they are.

    Raises Conflict when the workload changes faster than we can read it.
    """
    resource = RESOURCES[target.kind]
    for left in reversed(range(TRIES)):
        raw = await client.get(resource, target.name, namespace=target.namespace)
        now = workload(raw)
        claims = _claims(now, probes, kinds)
        if claims is None or now.uid != target.uid:
            return
        try:
            await client.merge_patch(
                resource,
                target.name,
                _claims_body(raw, claims),
                namespace=target.namespace,
                manager=FIELD_MANAGER,
            )
        except Conflict:
            if not left:
                raise
        else:
            return


def _claims_body(raw: Mapping[str, Any], claims: list[dict[str, Any]]) -> dict[str, Any]:
    """An empty list would mean "unchanged" to the API server, a list of one empty entry: none."""
    version = raw["metadata"]["resourceVersion"]
    return {"metadata": {"resourceVersion": version, "managedFields": claims or [{}]}}
