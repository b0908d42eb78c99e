"""Hugging Face Text Embeddings Inference: how to recognise it, probe it, and read it.

Its HTTP port opens after the model has warmed up. /health, /ping and / queue behind the running
batch: while healthy the Candle and ONNX backends then answer without looking, the Python one asks
its process; after a failure a forward pass is run. 503 {"error": "unhealthy", "error_type":
"unhealthy"}. /metrics asks nobody. The API key guards /info too. The image sets PORT=80, the
program by itself takes 3000.

Source: huggingface/text-embeddings-inference 1.9.3 (router/src/http/server.rs, router/src/main.rs,
backends/src/lib.rs, backends/candle/src/lib.rs, Dockerfile).
"""

from dataclasses import replace

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.steps import Answer, Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles.asking import by_status, http_get
from inferencehealth.profiles.listing import fold_listed, models_step, serving
from inferencehealth.profiles.naming import plain, values
from inferencehealth.profiles.profile import (
    Asked,
    DefaultBudgets,
    Evidence,
    Handlers,
    Profile,
    StaticFinding,
)
from inferencehealth.profiles.reading import merge_items, parse_object, unanswered, unexpected
from inferencehealth.profiles.recognition import (
    Signature,
    image,
    only_flags,
    port_of,
    recognise,
    server_words,
)
from inferencehealth.workloads import Container

HEALTH, PING, INFO, METRICS = "/health", "/ping", "/info", "/metrics"
IMAGE_PORT, PROGRAM_PORT = 80, 3000

SIGNATURE = Signature(
    images=(
        *("huggingface/text-embeddings-inference", "text-embeddings-inference*"),
        *("huggingface-text-embeddings-inference*", "huggingface-inference-toolkit/tei*"),
        "tei-gaudi",
    ),
    # The gRPC flavour of the image serves no HTTP at all.
    not_tags=("*-grpc",),
    programs=("text-embeddings-router",),
    flags=(("--model-id", "--pooling"), ("--model-id", "--max-client-batch-size")),
)

UNHEALTHY = Reading(
    Sign.FAILS, "ServerUnhealthy", "TEI says that its backend does not work (unhealthy)"
)


def detect(container: Container) -> Evidence | None:
    """Whether the container runs TEI with its HTTP API."""
    flags = SIGNATURE.flags if only_flags(container) else ()
    return recognise(container, replace(SIGNATURE, flags=flags))


def http_port(container: Container) -> int | None:
    """Port of the API; what an image sets by itself is known only of the official one."""
    official = any(image(container.image).ends_with(pattern) for pattern in SIGNATURE.images)
    return port_of(
        container,
        flags=("--port", "-p"),
        # Google's image takes the port that Vertex AI gives before its own.
        env=("AIP_HTTP_PORT", "PORT"),
        names=("http", "http1", "api"),
        usual=IMAGE_PORT if official else PROGRAM_PORT,
        signature=SIGNATURE,
    )


def named_models(container: Container) -> tuple[str, ...]:
    """The name it serves under: --served-model-name, else its model."""
    said, env = server_words(container, SIGNATURE), container.env
    served = values(said, "--served-model-name")[-1:] or (env.get("SERVED_MODEL_NAME", ""),)
    model = values(said, "--model-id")[-1:] or (env.get("MODEL_ID", ""),)
    return plain(served) or plain(model)


def handlers(asked: Asked) -> Handlers:
    """Readiness asks the backend; liveness and startup ask the router only."""
    alive, health = http_get(asked, METRICS), http_get(asked, HEALTH)
    return Handlers(liveness=alive, readiness=health, process=alive, startup=alive)


def steps(_spec: CheckSpec) -> tuple[Step, ...]:
    """Health and the model that it tells."""
    read = by_status(HEALTH, {503: UNHEALTHY})
    return (
        Step("health", StepKind.READY, Request(HEALTH), read),
        models_step(read_info, path=INFO),
    )


def read_info(answer: Answer) -> Reading:
    """{"model_id": …, "served_model_name": …}: one model, which may have two names."""
    if gap := unanswered(answer):
        return Reading(Sign.UNKNOWN, gap.reason, gap.message)
    told = parse_object(answer.body)
    items = [serving(told.get(field)) for field in ("served_model_name", "model_id")]
    found = merge_items(item for item in items if item)
    if answer.status == 200 and found:
        return Reading(Sign.SERVES, models=found)
    odd = unexpected(INFO, answer, "200 with a model_id")
    return Reading(Sign.UNKNOWN, "ModelsUnreadable", odd.message)


def _trap(path: str) -> tuple[str, StaticFinding]:
    return path, StaticFinding(
        id="InferenceInLiveness",
        severity="warning",
        message=f"TEI's {path} waits behind the running batch and, once it has failed, runs a "
        "forward pass, so a busy server is restarted and loads again.",
        remedy=f"Let liveness ask {METRICS}, which answers as long as the router works.",
    )


TEI = Profile(
    name="tei",
    title="Text Embeddings Inference",
    verified="source of 1.9.3 (router/src/http/server.rs, backends/src/lib.rs)",
    detect=detect,
    port=http_port,
    handlers=handlers,
    steps=steps,
    fold=fold_listed,
    named_models=named_models,
    tells_versions=False,
    images=SIGNATURE.images,
    # Embedding models are small; the download of one and its warm-up take minutes at most.
    budgets=DefaultBudgets(max_startup=600, stop_traffic_after=15, restart_after=60),
    liveness_traps=tuple(_trap(path) for path in (HEALTH, PING, "/")),
    loading="Refuses connections until the model has warmed up.",
    dead_engine="Candle and ONNX: /health says 200 without looking, once the running batch ends; "
    "of a stuck batch it gives no answer, and te_queue_size grows.",
    api_key="/info; /health and /metrics stay open.",
    never_liveness="/health, /ping and /: they wait behind the running batch and run a forward "
    "pass once they have failed. /info: with an API key it answers 401.",
)
