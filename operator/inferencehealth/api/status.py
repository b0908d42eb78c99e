"""What a policy's owner reads back; bounded in size whatever the fleet's."""

from typing import Final

from pydantic import Field

from inferencehealth.api.base import Model
from inferencehealth.api.conditions import Condition


class VerdictCounts(Model):
    """Number of pods by verdict."""

    total: int = Field(default=0, ge=0, description="All pods.")
    ready: int = Field(default=0, ge=0, description="Every required model and component serves.")
    degraded: int = Field(default=0, ge=0, description="Serves, but something optional is down.")
    busy: int = Field(default=0, ge=0, description="Alive, too loaded to answer in time.")
    loading: int = Field(default=0, ge=0, description="Alive, within the startup budget.")
    asleep: int = Field(default=0, ge=0, description="Put to sleep on purpose.")
    broken: int = Field(default=0, ge=0, description="Does not serve what is required.")
    unknown: int = Field(default=0, ge=0, description="Could not be asked.")


class ModelCount(Model):
    """One model over all pods."""

    name: str = Field(description="Name of the model.")
    ready: int = Field(ge=0, description="Pods on which it serves.")
    total: int = Field(ge=0, description="Pods that should serve it.")
    reason: str = Field(default="", description="Why it does not serve everywhere, in one word.")
    message: str = Field(default="", description="The same in a sentence.")


class Case(Model):
    """One pod that needs attention."""

    workload: str = Field(description="Kind and name of the workload, as kubectl takes it.")
    pod: str = Field(default="", description="Name of the pod; empty: the workload as a whole.")
    verdict: str = Field(description="Verdict on it.")
    reason: str = Field(description="Why, in one word.")
    message: str = Field(description="Why, in a sentence.")
    since: str = Field(default="", description="Since when (RFC 3339, UTC).")


class Summary(Model):
    """The status in words for kubectl's columns."""

    profile: str = Field(default="", description="Profiles found, by name.")
    workloads: int = Field(default=0, ge=0, description="Workloads that the policy holds.")
    pods: str = Field(default="0/0", description="Pods that serve, of all.")
    models: str = Field(default="-", description="Models that enough pods serve, of all.")
    verdict: str = Field(default="", description="Worst verdict on any pod.")


UNSEEN: Final = -1
"""The generation observed by nobody. The API server gives a new policy a status with it, because to
kstatus an object without a status is done: Flux would call a policy healthy that nobody looked at.
"""


def enough_serve(ready: int, total: int, desired: int) -> bool:
    """Whether a model that serves on `ready` of `total` pods of a workload is served by enough.

    Enough are as many as the workload wants (`desired`; 0: not known, so all): the pod that a
    rollout adds while it loads takes nothing away from anybody.
    """
    return ready >= max(1, min(total, desired or total))


class PolicyStatus(Model):
    """What the operator found; bounded in size whatever the fleet's."""

    observed_generation: int = Field(
        default=UNSEEN,
        ge=UNSEEN,
        description="Generation of the spec that this status answers; -1: nobody has seen it yet.",
    )
    summary: Summary = Field(default=Summary(), description="One line about everything.")
    pods: VerdictCounts = Field(default=VerdictCounts(), description="Pods by verdict.")
    models: tuple[ModelCount, ...] = Field(
        default=(),
        max_length=50,
        description="Models over all pods, the worst 50.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    worst: tuple[Case, ...] = Field(
        default=(),
        max_length=20,
        description="The 20 worst cases.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    conditions: tuple[Condition, ...] = Field(
        default=(),
        max_length=16,
        description="Ready, ProbesInjected, ProbesConflicted, Reconciling, Stalled.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    )
