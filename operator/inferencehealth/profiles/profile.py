"""The shape of a profile: what a file in this folder fills in, and nothing else has to know."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from inferencehealth.api.endpoints import Endpoints
from inferencehealth.api.report import CheckSpec
from inferencehealth.api.server import Components, RequiredModel
from inferencehealth.checks.progress import Progress
from inferencehealth.checks.steps import Reading, Step
from inferencehealth.kubelet import Handler, Numbers
from inferencehealth.profiles.auto_canary import AutoCanary
from inferencehealth.profiles.reading import worst_of
from inferencehealth.workloads import Container

__all__ = [
    "Asked",
    "DefaultBudgets",
    "Documented",
    "Evidence",
    "Handler",
    "Handlers",
    "Numbers",
    "Profile",
    "StaticFinding",
]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a container is believed to run a server. `confidence` is between 0 and 1."""

    confidence: float
    reason: str


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
    required_models: tuple[RequiredModel, ...] = ()
    endpoints: Endpoints | None = None
    port_name: str = ""
    """Name by which the policy calls the port; empty where it gives a number or nothing."""
    liveness_timeout: int = 5
    """Seconds that the liveness probe may take, for handlers that have a clock of their own."""
    environment: frozenset[str] = frozenset()
    """Names of the container's environment variables, also of those that come from a secret."""

    @property
    def probe_port(self) -> int | str:
        """The port as it stands in a probe."""
        return self.port_name or self.port


@dataclass(frozen=True, slots=True)
class StaticFinding:
    """A finding that comes with the profile itself: what its documented probe will do."""

    id: str
    severity: Literal["error", "warning", "info"]
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


def no_models(_container: Container) -> tuple[str, ...]:
    """For servers whose arguments do not say which models they have to serve."""
    return ()


def no_port(_container: Container) -> int | None:
    """For servers that count their work where they serve."""
    return None


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
    fold: Callable[[CheckSpec, Mapping[str, Reading]], Reading] = worst_of
    """The one reading of a round, from the readings of its steps by name."""
    progress: Progress | None = None
    """Where the server counts its work, by which busy and hung are told apart."""
    metrics_port: Callable[[Container], int | None] = no_port
    """Port of `progress` as the container gives it; None: that of `progress` itself."""
    canary: AutoCanary | None = None
    """How the smallest real request is built; None: nobody can know what one looks like."""
    documented: Documented | None = None
    components: Components = field(default=Components())
    """Components that have to be up where the policy names none."""
    named_models: Callable[[Container], tuple[str, ...]] = no_models
    """Models that the container's own arguments name; required where the policy names none."""
    listed_as_named: Callable[[Container], tuple[str, ...]] | None = None
    """Those of the named models that the server surely lists by that very name, so that they can
    be required; None: all of them."""
    liveness_findings: tuple[StaticFinding, ...] = field(default=())
    """Findings that hold while liveness follows the profile instead of the process."""
    liveness_traps: tuple[tuple[str, StaticFinding], ...] = field(default=())
    """Paths that must not stand in a liveness probe, with the finding for one that asks them."""
    readiness_findings: tuple[StaticFinding, ...] = field(default=())
    """Findings that hold while readiness asks the profile's path: what it can't see."""
    tells_versions: bool = True
    """Whether the server answers for one version of a model."""
    unnamed_findings: tuple[StaticFinding, ...] = field(default=())
    """Findings that hold where no required model is known."""
    images: tuple[str, ...] = ()
    """Patterns of image names that show it, for whoever searches docs/servers.md."""
    loading: str = ""
    """How the server looks while it loads, in a sentence or two; so are the next five."""
    sleeping: str = ""
    """How it looks when it, or a model of it, was put to sleep or unloaded; empty: it can't."""
    dead_engine: str = ""
    """How a dead engine looks behind a green endpoint, and which further signal shows it."""
    reload: str = ""
    """How one dead model comes back without a restart of the pod; empty: it can't."""
    api_key: str = ""
    """Which of its health paths an API key guards; empty: none."""
    never_liveness: str = ""
    """What must never stand in its liveness probe, and why."""
