"""NVIDIA Dynamo, frontend and workers: how to recognise them, probe them, and read them.

Frontend (8000): /live answers 200 while it runs. /health answers 503 "not_ready" until the first
discovery, then 200 "healthy" whether or not any worker is there; before 1.0 it said "unhealthy"
with 200 instead. /v1/models lists what its workers serve. Workers and routers serve /live and
/health on DYN_SYSTEM_PORT, off by default; both answer 503 {"status": "notready", "endpoints":
{…}} until their endpoints serve, and again when their own canary fails. No path is guarded.

Sources: ai-dynamo/dynamo lib/llm/src/http/service/health.rs (2026); NVIDIA Dynamo documentation
0.7 and 1.5, health checks.
"""

from collections.abc import Mapping

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.progress import Progress
from inferencehealth.checks.steps import Answer, Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles.asking import http_get
from inferencehealth.profiles.listing import fold_listed, models_step
from inferencehealth.profiles.naming import plain, values
from inferencehealth.profiles.profile import (
    Asked,
    DefaultBudgets,
    Evidence,
    Handlers,
    Profile,
    StaticFinding,
    no_models,
)
from inferencehealth.profiles.reading import SERVES, parse_object, unanswered, unexpected
from inferencehealth.profiles.recognition import (
    Signature,
    port_number,
    port_of,
    recognise,
    server_words,
)
from inferencehealth.profiles.text_canary import CHAT, COMPLETION, EMBEDDINGS, TOKENS, openai_canary
from inferencehealth.workloads import Container

LIVE, HEALTH = "/live", "/health"
FRONTEND_PORT = 8000

IMAGES = ("ai-dynamo/*",)

FRONTEND = Signature(modules=("dynamo.frontend",))
WORKER = Signature(
    modules=(
        *("dynamo.vllm", "dynamo.sglang", "dynamo.trtllm", "dynamo.mocker", "dynamo.router"),
        *("dynamo.llama_cpp", "dynamo.global_router", "dynamo.vllm_omni"),
    )
)

PROGRESS = Progress(
    done=("dynamo_frontend_output_tokens_total",),
    unit="tokens",
    running=("dynamo_frontend_inflight_requests",),
    own=TOKENS,
)
"""Of the frontend, by the metrics catalogue of its documentation 1.5; queued requests are in
flight too."""

CANARY = openai_canary(
    "one token through a frontend, by completion, else by chat; none through a worker, which "
    "lists no models",
    paths=(COMPLETION, CHAT, EMBEDDINGS),
    listed=True,
)

NO_WORKERS = Reading(
    Sign.NOT_READY, "NoWorkers", "Dynamo's frontend works, but no worker serves an endpoint"
)
DISCOVERING = Reading(
    Sign.LOADING, "Discovering", "Dynamo's frontend has not finished its first discovery"
)
NOT_READY = Reading(
    Sign.NOT_READY,
    "EndpointsNotReady",
    "Dynamo says that its endpoints are not ready: they start, or its canary failed; it does not "
    "tell which",
)
EXITING = Reading(Sign.FAILS, "ServerExiting", "Dynamo's frontend is shutting down")


def detect(container: Container) -> Evidence | None:
    """Whether the container runs a frontend, a worker or a router; the images hold all of them."""
    return recognise(container, FRONTEND) or recognise(container, WORKER)


def http_port(container: Container) -> int | None:
    """The frontend's port, or a worker's DYN_SYSTEM_PORT; None where that is not switched on."""
    if not recognise(container, WORKER):
        return port_of(
            container,
            flags=("--http-port",),
            env=("DYN_HTTP_PORT",),
            names=("http",),
            usual=FRONTEND_PORT,
            signature=FRONTEND,
        )
    by_name = (port.number for port in container.ports if port.name == "system")
    return port_number(container.env.get("DYN_SYSTEM_PORT")) or next(by_name, None)


def named_models(container: Container) -> tuple[str, ...]:
    """The model of a worker, which its frontend lists and it does not."""
    signature = FRONTEND if recognise(container, FRONTEND) else WORKER
    said = server_words(container, signature)
    served = values(said, "--served-model-name", "--model-name")[-1:]
    return plain(served or values(said, "--model", "--model-path")[-1:])


def handlers(asked: Asked) -> Handlers:
    """Liveness and startup on /live; readiness on /health."""
    live, health = http_get(asked, LIVE), http_get(asked, HEALTH)
    return Handlers(liveness=live, readiness=health, process=live, startup=live)


def steps(_spec: CheckSpec) -> tuple[Step, ...]:
    """Health, and the models that a frontend's workers serve."""
    return (Step("health", StepKind.READY, Request(HEALTH), read_health), models_step())


def read_health(answer: Answer) -> Reading:
    """The word in the body counts, whatever the status: "unhealthy" comes with 200."""
    if gap := unanswered(answer):
        return gap
    document = parse_object(answer.body)
    word = document.get("status")
    if answer.status == 503 and word == "shutting_down":
        return EXITING
    if answer.status == 503:
        return DISCOVERING if word == "not_ready" else NOT_READY
    if answer.status != 200:
        return unexpected(HEALTH, answer, "200 or 503")
    # A worker tells its endpoints and no instances; a frontend without workers tells [] of both.
    empty = document.get("instances") == [] and not document.get("endpoints")
    if word == "unhealthy" or empty:
        return NO_WORKERS
    return NOT_READY if word == "notready" else SERVES


def fold(spec: CheckSpec, readings: Mapping[str, Reading]) -> Reading:
    """Health, then what a frontend lists; one that lists nothing waits for its workers."""
    listing, told = readings.get("models"), dict(readings)
    if listing and listing.sign is Sign.SERVES and not listing.models:
        told["workers"] = NO_WORKERS
    return fold_listed(spec, told, proves_load=False)


DYNAMO = Profile(
    name="dynamo",
    title="NVIDIA Dynamo",
    verified="source of 2026 (lib/llm/src/http/service/health.rs); documentation of 0.7 and 1.5",
    detect=detect,
    port=http_port,
    handlers=handlers,
    steps=steps,
    progress=PROGRESS,
    canary=CANARY,
    fold=fold,
    named_models=named_models,
    listed_as_named=no_models,
    tells_versions=False,
    images=IMAGES,
    # A worker answers 503 on /live as well until its engine has loaded.
    budgets=DefaultBudgets(max_startup=1800, stop_traffic_after=15, restart_after=60),
    readiness_findings=(
        StaticFinding(
            id="KubeletCannotReadBody",
            severity="warning",
            message="Dynamo's frontend answers 200 on /health with no worker behind it and says "
            "so only in the body, which the kubelet does not read.",
            remedy="Watch the verdict: the operator's check reads the body and the list of models.",
        ),
    ),
    liveness_traps=(
        (
            HEALTH,
            StaticFinding(
                id="DependencyInLiveness",
                severity="warning",
                message="A frontend's /health depends on discovery, and a worker's on its own "
                "canary: a restart mends neither.",
                remedy=f"Let liveness ask {LIVE}.",
            ),
        ),
    ),
    loading="Frontend: /health 503 until discovery; then 200 without instances. Worker: 503 on "
    "/live and /health.",
    dead_engine="Worker: 503 on /health when its own canary fails (DYN_HEALTH_CHECK_ENABLED). "
    "Frontend: the model is gone from /v1/models, /health stays 200.",
    never_liveness="/health: a frontend's depends on discovery and workers.",
)
