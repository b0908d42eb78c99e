"""Which workloads a policy is about: kinds, labels, container."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from inferencehealth.api.base import Model
from inferencehealth.api.fields import Name
from inferencehealth.api.rules import Rule, rules


class WorkloadKind(StrEnum):
    """Kinds of workload a policy can select."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
    LEADER_WORKER_SET = "LeaderWorkerSet"


class Operator(StrEnum):
    """Operators of a label selector requirement."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class Requirement(Model):
    """One requirement on the labels of a workload."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 "
                ": !has(self.values) || size(self.values) == 0",
                "In and NotIn need values; Exists and DoesNotExist take none",
            )
        )
    )

    key: Name = Field(description="Label key.")
    operator: Operator = Field(description="How the label's value relates to `values`.")
    values: tuple[Annotated[str, Field(max_length=63)], ...] = Field(
        default=(),
        max_length=64,
        description="Values for In and NotIn.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )


class Selector(Model):
    """Which workloads of the policy's own namespace it is about, by their labels."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "(has(self.matchLabels) && size(self.matchLabels) > 0) || "
                "(has(self.matchExpressions) && size(self.matchExpressions) > 0)",
                "the selector is empty and would select every workload of the namespace; "
                "name at least one label in matchLabels or matchExpressions",
            )
        )
    )

    match_labels: dict[str, str] = Field(
        default={},
        max_length=64,
        description="Labels that the workload must carry, all of them.",
        examples=[{"tier": "inference"}],
    )
    match_expressions: tuple[Requirement, ...] = Field(
        default=(),
        max_length=64,
        description="Further requirements on the workload's labels, all of them.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )


class Target(Model):
    """Which workloads, and which of their containers."""

    kinds: tuple[WorkloadKind, ...] = Field(
        default=(WorkloadKind.DEPLOYMENT,),
        min_length=1,
        max_length=3,
        description="Kinds of workload to select. A LeaderWorkerSet counts by its groups, of which "
        "only the leaders are asked; it is never changed (modes Off, Recommend and Initial).",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    selector: Selector = Field(
        description="Labels of the workloads (not of their pods), in the policy's own namespace."
    )
    container: str = Field(
        default="",
        max_length=63,
        description="Name of the container that runs the server; empty: found by the profile.",
    )
