"""Which change of a policy's status its owner should hear of, beside the status itself. Pure."""

from dataclasses import dataclass

from inferencehealth.api.conditions import Condition, ConditionStatus
from inferencehealth.api.status import PolicyStatus
from inferencehealth.kube.events import EventType


@dataclass(frozen=True, slots=True)
class Transition:
    """One Event about a policy: `reason` in a word, `note` in a sentence."""

    type: EventType
    reason: str
    note: str


def transition(old: PolicyStatus, new: PolicyStatus) -> Transition | None:
    """What to say when `new` replaces `old`; None where Ready stays as it was.

    Nothing is said at the first look, nor of what mends itself, such as pods that load.
    """
    before, ready = _condition(old, "Ready"), _condition(new, "Ready")
    if before is None or ready is None or before.status is ready.status:
        return None
    if ready.status is ConditionStatus.TRUE:
        return Transition("Normal", ready.reason, ready.message)
    moving = _condition(new, "Reconciling")
    if moving and moving.status is ConditionStatus.TRUE and not new.pods.broken:
        return None
    return Transition("Warning", ready.reason, ready.message)


def _condition(status: PolicyStatus, name: str) -> Condition | None:
    return next((each for each in status.conditions if each.type == name), None)
