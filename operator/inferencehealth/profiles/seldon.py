"""Seldon Core 2's agent: recognise, probe, read.

Source: SeldonIO/seldon-core 2.10 (scheduler/pkg/agent/readyservice/server.go,
operator/config/serverconfigs). The agent stands beside the MLServer or Triton that it feeds with
models, as a container "agent"; requests reach that server only through it. /ready on port 9008 is
200 when it and its services are ready, 503 when one is not (its scheduler, say), 404 before it
has started. The server beside it is found by its own profile, and its models come and go.
"""

from typing import Final

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.steps import Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles.asking import by_status, http_get, ready_in_liveness
from inferencehealth.profiles.profile import Asked, DefaultBudgets, Evidence, Handlers, Profile
from inferencehealth.profiles.recognition import PROGRAM, Signature, port_of, recognise, words
from inferencehealth.workloads import Container

READY = "/ready"
USUAL_PORT = 9008
PORT_VARIABLE = "SELDON_READINESS_PORT"

SIGNATURE = Signature(images=("seldonio/seldon-agent*", "seldon-agent*"))

NOT_READY: Final = Reading(
    Sign.NOT_READY,
    "AgentNotReady",
    "the agent or a service that it needs, such as its scheduler, is not ready",
)
STARTING: Final = Reading(Sign.LOADING, "AgentStarting", "the agent has not started yet")


def detect(container: Container) -> Evidence | None:
    """Whether the container runs the agent; its program's name is anyone's, its port is not."""
    if PORT_VARIABLE in container.env and "/bin/agent" in words(container):
        return Evidence(PROGRAM, f"command runs /bin/agent with {PORT_VARIABLE}")
    return recognise(container, SIGNATURE)


def http_port(container: Container) -> int | None:
    """Port of the agent's readiness."""
    return port_of(container, env=(PORT_VARIABLE,), names=("readiness-port",), usual=USUAL_PORT)


def handlers(asked: Asked) -> Handlers:
    """Readiness as Seldon's own; a connection for life, as no restart mends a lost scheduler."""
    ready = http_get(asked, READY)
    connect = {"tcpSocket": {"port": asked.probe_port}}
    return Handlers(liveness=connect, readiness=ready, process=connect, startup=connect)


def steps(_spec: CheckSpec) -> tuple[Step, ...]:
    """The agent's own readiness, which includes the server that it feeds."""
    read = by_status(READY, {503: NOT_READY, 404: STARTING})
    return (Step("ready", StepKind.READY, Request(READY), read),)


SELDON = Profile(
    name="seldon",
    title="Seldon Core 2 agent",
    verified="source of 2.10 (readyservice/server.go, serverconfigs)",
    detect=detect,
    port=http_port,
    handlers=handlers,
    steps=steps,
    tells_versions=False,
    images=SIGNATURE.images,
    liveness_traps=(
        ready_in_liveness(
            READY,
            "while the scheduler or the server beside the agent is away",
            "only open a connection",
        ),
    ),
    loading="/ready 404, then 503 until its services are ready.",
    sleeping="Unused models are unloaded and loaded again by a request; the agent stays ready.",
    dead_engine="Seldon's own configuration asks /v2/health/live for the readiness of the server "
    "beside the agent, which is 200 with no model at all.",
    never_liveness="/ready: 503 while the scheduler is away, which no restart mends.",
    # Seldon's server configuration allows 60 failures at 15 s.
    budgets=DefaultBudgets(max_startup=900, stop_traffic_after=15, restart_after=60),
)
