"""The server that another system is to check, as one value: made from a plan, read by the formats.

What the plan's readiness probe asks is what other systems ask too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from inferencehealth.api.report import CheckSpec
from inferencehealth.api.server import Scheme
from inferencehealth.export.schedule import Schedule, schedule
from inferencehealth.kubelet import numbers_of
from inferencehealth.plan import Plan
from inferencehealth.problems import Problem
from inferencehealth.profiles.profile import Profile
from inferencehealth.profiles.registry import profile_named
from inferencehealth.workloads import Workload


@dataclass(frozen=True, slots=True)
class Http:
    """A GET whose status 200 means that the server serves."""

    path: str
    port: int


@dataclass(frozen=True, slots=True)
class Grpc:
    """A call of grpc.health.v1.Health/Check; an empty service is the whole server."""

    service: str
    port: int


Question = Http | Grpc


@dataclass(frozen=True, slots=True)
class Metrics:
    """Where the server has metrics in the Prometheus format; `port_name` empty: not declared."""

    path: str
    port: int
    port_name: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """A server to be checked.

    `host` is by what name others reach it. `namespace` and `labels` of its pods are empty where
    no workload is known. `models` are those it has to serve, as NAME or NAME@VERSION.
    """

    name: str
    host: str
    profile: Profile
    question: Question
    port: int
    schedule: Schedule
    https: bool = False
    namespace: str = ""
    labels: Mapping[str, str] | None = None
    models: tuple[str, ...] = ()
    metrics: Metrics | None = None

    @property
    def address(self) -> str:
        """Scheme, host and port of the server, as `ihp check` takes it."""
        return f"{'https' if self.https else 'http'}://{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """What others ask: a URL, or host and port for gRPC."""
        asked = self.question
        if isinstance(asked, Grpc):
            return f"{self.host}:{asked.port}"
        return f"{'https' if self.https else 'http'}://{self.host}:{asked.port}{asked.path}"


def subject(planned: Plan, target: Workload, *, host: str) -> Subject | Problem:
    """The subject of a plan, or why other systems can't check this server."""
    if planned.problems:
        return planned.problems[0]
    check = planned.check
    readiness = next((p for p in planned.probes if p.kind == "readinessProbe"), None)
    wanted = readiness.wanted if readiness else None
    if check is None or not wanted:
        return Problem("NothingToAsk", f"{target.ref}: the plan has no readiness probe to go by.")
    profile = profile_named(check.profile)
    asked = _question(wanted, check.port)
    if asked is None:
        return Problem(
            "NothingToAsk",
            f"{profile.title} has no HTTP path and no gRPC health service that another system "
            "could ask.",
        )
    return Subject(
        name=target.name,
        host=host,
        profile=profile,
        question=asked,
        port=check.port,
        schedule=schedule(profile.name, numbers_of(wanted), check.startup_budget),
        https=check.scheme is Scheme.HTTPS,
        namespace=target.namespace,
        labels=target.selector.get("matchLabels") or None,
        models=tuple(
            f"{model.name}@{model.version}" if model.version else model.name
            for model in check.models.required
        ),
        metrics=_metrics(profile, target, planned, check),
    )


def _question(probe: Mapping[str, object], port: int) -> Question | None:
    """What a readiness probe asks, at the number of its port."""
    match probe:
        case {"httpGet": {"path": str(path), "port": int(number)}}:
            return Http(path, number)
        case {"httpGet": {"path": str(path)}}:
            return Http(path, port)
        case {"grpc": {"port": int(number), "service": str(service)}}:
            return Grpc(service, number)
        case {"grpc": {"port": int(number)}}:
            return Grpc("", number)
    return None


def _metrics(profile: Profile, target: Workload, planned: Plan, check: CheckSpec) -> Metrics | None:
    if profile.progress is None:
        return None
    request = profile.progress.request
    number = check.metrics_port or request.port or check.port
    server = next((c for c in target.containers if c.name == planned.detection.container), None)
    declared = server.ports if server else ()
    name = next((each.name for each in declared if each.number == number), "")
    return Metrics(request.path, number, name)
