"""Writing planned probes into a workload, and what came of it.

Server-side apply without force where nothing of anybody else's is in the way; a guarded patch
where the policy says that an author's probe is to be replaced as a whole. A refusal is an answer
to report, not to fight: it is tried again only when workload or plan have changed.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime

from inferencehealth.api.names import FIELD_MANAGER
from inferencehealth.api.report import MAX_MESSAGE, ProbeReport, ProbesReport, ProbeState
from inferencehealth.controller.remedies import remedy
from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import ApplyConflict, Conflict, Forbidden, Invalid
from inferencehealth.kube.requests import (
    DEPLOYMENTS,
    LEADER_WORKER_SETS,
    STATEFUL_SETS,
    JsonObject,
)
from inferencehealth.probes.ownership import writers
from inferencehealth.probes.writes import JsonPatch, SsaApply
from inferencehealth.workloads import OWNED_KINDS, Workload

RESOURCES = {
    resource.kind: resource for resource in (DEPLOYMENTS, STATEFUL_SETS, LEADER_WORKER_SETS)
}
NAMED = 3
"""Conflicts named in one message."""
RETRY = 600.0
"""Seconds until a refused write is tried again all the same: a quota or an admission policy may
have changed, of which the workload shows nothing.
"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the API server did not take a write."""

    state: ProbeState
    message: str


@dataclass(slots=True)
class Refusals:
    """Writes that were refused, so that the same one is not sent again and again."""

    _known: dict[str, tuple[Refusal, str, datetime]] = field(default_factory=dict)

    def standing(
        self, workload: Workload, write: SsaApply | JsonPatch, now: datetime
    ) -> Refusal | None:
        """The refusal of exactly this write in the same circumstances, if there was one lately."""
        if (known := self._known.get(workload.uid)) is None:
            return None
        refusal, digest, since = known
        fresh = (now - since).total_seconds() < RETRY
        return refusal if fresh and digest == _digest(workload, write, refusal) else None

    def remember(
        self, workload: Workload, write: SsaApply | JsonPatch, refusal: Refusal, now: datetime
    ) -> None:
        """Keep a refusal until the workload or the plan changes."""
        self._known[workload.uid] = (refusal, _digest(workload, write, refusal), now)

    def forget(self, uid: str) -> None:
        """Drop what is known about a workload that is gone."""
        self._known.pop(uid, None)


def _digest(workload: Workload, write: SsaApply | JsonPatch, refusal: Refusal) -> str:
    wanted = (
        write.body
        if isinstance(write, SsaApply)
        else [operation for operation in write.operations if operation["op"] != "test"]
    )
    # Whoever holds a field holds it also after a hundred more generations.
    held = [(c.name, k, writers(workload, c, k)) for c in workload.containers for k in OWNED_KINDS]
    since = held if refusal.state is ProbeState.CONFLICTED else workload.generation
    return json.dumps([since, wanted], sort_keys=True, default=str)


async def write_probes(
    client: Client, workload: Workload, write: SsaApply | JsonPatch
) -> JsonObject | Refusal:
    """The workload after the write, or why it was refused.

    Raises Conflict when the workload changed under our hands: plan anew and try again.
    """
    resource = RESOURCES[workload.kind]
    try:
        if isinstance(write, SsaApply):
            return await client.apply(
                resource,
                workload.name,
                write.body,
                namespace=workload.namespace,
                manager=FIELD_MANAGER,
            )
        return await client.json_patch(
            resource,
            workload.name,
            write.operations,
            namespace=workload.namespace,
            manager=FIELD_MANAGER,
        )
    except ApplyConflict as conflict:
        held = [f"{c.field} is held by {c.manager!r}" for c in conflict.conflicts]
        more = f" and {len(held) - NAMED} more" if len(held) > NAMED else ""
        ends = remedy(conflict.conflicts[0].manager, workload.kind)
        return Refusal(ProbeState.CONFLICTED, f"{'; '.join(held[:NAMED])}{more}. {ends}")
    except (Forbidden, Invalid) as refused:
        if _changed_meanwhile(write, refused):
            raise Conflict(409, "Conflict", "the workload changed meanwhile") from refused
        return Refusal(ProbeState.REFUSED, refused.message[:MAX_MESSAGE])


def _changed_meanwhile(write: SsaApply | JsonPatch, refused: Forbidden | Invalid) -> bool:
    """Whether a `test` operation of our patch failed: 422 without any cause (seen on 1.36)."""
    return isinstance(write, JsonPatch) and isinstance(refused, Invalid) and not refused.causes


def with_outcome(probes: ProbesReport, state: ProbeState, message: str) -> ProbesReport:
    """The probes' report after a write that did not happen: what was pending is now `state`."""
    message = message if len(message) <= MAX_MESSAGE else f"{message[: MAX_MESSAGE - 1]}…"
    changed: dict[str, ProbeReport] = {
        name: each.model_copy(update={"state": state})
        for name in ("startup", "liveness", "readiness")
        if (each := getattr(probes, name)) is not None and each.state is ProbeState.PENDING
    }
    gate = state if probes.gate is ProbeState.PENDING else probes.gate
    return probes.model_copy(update={**changed, "gate": gate, "state": state, "message": message})
