"""The shape of a profile: what a file in this folder fills in, and nothing else has to know."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from inferencehealth.api.policy import Endpoints
from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.steps import Step
from inferencehealth.workloads import Container

Handler = dict[str, Any]
"""A probe's handler as the kubelet knows it: {"httpGet": {...}}, {"tcpSocket": …}, {"exec": …}."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a container is believed to run a server. `confidence` is between 0 and 1."""

    confidence: float
    reason: str


@dataclass(frozen=True, slots=True)
class Numbers:
    """Kubelet numbers of one probe, in seconds and counts."""

    initial_delay: int
    period: int
    timeout: int
    failures: int


@dataclass(frozen=True, slots=True)
class DefaultBudgets:
    """Promises in seconds that fit the server when the policy gives none.

    `*_timeout` is the time one probe may take on a healthy but busy server.
    """

    max_startup: float
    stop_traffic_after: float
    restart_after: float
    liveness_timeout: int = 5
    readiness_timeout: int = 3


@dataclass(frozen=True, slots=True)
class Documented:
    """Probe numbers that the server's own documentation prints; used when no budget is given."""

    liveness: Numbers
    readiness: Numbers
    source: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What the handlers of a server's probes depend on."""

    port: int
    required_models: tuple[str, ...] = ()
    endpoints: Endpoints | None = None


@dataclass(frozen=True, slots=True)
class StaticFinding:
    """A finding that comes with the profile itself: what its documented probe will do."""

    id: str
    severity: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Handlers:
    """What the kubelet should ask. `process` fails only for a dead or hung process."""

    liveness: Handler
    readiness: Handler
    process: Handler
    startup: Handler
    """Good as soon as the server is up, so that liveness may begin; never needs a model."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One model server."""

    name: str
    title: str
    verified: str
    """Versions on which the facts were seen, and where."""
    detect: Callable[[Container], Evidence | None]
    port: Callable[[Container], int | None]
    """HTTP port of the server in that container; None where nothing tells."""
    handlers: Callable[[Asked], Handlers]
    steps: Callable[[CheckSpec], tuple[Step, ...]]
    budgets: DefaultBudgets
    documented: Documented | None = None
    liveness_findings: tuple[StaticFinding, ...] = field(default=())
    """Findings that hold while liveness follows the profile instead of the process."""
