"""The standard gRPC health protocol, for any server that speaks it; other profiles build on it.

Source: grpc/grpc, doc/health-checking.md and doc/statuscodes.md; grpc-proto,
grpc/health/v1/health.proto. `Check` names a service, "" for the whole server, and answers
SERVING, NOT_SERVING or UNKNOWN, or the code NOT_FOUND for a service it does not know. The
services a policy wants to be up are its components. Models that it requires are asked for by
`grpc_v2`.
"""

from functools import partial
from typing import Final

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.steps import (
    Answer,
    Item,
    Outcome,
    Reading,
    Request,
    Sign,
    Step,
    StepKind,
)
from inferencehealth.profiles import grpc_v2 as v2
from inferencehealth.profiles.profile import (
    Asked,
    DefaultBudgets,
    Evidence,
    Handlers,
    Profile,
    StaticFinding,
)
from inferencehealth.profiles.reading import unanswered, worst_of
from inferencehealth.workloads import Container

CHECK = "/grpc.health.v1.Health/Check"
WHOLE = ""
"""Name that stands for the server as a whole."""
MAX_ANSWER: Final = 4 * 1024
"""Bytes of a health answer that are taken; a real one has two."""

OK, NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED = 0, 5, 7, 8
UNIMPLEMENTED, UNAUTHENTICATED = 12, 16
SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3


def check_of(service: str) -> Request:
    """The request that asks about a service. Raises ValueError for a name over 16,000 bytes."""
    return Request(CHECK, method="POST", body=v2.text(1, service), max_body=MAX_ANSWER, grpc=True)


def serving_status(body: bytes) -> int | None:
    """The `status` of a HealthCheckResponse; 0 where it is left out, None where it can't be read.

    Field 1 is read as proto3 writes it; other fields, which the protocol does not have, may follow.
    """
    if not body:
        return 0
    if body[0] != _STATUS_TAG or len(body) < 2 or body[1] > 0x7F:
        return None
    return body[1]


_STATUS_TAG = 0x08


def read_health(service: str, answer: Answer) -> Reading:
    """What a Check's answer says about the service it names."""
    if answer.outcome is Outcome.MALFORMED:
        return v2.NOT_GRPC
    if gap := unanswered(answer):
        return gap
    what = f'service "{service}"' if service else "the server"
    if answer.status == OK:
        return _by_status(what, serving_status(answer.body))
    if answer.status == NOT_FOUND and service:
        return Reading(Sign.FAILS, "ComponentNotFound", f"the server does not know {what}")
    if answer.status in {PERMISSION_DENIED, UNAUTHENTICATED}:
        message = f"the server answers code {answer.status}: it does not let the checker ask"
        return Reading(Sign.UNKNOWN, "AccessDenied", message)
    if answer.status in {NOT_FOUND, UNIMPLEMENTED}:
        return _NOT_TOLD
    if answer.status == RESOURCE_EXHAUSTED:
        return Reading(Sign.BUSY, "TooBusy", "the server says that it has too much to do")
    message = f"{CHECK} answers code {answer.status}, expected 0 (OK)"
    return Reading(Sign.FAILS, "UnexpectedStatus", message)


_NOT_TOLD = Reading(
    Sign.UNKNOWN,
    "HealthNotTold",
    "the server has no gRPC health service, or none for the server as a whole; name a service "
    "that it reports in spec.server.components.required",
)


def _by_status(what: str, status: int | None) -> Reading:
    if status == SERVING:
        return Reading(Sign.SERVES)
    if status == NOT_SERVING:
        message = f"{what} says NOT_SERVING; it does not tell whether it loads, ends or failed"
        return Reading(Sign.NOT_READY, "NotServing", message)
    if status == SERVICE_UNKNOWN:
        return Reading(Sign.FAILS, "ComponentNotFound", f"the server does not know {what}")
    if status == 0:
        return Reading(Sign.UNKNOWN, "HealthNotTold", f"{what} says UNKNOWN")
    return Reading(Sign.FAILS, "UnexpectedAnswer", f"{what} answers no health status")


def read_service(service: str, required: bool, answer: Answer) -> Reading:  # noqa: FBT001
    """The same as a component; one that is only optional degrades the pod at most."""
    reading = read_health(service, answer)
    item = Item(service, reading.sign, "", required, reading.reason, reading.message)
    quiet = reading.sign in {Sign.SERVES, Sign.SILENT} or required
    sign = reading.sign if quiet else Sign.DEGRADED
    return Reading(sign, reading.reason, reading.message, components=(item,))


def detect(_container: Container) -> Evidence | None:
    """Nothing shows that a server speaks the protocol and serves models; the policy names it."""
    return None


def grpc_port(container: Container) -> int | None:
    """The port named for gRPC, or the only one; else the one of the author's own gRPC probe."""
    named = [port.number for port in container.ports if "grpc" in port.name]
    if named or len(container.ports) == 1:
        return named[0] if named else container.ports[0].number
    probes = (container.probe(kind) or {} for kind in ("readinessProbe", "livenessProbe"))
    return next((p["grpc"]["port"] for p in probes if (p.get("grpc") or {}).get("port")), None)


def grpc_probe(asked: Asked, service: str = WHOLE) -> dict[str, object]:
    """The kubelet's own gRPC probe, which takes a number for its port and SERVING for good."""
    return {"grpc": {"port": asked.port, "service": service}}


def handlers(asked: Asked) -> Handlers:
    """The health of the whole server for all; a connection proves the process."""
    health = grpc_probe(asked)
    connect = {"tcpSocket": {"port": asked.probe_port}}
    return Handlers(liveness=health, readiness=health, process=connect, startup=health)


def steps(spec: CheckSpec) -> tuple[Step, ...]:
    """Every service and model that the policy names; where it names none, the server as a whole.

    Health is a server's own word, and Triton's is NOT_SERVING as soon as any model failed: where
    models are named, they decide, asked for by the KServe v2 protocol.
    """
    if not spec.models.required:
        return health_steps(spec)
    return (*_service_steps(spec), *v2.steps(spec))


def health_steps(spec: CheckSpec) -> tuple[Step, ...]:
    """Every service that the policy names; where it names none, the server as a whole."""
    whole = () if spec.components.required else (whole_step(),)
    return (*whole, *_service_steps(spec))


def _service_steps(spec: CheckSpec) -> tuple[Step, ...]:
    named = [(name, True) for name in spec.components.required]
    named += [(name, False) for name in spec.components.optional]
    return tuple(
        Step(
            f"service:{name}",
            StepKind.COMPONENTS,
            check_of(name),
            partial(read_service, name, required),
        )
        for name, required in named
    )


def whole_step() -> Step:
    """The step that asks about the server as a whole."""
    return Step("ready", StepKind.READY, check_of(WHOLE), partial(read_health, WHOLE))


NOT_SERVING_RESTARTS = StaticFinding(
    id="ReadinessInLiveness",
    severity="info",
    message="A gRPC health service says NOT_SERVING also when the server drains or lacks a model, "
    "and the kubelet then restarts it; once started, a loading model does the same.",
    remedy="If the server reports more than its own process under the empty service name, set "
    "spec.probes.liveness.strategy: Process.",
)

GRPC = Profile(
    name="grpc",
    title="gRPC health protocol",
    verified="grpcio-health-checking 1.85 and Triton 2.51.0, run here; grpc/health/v1/health.proto",
    detect=detect,
    port=grpc_port,
    handlers=handlers,
    steps=steps,
    fold=worst_of,
    liveness_findings=(NOT_SERVING_RESTARTS,),
    loading="Connection refused, or NOT_SERVING.",
    sleeping="Not told.",
    dead_engine="The status is what the server's own code last set: a service that hangs stays "
    "SERVING unless that code notices.",
    never_liveness="The health of a service that depends on a model or on another server.",
    budgets=DefaultBudgets(max_startup=600, stop_traffic_after=15, restart_after=60),
)
