"""JetStream, Google's server for TPUs: how to recognise it, probe it, and read it.

Its own HTTP server (port 8080) opens after the engine is up; / answers as long as it runs, and
/v1/health answers 200 whatever happens, with {"is_live": "False"} once the engine's threads have
stopped. On GKE the engine (maxengine-server, jetstream-pytorch-server) speaks gRPC on 9000, and a
container beside it (jetstream-http, port 8000) answers /healthcheck for both; how it says that
the engine is down is not documented, so only 200 counts there.

Sources: AI-Hypercomputer/JetStream of January 2026 (jetstream/entrypoints/http/api_server.py,
core/orchestrator.py); GKE documentation, serving with JetStream (jetstream-http v0.2.3).
"""

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.steps import Answer, Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles.asking import by_status, http_get
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
from inferencehealth.profiles.recognition import Signature, port_of, recognise, server_words
from inferencehealth.workloads import Container

ROOT, HEALTH, GKE_HEALTH = "/", "/v1/health", "/healthcheck"
USUAL_PORT, GKE_PORT = 8080, 8000

ENGINE = Signature(
    images=("inference/maxengine-server*", "maxengine-server*", "jetstream-pytorch-server*"),
    modules=("MaxText.maxengine_server", "jetstream_pt.cli"),
)
"""The engine of GKE's pods, whose HTTP is served by the container beside it."""
HTTP_SERVER = Signature(modules=("jetstream.entrypoints.http.api_server",))

STOPPED = Reading(
    Sign.FAILS, "EngineDead", "JetStream says that its engine is not live; only a restart mends it"
)


def detect(container: Container) -> Evidence | None:
    """Whether the container runs JetStream's engine, with or without HTTP of its own."""
    return recognise(container, HTTP_SERVER) or recognise(container, ENGINE)


def http_port(container: Container) -> int | None:
    """Its own HTTP port, or that of GKE's container beside it, which shares its address."""
    if recognise(container, HTTP_SERVER) is None:
        return GKE_PORT
    return port_of(container, flags=("--port",), usual=USUAL_PORT, signature=HTTP_SERVER)


def named_models(container: Container) -> tuple[str, ...]:
    """The model it loads, for information: JetStream lists none. MaxText writes model_name=…"""
    said = server_words(container, ENGINE)
    pairs = (word.partition("=")[2] for word in said if word.startswith("model_name="))
    return plain(pairs) or plain(values(said, "--model_name", "--model_id")[-1:])


def handlers(asked: Asked) -> Handlers:
    """GKE's one path on GKE's port; elsewhere the root, which asks no engine."""
    if asked.port == GKE_PORT:
        check = http_get(asked, GKE_HEALTH)
        return Handlers(liveness=check, readiness=check, process=check, startup=check)
    root, health = http_get(asked, ROOT), http_get(asked, HEALTH)
    return Handlers(liveness=root, readiness=health, process=root, startup=root)


def steps(spec: CheckSpec) -> tuple[Step, ...]:
    """The engine's health, by whoever answers on that port."""
    if spec.port == GKE_PORT:
        read = by_status(GKE_HEALTH)
        return (Step("health", StepKind.READY, Request(GKE_HEALTH), read),)
    return (Step("health", StepKind.READY, Request(HEALTH), read_health),)


def read_health(answer: Answer) -> Reading:
    """200 with is_live "True": serves; with "False": its engine has stopped."""
    if gap := unanswered(answer):
        return gap
    live = str(parse_object(answer.body).get("is_live")).lower()
    if answer.status == 200 and live == "true":
        return SERVES
    if answer.status == 200 and live == "false":
        return STOPPED
    return unexpected(HEALTH, answer, '200 with "is_live"')


JETSTREAM = Profile(
    name="jetstream",
    title="JetStream",
    verified="source of January 2026 (entrypoints/http/api_server.py); GKE's documentation",
    detect=detect,
    port=http_port,
    handlers=handlers,
    steps=steps,
    named_models=named_models,
    listed_as_named=no_models,
    tells_versions=False,
    images=ENGINE.images,
    # GKE's own manifests wait 90 s and then up to 50 min; 40 min load the largest models there.
    budgets=DefaultBudgets(max_startup=2400, stop_traffic_after=15, restart_after=60),
    readiness_findings=(
        StaticFinding(
            id="KubeletCannotReadBody",
            severity="warning",
            message="JetStream's own HTTP server answers 200 on /v1/health also when its engine "
            'has stopped and says so only in the body ("is_live": "False"), which the kubelet does '
            "not read.",
            remedy="Watch the verdict: the operator's check reads the body.",
        ),
    ),
    loading="Refuses connections until the engine is up.",
    dead_engine='/v1/health stays 200 and says {"is_live": "False"}; of a hung engine '
    "jetstream_prefill_backlog_size tells, which grows.",
    never_liveness="/v1/generate: it waits behind all others.",
)
