"""What a report remembers of our own changes to its workload, so that a restart loses nothing."""

from enum import StrEnum
from typing import Any

from pydantic import Field

from inferencehealth.api.base import Model


class RolloutState(StrEnum):
    """Where our latest change of a workload's probes stands."""

    STARTING = "Starting"
    ROLLING = "Rolling"
    VERIFYING = "Verifying"
    DONE = "Done"
    HALTED = "Halted"


class RolloutReport(Model):
    """Our latest change of a workload's probes."""

    state: RolloutState = Field(
        description="Starting: about to be written. Rolling: the pods are being replaced. "
        "Verifying: all are replaced, and watched for a while. Done. Halted: it failed; the probes "
        "from before were put back."
    )
    since: str = Field(description="Since when (RFC 3339, UTC).")
    subject: str = Field(
        description="Digest of what was changed: the policy's spec and the pod template without "
        "probes. What is remembered holds until it changes."
    )
    generation: int = Field(
        default=0, ge=0, description="Generation of the workload that the change made."
    )
    available: int = Field(default=0, ge=0, description="Pods that were available before.")
    broken: int = Field(default=0, ge=0, description="Pods that were Broken before.")
    before: dict[str, Any] | None = Field(
        default=None,
        description="The probes from before the change, by field; absent: none.",
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )
    ours: tuple[str, ...] = Field(
        default=(),
        max_length=3,
        description="Those of them that were our own.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    gate: bool = Field(default=False, description="Whether the pods had our readiness gate before.")
    served: bool = Field(
        default=False,
        description="Whether every pod has served since it was replaced. What breaks after that "
        "without a restart is not held against the change.",
    )
    message: str = Field(default="", max_length=1024, description="What came of it.")


class RevertReport(Model):
    """Somebody else who changes back what we wrote."""

    count: int = Field(ge=1, description="Times that our probes were changed back.")
    stopped: bool = Field(
        default=False, description="Whether we have given up until policy or workload change."
    )
    manager: str = Field(
        default="", description="Field manager of the last one; empty: one that left no name."
    )
    field: str = Field(default="", description="What the last one changed.")
    since: str = Field(description="When it was last seen (RFC 3339, UTC).")
    subject: str = Field(description="Digest of what was changed, as in `rollout`.")
