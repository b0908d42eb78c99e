"""LitServe: recognise, probe, read.

Source: Lightning-AI/LitServe 0.2.17 (src/litserve/server.py, docker_builder.py). The port opens
once the first worker has loaded; /health is 503 "not ready" until all have, and 200 "ok" after
that as long as LitAPI.health() agrees. / is 200 "litserve running" whatever the workers do. With
LIT_SERVER_API_KEY set both want it in X-API-Key, and answer 401 or 403 without. The path of
/health can be changed in code. A worker that dies ends the server, unless it restarts workers.
"""

from typing import Final

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.steps import Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles.asking import any_answer, by_status, http_get, ready_in_liveness
from inferencehealth.profiles.profile import (
    Asked,
    DefaultBudgets,
    Evidence,
    Handlers,
    Profile,
    StaticFinding,
)
from inferencehealth.profiles.recognition import FLAGS, Signature, port_of, recognise
from inferencehealth.workloads import Container

ROOT, HEALTH = "/", "/health"
USUAL_PORT = 8000
API_KEY = "LIT_SERVER_API_KEY"

SIGNATURE = Signature(
    images=("litserve", "litserve-*", "*-litserve"),
    programs=("litserve",),
    modules=("litserve",),
)

NOT_READY: Final = Reading(
    Sign.NOT_READY,
    "ServerNotReady",
    "LitServe says that it is not ready; it does not tell whether a worker loads or its own "
    "health check fails",
)


def detect(container: Container) -> Evidence | None:
    """Whether the container runs LitServe; usually a program of the user's, with an image so."""
    if found := recognise(container, SIGNATURE):
        return found
    return Evidence(FLAGS, f"environment {API_KEY}") if API_KEY in container.variables else None


def http_port(container: Container) -> int | None:
    """Port of the server, 8000 unless its program says otherwise."""
    return port_of(container, names=("http",), usual=USUAL_PORT)


def handlers(asked: Asked) -> Handlers:
    """/ proves the process, /health that every worker has loaded.

    Where a key guards them the kubelet can't ask either, and a connection is all there is.
    """
    connect = {"tcpSocket": {"port": asked.probe_port}}
    if API_KEY in asked.environment:
        alive = any_answer(asked, ROOT)
        return Handlers(liveness=alive, readiness=connect, process=alive, startup=connect)
    live = http_get(asked, ROOT)
    return Handlers(liveness=live, readiness=http_get(asked, HEALTH), process=live, startup=live)


def steps(_spec: CheckSpec) -> tuple[Step, ...]:
    """The one health path; LitServe does not list models."""
    return (Step("ready", StepKind.READY, Request(HEALTH), by_status(HEALTH, {503: NOT_READY})),)


LITSERVE = Profile(
    name="litserve",
    title="LitServe",
    verified="0.2.19, run here; source of 0.2.17",
    detect=detect,
    port=http_port,
    handlers=handlers,
    steps=steps,
    tells_versions=False,
    images=SIGNATURE.images,
    readiness_findings=(
        StaticFinding(
            id="KubeletCannotSeeInference",
            severity="info",
            message="/health says only that every worker has once loaded, unless LitAPI.health() "
            "is written to look further: a worker that hangs stays ready.",
            remedy="Write LitAPI.health() so that it notices a model that can't predict.",
        ),
    ),
    liveness_traps=(
        ready_in_liveness(
            HEALTH, "while a worker loads, and when LitAPI.health() says so", f"ask {ROOT}"
        ),
    ),
    loading="Connection refused until the first worker has loaded, then 503 not ready until all "
    "have. Where the load fails the port stays closed and the process lives on.",
    dead_engine="A worker that hangs stays ready; one that dies ends the server, or with "
    "restart_workers makes /health 503 until it has loaded again.",
    api_key=f"{API_KEY} guards / and /health: 401 or 403 without X-API-Key. The probes then only "
    "open a connection, and the check is Unknown.",
    never_liveness="/health: 503 while a worker loads.",
    budgets=DefaultBudgets(max_startup=600, stop_traffic_after=15, restart_after=60),
)
