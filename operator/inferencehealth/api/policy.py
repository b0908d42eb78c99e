"""InferenceHealthPolicy: what a team asks for, and the summary it reads back.

The models are the single source of the CRD's schema: a field's description becomes
`kubectl explain`, its bounds become OpenAPI, its `rules` become CEL that the API server
evaluates, so nonsense is refused when it is applied.
"""

from typing import Literal

from pydantic import ConfigDict, Field

from inferencehealth.api.base import Model
from inferencehealth.api.canary import Canary
from inferencehealth.api.durations import Duration
from inferencehealth.api.gate import GateLimits
from inferencehealth.api.metadata import Metadata
from inferencehealth.api.probes import Probes
from inferencehealth.api.rules import Rule, rules
from inferencehealth.api.server import Server
from inferencehealth.api.status import PolicyStatus
from inferencehealth.api.target import Target


class Checks(Model):
    """How often and how patiently the operator asks the pods itself."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "duration(self.timeout) <= duration(self.interval)",
                "timeout must not be longer than interval",
                "timeout",
            ),
            Rule(
                "duration(self.interval) >= duration('1s') && "
                "duration(self.interval) <= duration('1h')",
                "interval lies between 1s and 1h",
                "interval",
            ),
            Rule(
                "duration(self.timeout) >= duration('100ms')",
                "timeout is at least 100ms",
                "timeout",
            ),
        )
    )

    interval: Duration = Field(default=10.0, description="Time between two checks of one pod.")
    timeout: Duration = Field(default=5.0, description="Time one request of a check may take.")
    failure_threshold: int = Field(
        default=3, ge=1, le=100, description="Failed checks in a row that make a pod Broken."
    )
    success_threshold: int = Field(
        default=1, ge=1, le=100, description="Good checks in a row that make it Ready again."
    )
    keep_alive: bool = Field(
        default=False,
        description="Keep the connection to each pod open between checks. By default every check "
        "opens a new one, as the kubelet does, so that a full accept queue is noticed.",
    )
    canary: Canary = Field(
        default=Canary(),
        description="A small real request, where health endpoints tell too little.",
    )
    readiness_gate: bool = Field(
        default=False,
        description="Add the readiness gate inferencehealth.dev/models-ready to the pods (mode "
        "Initial or Apply), so that a pod gets traffic only while the operator's own checks say "
        "that it serves.",
    )
    readiness_gate_limits: GateLimits = Field(
        default=GateLimits(), description="What the readiness gate may never do."
    )


class PolicySpec(Model):
    """What the policy asks for."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "!(has(self.probes) && has(self.probes.mode) && self.probes.mode == 'Apply' && "
                "has(self.target.kinds) && self.target.kinds.exists(k, k == 'LeaderWorkerSet'))",
                "mode Apply does not change LeaderWorkerSets, because every change makes each "
                "group anew; give them a policy of their own in mode Initial or Recommend",
            )
        )
    )

    target: Target = Field(description="Workloads that the policy is about.")
    server: Server = Field(default=Server(), description="The server they run.")
    probes: Probes = Field(default=Probes(), description="Probes they should have.")
    checks: Checks = Field(default=Checks(), description="Checks the operator makes itself.")


class Policy(Model):
    """A whole InferenceHealthPolicy as read from the API server or a file."""

    model_config = ConfigDict(extra="ignore")

    api_version: Literal["inferencehealth.dev/v1alpha1"]
    kind: Literal["InferenceHealthPolicy"]
    metadata: Metadata
    spec: PolicySpec
    status: PolicyStatus = PolicyStatus()
