"""Conditions as Kubernetes means them: typed, with reason and message, dated by transition."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from pydantic import Field

from inferencehealth.api.base import Model

REASON: Final = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"
"""What metav1.Condition takes as a reason."""


class ConditionStatus(StrEnum):
    """Whether the condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Model):
    """One observation about the policy (metav1.Condition)."""

    type: str = Field(max_length=316, description="Type of the condition.")
    status: ConditionStatus = Field(description="True, False or Unknown.")
    reason: str = Field(
        min_length=1,
        max_length=1024,
        pattern=REASON,
        description="Why, in one word that does not change between releases.",
    )
    message: str = Field(max_length=32768, description="Why, in a sentence.")
    observed_generation: int = Field(
        default=0, ge=0, description="Generation of the spec that it was said of."
    )
    last_transition_time: str = Field(
        default="",
        description="When the status last changed (RFC 3339, UTC).",
        json_schema_extra={"format": "date-time"},
    )


def carry_transitions(
    new: Iterable[Condition], old: Iterable[Condition], now: str
) -> tuple[Condition, ...]:
    """The new conditions, each with the old transition time where its status did not change."""
    before = {condition.type: condition for condition in old}
    return tuple(
        condition.model_copy(
            update={
                "last_transition_time": before[condition.type].last_transition_time or now
                if condition.type in before and before[condition.type].status == condition.status
                else now
            }
        )
        for condition in new
    )
