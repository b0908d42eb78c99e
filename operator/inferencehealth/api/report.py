"""InferenceHealthReport: one per workload; where controller and checker meet.

`spec` is what the controller asks the checkers to check. In `status`, `probes`, `findings` and
`detection` are the controller's; `health` is the checkers'. Each half has its own field manager,
so neither overwrites the other.
"""

from enum import StrEnum
from typing import Any, Literal

from pydantic import ConfigDict, Field

from inferencehealth.api.base import Model
from inferencehealth.api.canary import Canary
from inferencehealth.api.durations import Duration
from inferencehealth.api.endpoints import Endpoints
from inferencehealth.api.gate import GateLimits
from inferencehealth.api.metadata import Metadata
from inferencehealth.api.probes import OnDelete
from inferencehealth.api.rollouts import RevertReport, RolloutReport
from inferencehealth.api.server import Components, Models, Scheme, Tls
from inferencehealth.api.status import VerdictCounts
from inferencehealth.api.target import Selector

MAX_PODS = 200
"""Pods listed in one report, worst first; the counts cover all."""
MAX_MODELS = 200
"""Models listed in one report, worst first."""
MAX_STARTUPS = 16
"""Pairs of image and kind of node in one report, those that loaded last."""
MAX_HEALTH_FINDINGS = 32
"""Findings of the checks in one report."""
MAX_MESSAGE = 1024
"""Longest message kept, in characters."""


class ProbeState(StrEnum):
    """Where a probe stands, from settled to troubled."""

    OFF = "Off"
    INJECTED = "Injected"
    KEPT = "Kept"
    RECOMMENDED = "Recommended"
    PENDING = "Pending"
    HALTED = "Halted"
    REFUSED = "Refused"
    CONFLICTED = "Conflicted"


class WorkloadRef(Model):
    """The workload a report is about, in the report's namespace."""

    kind: str = Field(description="Deployment, StatefulSet or LeaderWorkerSet.")
    name: str = Field(description="Name of the workload.")
    uid: str = Field(description="UID of the workload.")


class CheckSpec(Model):
    """Everything a checker has to know to judge the workload's pods."""

    profile: str = Field(description="Profile by which answers are read.")
    container: str = Field(description="Container that runs the server.")
    port: int = Field(ge=1, le=65535, description="Port that the checks ask.")
    metrics_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Port on which the server counts its work; absent: the one its profile knows.",
    )
    pod_selector: Selector = Field(description="Selects the workload's pods.")
    group_size: int | None = Field(
        default=None,
        ge=2,
        description="Pods that serve together as one: of a LeaderWorkerSet only the leaders are "
        "selected and asked, and each needs its workers. Absent: every pod serves alone.",
    )
    models: Models = Field(default=Models(), description="Models that have to serve.")
    components: Components = Field(
        default=Components(), description="Components that have to be up."
    )
    endpoints: Endpoints | None = Field(
        default=None, description="Endpoints of a server with profile custom."
    )
    interval: Duration = Field(description="Time between two checks of one pod.")
    timeout: Duration = Field(description="Time one request may take.")
    failure_threshold: int = Field(ge=1, description="Failed checks in a row that count.")
    success_threshold: int = Field(ge=1, description="Good checks in a row that count.")
    startup_budget: Duration = Field(description="Time a pod may take to load.")
    scheme: Scheme = Field(default=Scheme.HTTP, description="How the server is spoken to.")
    tls: Tls | None = Field(default=None, description="Which certificate is trusted.")
    kubelet_lag: Duration = Field(
        default=30.0,
        description="Time by which the kubelet may see later than it happens that a pod breaks or "
        "serves, by the readiness probe in place.",
    )
    keep_alive: bool = Field(default=False, description="Keep connections open between checks.")
    canary: Canary | None = Field(default=None, description="Canary to send; absent: none.")
    gate: GateLimits | None = Field(
        default=None, description="Limits of the pods' readiness gate; absent: no gate is kept."
    )


class ReportSpec(Model):
    """What the checkers are asked; written by the controller."""

    policy: str = Field(description="Policy that claims the workload.")
    workload: WorkloadRef = Field(description="The workload.")
    check: CheckSpec | None = Field(
        default=None, description="What to check; absent when nothing recognised the server."
    )


class Finding(Model):
    """Something about the workload that its owner should know."""

    id: str = Field(description="Stable name of the finding.")
    severity: Literal["error", "warning", "info"] = Field(description="How much it matters.")
    container: str = Field(default="", description="Container it is about.")
    message: str = Field(description="What is the case, in a sentence.")
    remedy: str = Field(default="", description="What to do about it.")


class Detection(Model):
    """What was recognised in the workload, and why."""

    profile: str = Field(default="", description="Profile; empty: nothing recognised.")
    container: str = Field(default="", description="Container that runs the server.")
    port: int | None = Field(default=None, description="Port of the server.")
    confidence: float = Field(
        default=0.0, ge=0, le=1, description="How sure the recognition is, from 0 to 1."
    )
    reason: str = Field(default="", description="What it was recognised by.")


class ProbeReport(Model):
    """One probe of the server's container: what is there, what should be, and why."""

    state: ProbeState = Field(
        description="Off: mode Off. Recommended: see `wanted`. Kept: the author's probe stays. "
        "Injected: ours is in place. Pending: about to be written. Conflicted: another manager "
        "holds it. Refused: the API server did not accept it. Halted: with ours the rollout "
        "failed, so what was there before is back."
    )
    wanted: dict[str, Any] | None = Field(
        default=None,
        description="The probe that fits the server.",
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )
    former: dict[str, Any] | None = Field(
        default=None,
        description="Our earlier probe, where it still stands in the workload.",
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )
    original: dict[str, Any] | None = Field(
        default=None,
        description="The author's probe that ours replaced.",
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )
    reason: str = Field(default="", description="Why these numbers.")


class ProbesReport(Model):
    """The probe half of a report."""

    state: ProbeState = Field(
        default=ProbeState.OFF, description="All probes in one word: the most troubled of them."
    )
    container: str = Field(default="", description="Container whose probes they are.")
    startup: ProbeReport | None = Field(default=None, description="The startup probe.")
    liveness: ProbeReport | None = Field(default=None, description="The liveness probe.")
    readiness: ProbeReport | None = Field(default=None, description="The readiness probe.")
    gate: ProbeState | None = Field(
        default=None,
        description="The readiness gate in the pod template; absent: neither asked for nor there. "
        "Kept: there, though no policy asks for it.",
    )
    patch: str = Field(
        default="",
        description="What would change, as a strategic merge patch in JSON for kubectl patch.",
    )
    message: str = Field(
        default="",
        max_length=MAX_MESSAGE,
        description="Why the probes are not in place: who holds what, or what they wait for.",
    )
    rollout: RolloutReport | None = Field(
        default=None, description="Our latest change of the workload."
    )
    reverts: RevertReport | None = Field(
        default=None, description="Who changed our probes back; absent: nobody."
    )
    on_delete: OnDelete = Field(
        default=OnDelete.RETAIN,
        description="What becomes of our probes when no policy holds the workload any more.",
    )


class ItemHealth(Model):
    """One model or component over the workload's pods."""

    name: str = Field(description="Its name.")
    version: str = Field(default="", description="Its version, where one was named.")
    required: bool = Field(default=False, description="Whether a pod needs it to be ready.")
    ready: int = Field(ge=0, description="Pods on which it serves.")
    total: int = Field(ge=0, description="Pods that were asked.")
    state: str = Field(default="", description="Worst state on any pod.")
    reason: str = Field(default="", description="Why, in one word.")
    message: str = Field(default="", max_length=MAX_MESSAGE, description="Why, in a sentence.")


MAX_NOT_READY = 8
"""Models and components named of one pod: with 200 pods a report stays far below 1.5 MiB."""


class PodItem(Model):
    """A model or component of one pod."""

    name: str = Field(description="Its name, and :version where one was named.")
    state: str = Field(description="The verdict on it, on this pod.")


class PodHealth(Model):
    """One pod."""

    name: str = Field(description="Name of the pod.")
    verdict: str = Field(description="Verdict on it.")
    reason: str = Field(default="", description="Why, in one word.")
    message: str = Field(default="", max_length=MAX_MESSAGE, description="Why, in a sentence.")
    since: str = Field(default="", description="Since when (RFC 3339, UTC).")
    kubelet_ready: bool = Field(default=False, description="What the kubelet says meanwhile.")
    restarts: int = Field(default=0, ge=0, description="Restarts of the server's container.")
    gate: Literal["", "Unset", "Open", "Closed", "KeptByFloor"] = Field(
        default="",
        description="The pod's readiness gate; empty: it has none. Unset: nobody has judged the "
        "pod yet. KeptByFloor: open although the pod does not serve, so that some pod is.",
    )
    latency: Duration = Field(
        default=0.0,
        description="Time within which 95 of 100 checks are answered; as it was when the report "
        "was last written.",
    )
    not_ready: tuple[PodItem, ...] = Field(
        default=(),
        max_length=MAX_NOT_READY,
        description="Models and components that are not Ready on it, the worst 8.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )


MAX_RECENT_LOADS = 32
"""Loads of one image on one kind of node that are kept one by one."""


class Startup(Model):
    """How long the pods of one image on one kind of node took to load."""

    image: str = Field(description="Image of the server's container.")
    node_type: str = Field(
        default="", description="The node's label node.kubernetes.io/instance-type; empty: none."
    )
    count: int = Field(ge=1, description="Loads that were seen.")
    p50: Duration = Field(
        description="Median time from container start to first Ready, of the recent loads."
    )
    p90: Duration = Field(description="The same, 90th percentile.")
    max: Duration = Field(description="The longest of all.")
    recent: tuple[int, ...] = Field(
        default=(),
        max_length=MAX_RECENT_LOADS,
        description="The last loads in whole seconds, oldest first.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )


MAX_CANARY_REQUESTS = 8
"""Kinds of canaries that one report lists."""


class CanaryCost(Model):
    """What canaries were sent to the workload, and what they cost, since its checker has it."""

    requests: tuple[str, ...] = Field(
        default=(),
        max_length=MAX_CANARY_REQUESTS,
        description="What was sent: method, path, and what it makes the server do.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    interval: Duration = Field(description="Time between two canaries of one pod, at least.")
    sent: int = Field(ge=0, description="How many were sent, to all pods.")
    failed: int = Field(default=0, ge=0, description="Those that failed or got no answer.")
    skipped: int = Field(
        default=0,
        ge=0,
        description="Those that were not sent, because real requests made progress.",
    )
    seconds: Duration = Field(default=0.0, description="How long servers took for all of them.")


class Health(Model):
    """The checkers' half of a report."""

    observed_generation: int = Field(
        default=0, ge=0, description="Generation of the report's spec that was checked."
    )
    checked_by: str = Field(default="", description="Lease of the checker that says so.")
    verdict: str = Field(default="Unknown", description="Worst verdict on any pod.")
    reason: str = Field(default="", description="Why, in one word.")
    message: str = Field(default="", max_length=MAX_MESSAGE, description="Why, in a sentence.")
    counts: VerdictCounts = Field(default=VerdictCounts(), description="Pods by verdict.")
    pods_serving: str = Field(default="0/0", description="Pods that serve, of all.")
    models_serving: str = Field(
        default="-", description="Models that as many pods serve as are wanted, of all."
    )
    pods: tuple[PodHealth, ...] = Field(
        default=(),
        max_length=MAX_PODS,
        description="The pods, worst first.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    models: tuple[ItemHealth, ...] = Field(
        default=(),
        max_length=MAX_MODELS,
        description="The models, worst first.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    components: tuple[ItemHealth, ...] = Field(
        default=(),
        max_length=MAX_MODELS,
        description="The components, worst first.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    findings: tuple[Finding, ...] = Field(
        default=(),
        max_length=MAX_HEALTH_FINDINGS,
        description="What the checks showed that the workload's owner should know.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    startups: tuple[Startup, ...] = Field(
        default=(),
        max_length=MAX_STARTUPS,
        description="Observed time from container start to first Ready.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    canary: CanaryCost | None = Field(
        default=None,
        description="What canaries cost; as it was when the report was last written. Absent: none "
        "was sent.",
    )
    last_transition_time: str = Field(
        default="", description="When the worst verdict last changed (RFC 3339, UTC)."
    )


class ReportStatus(Model):
    """What was found about one workload."""

    detection: Detection = Field(default=Detection(), description="What was recognised, and why.")
    probes: ProbesReport = Field(default=ProbesReport(), description="Its probes.")
    findings: tuple[Finding, ...] = Field(
        default=(),
        max_length=64,
        description="What its owner should know.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    desired_pods: int = Field(default=0, ge=0, description="Replicas that the workload wants.")
    health: Health | None = Field(default=None, description="What its pods answered.")


class Report(Model):
    """A whole InferenceHealthReport as read from the API server."""

    model_config = ConfigDict(extra="ignore")

    metadata: Metadata
    spec: ReportSpec
    status: ReportStatus = ReportStatus()
