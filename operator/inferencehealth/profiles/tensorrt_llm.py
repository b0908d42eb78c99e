"""TensorRT-LLM's own server (trtllm-serve): how to recognise it, probe it, and read it.

It opens its port only when the engine is up. /health answers 200 with an empty body, and 503 "LLM
is unavailable. …" once the executor has failed; earlier versions answer 200 whatever happens.
/health_generate runs an inference (500 where it fails). /metrics takes iteration statistics out
of a queue: whoever asks takes them from the others; /prometheus/metrics (return_perf_metrics in
its configuration) takes nothing away and counts requests that ended. No path is guarded.

Sources: NVIDIA/TensorRT-LLM at commit 00057725 (tensorrt_llm/serve/openai_server.py); its
documentation of 1.1.0rc5 and 1.3.0rc27 (trtllm-serve).
"""

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.progress import Progress
from inferencehealth.checks.steps import Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles.asking import by_status, http_get
from inferencehealth.profiles.listing import fold_listed, models_step
from inferencehealth.profiles.naming import plain, positional, values
from inferencehealth.profiles.profile import (
    Asked,
    DefaultBudgets,
    Evidence,
    Handlers,
    Profile,
    StaticFinding,
)
from inferencehealth.profiles.recognition import Signature, port_of, recognise, server_words
from inferencehealth.profiles.text_canary import CHAT, COMPLETION, openai_canary
from inferencehealth.workloads import Container

HEALTH, HEALTH_GENERATE = "/health", "/health_generate"
USUAL_PORT = 8000
SUBCOMMANDS = frozenset({"serve", "mm_embedding_serve", "embeddings"})
OTHER_SUBCOMMANDS = frozenset({"disaggregated", "disaggregated_mpi_worker"})
"""A proxy before other servers, and a worker without a port of its own."""

SIGNATURE = Signature(
    # NVIDIA's images start a shell, so only a command that runs the server tells.
    images=("tensorrt-llm/release", "*tensorrt-llm*"),
    programs=("trtllm-serve",),
    modules=("tensorrt_llm.commands.serve",),
)

PROGRESS = Progress(
    done=("trtllm_request_success_total",), unit="requests", path="/prometheus/metrics"
)
"""It tells no requests inside, so it can show that the server works but never that it hangs."""

CANARY = openai_canary(
    "one token of the model, by completion, else by chat", paths=(COMPLETION, CHAT)
)

UNAVAILABLE = Reading(
    Sign.FAILS,
    "EngineDead",
    "TensorRT-LLM says that its engine is unavailable; only a restart mends that",
)


def detect(container: Container) -> Evidence | None:
    """Whether the container runs trtllm-serve; an image alone starts nothing."""
    said = server_words(container, SIGNATURE)
    if "--grpc" in said or OTHER_SUBCOMMANDS & set(said):
        return None
    found = recognise(container, SIGNATURE)
    return found if found and "runs" in found.reason else None


def http_port(container: Container) -> int | None:
    """Port of the API."""
    return port_of(
        container,
        flags=("--port",),
        names=("http", "http1", "api"),
        usual=USUAL_PORT,
        signature=SIGNATURE,
    )


def named_models(container: Container) -> tuple[str, ...]:
    """The name it serves under: --served_model_name, else the model; of a folder the last part."""
    said = server_words(container, SIGNATURE)
    if served := values(said, "--served_model_name")[-1:]:
        return plain(served)
    model = positional(said, "trtllm-serve")
    if model in SUBCOMMANDS:
        model = positional(said, "trtllm-serve", model)
    return plain((model.rstrip("/").rpartition("/")[2] if model.startswith("/") else model,))


def handlers(asked: Asked) -> Handlers:
    """All on /health, which fails for a dead process or engine only."""
    health = http_get(asked, HEALTH)
    return Handlers(liveness=health, readiness=health, process=health, startup=health)


def steps(_spec: CheckSpec) -> tuple[Step, ...]:
    """Health and the list of models."""
    read = by_status(HEALTH, {503: UNAVAILABLE})
    return (Step("health", StepKind.LIVE, Request(HEALTH), read), models_step())


TENSORRT_LLM = Profile(
    name="tensorrt-llm",
    title="TensorRT-LLM (trtllm-serve)",
    verified="source at commit 00057725 (tensorrt_llm/serve/openai_server.py)",
    detect=detect,
    port=http_port,
    handlers=handlers,
    steps=steps,
    progress=PROGRESS,
    canary=CANARY,
    fold=fold_listed,
    named_models=named_models,
    tells_versions=False,
    images=SIGNATURE.images,
    # Building an engine from a checkpoint at the start takes tens of minutes.
    budgets=DefaultBudgets(max_startup=2400, stop_traffic_after=15, restart_after=60),
    liveness_traps=(
        (
            HEALTH_GENERATE,
            StaticFinding(
                id="InferenceInLiveness",
                severity="warning",
                message="/health_generate waits for an inference among all others, so a busy "
                "server is restarted although it works.",
                remedy=f"Let liveness ask {HEALTH}, which fails only for a dead engine.",
            ),
        ),
    ),
    loading="Refuses connections until the engine is up.",
    sleeping="After POST /release_memory /health stays 200 while inference fails.",
    dead_engine="Failed: 503 on /health (in earlier versions always 200). Hung: all green; "
    "/health_generate, an inference, shows it.",
    never_liveness="/health_generate: it waits for an inference. /metrics: it takes statistics "
    "from whoever else reads them.",
)
