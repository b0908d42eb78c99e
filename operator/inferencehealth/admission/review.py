"""AdmissionReview in, AdmissionReview out: what the webhook answers. Pure; it never says no.

Whatever we can't read or plan is admitted as it is: the worst that we may do to somebody's write is
nothing.
"""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from inferencehealth.admission.claimants import Claimant, holder
from inferencehealth.admission.operations import Operations, joining
from inferencehealth.api.names import FIELD_MANAGER
from inferencehealth.api.probes import Mode
from inferencehealth.api.report import ProbesReport, Startup
from inferencehealth.plan import plan
from inferencehealth.workloads import Workload, workload

API_VERSION = "admission.k8s.io/v1"
KINDS = ("Deployment", "StatefulSet")

ClaimantsOf = Callable[[str], Iterable[Claimant]]
"""The policies of a namespace."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a workload's report says of its probes, and of how long its pods took to load."""

    probes: ProbesReport | None = None
    startups: tuple[Startup, ...] = ()


RecordOf = Callable[[Workload], Record]


class NotAReview(ValueError):  # noqa: N818
    """A body that is no AdmissionReview; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One admission request, as far as it matters here."""

    uid: str
    namespace: str
    operation: str
    manager: str
    """Field manager of the write."""
    old: Mapping[str, Any]
    """The object before; empty on CREATE."""
    new: Mapping[str, Any]


def read(body: bytes) -> Asked:
    """The request in an AdmissionReview. Raises NotAReview."""
    try:
        request = json.loads(body)["request"]
        return Asked(
            uid=str(request["uid"]),
            namespace=str(request.get("namespace") or ""),
            operation=str(request["operation"]),
            manager=str((request.get("options") or {}).get("fieldManager") or ""),
            old=dict(request.get("oldObject") or {}),
            new=dict(request.get("object") or {}),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotAReview(f"the body is no AdmissionReview of {API_VERSION}: {error!r}") from error


def rolls(asked: Asked) -> bool:
    """Whether the write makes new pods anyway: a new workload, or another pod template.

    Our own writes are not met half-way: what the controller puts back has to stay.
    """
    if asked.manager == FIELD_MANAGER or asked.new.get("kind") not in KINDS:
        return False
    if asked.operation == "CREATE":
        return True
    return asked.operation == "UPDATE" and _template(asked.new) != _template(asked.old)


def decide(asked: Asked, claimants_of: ClaimantsOf, record_of: RecordOf) -> Operations:
    """What joins this write: nothing but probes, and nothing where no policy in mode Initial is."""
    if not rolls(asked):
        return []
    target = _workload(asked)
    if target is None:
        return []
    policy = holder(claimants_of(asked.namespace), target)
    if policy is None or policy.spec.probes.mode is not Mode.INITIAL:
        return []
    record = record_of(target)
    planned = plan(policy, target, record.probes, record.startups, advised=False)
    return joining(planned, target, record.probes)


def answer(uid: str, operations: Operations) -> bytes:
    """The AdmissionReview that admits the write with these operations."""
    response: dict[str, Any] = {"uid": uid, "allowed": True}
    if operations:
        patch = json.dumps(operations, separators=(",", ":")).encode()
        response |= {"patchType": "JSONPatch", "patch": base64.b64encode(patch).decode()}
    review = {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}
    return json.dumps(review, separators=(",", ":")).encode()


def _template(raw: Mapping[str, Any]) -> Any:
    return (raw.get("spec") or {}).get("template")


def _workload(asked: Asked) -> Workload | None:
    """The workload as it is about to be; a new one has no name yet where the server makes it."""
    meta = dict(asked.new.get("metadata") or {})
    meta["namespace"] = asked.namespace
    meta.setdefault("name", meta.get("generateName", ""))
    try:
        return workload({**asked.new, "metadata": meta})
    except (KeyError, TypeError, AttributeError):
        return None  # the API server is about to say what is wrong with it
