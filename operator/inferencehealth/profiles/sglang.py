"""SGLang: how to recognise it, probe it, and read it.

Its /health is the same as /health_generate unless SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION is
off: it generates one token, takes a second at least, passes on any output of the scheduler, and
answers 503 after 20 s without one; also 503 while it warms up and while it exits. A model that
computes a long prompt gives no output meanwhile, so none of the two belongs into liveness; a
watchdog of its own ends the process when the scheduler hangs (--watchdog-timeout, 300 s). The
API key guards all but /health… and /metrics….

Sources: sgl-project/sglang at commit 0025436e (python/sglang/srt/entrypoints/http_server.py, its
add_api_key_middleware); SGLang's documentation of 2026 (production metrics).
"""

from dataclasses import replace

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.progress import PER_REQUEST, Progress
from inferencehealth.checks.steps import Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles.asking import any_answer, by_status, http_get
from inferencehealth.profiles.listing import OPENAI_MODELS, fold_listed, models_step
from inferencehealth.profiles.naming import plain, values
from inferencehealth.profiles.profile import (
    Asked,
    DefaultBudgets,
    Evidence,
    Handlers,
    Profile,
    StaticFinding,
)
from inferencehealth.profiles.recognition import (
    Signature,
    only_flags,
    port_of,
    recognise,
    server_words,
)
from inferencehealth.profiles.text_canary import TOKENS, openai_canary
from inferencehealth.workloads import Container

HEALTH, HEALTH_GENERATE = "/health", "/health_generate"
USUAL_PORT = 30000

SIGNATURE = Signature(
    images=("lmsysorg/sglang*", "nvidia/sglang*", "rocm/sgl-dev*", "rocm/sglang*", "sglang"),
    familiar=("*sglang*",),
    programs=("sglang serve",),
    modules=("sglang.launch_server", "sglang.srt.entrypoints.http_server"),
    flags=(("--model-path", "--mem-fraction-static"), ("--model-path", "--tp-size")),
    runs_arguments=True,
)

PROGRESS = Progress(
    done=("sglang:generation_tokens_total", "sglang:prompt_tokens_total"),
    unit="tokens",
    running=("sglang:num_running_reqs",),
    waiting=("sglang:num_queue_reqs",),
    own=TOKENS,
    patience=PER_REQUEST,
)
"""Only with --enable-metrics; without it /metrics is a 404 and tells nothing. Tokens are counted
when a request ends (its TokenizerMetricsCollector)."""

CANARY = openai_canary(
    "one token of the model, by completion, else by chat; of a model that has none, one letter "
    "embedded or ranked. One that waits too long is Busy while /health is 200",
    alive=Request(HEALTH),
)

NOT_HEALTHY = Reading(
    Sign.NOT_READY,
    "ServerNotReady",
    "SGLang is not ready: it warms up, exits, or its scheduler gave no output for 20 s; it does "
    "not tell which",
)


def detect(container: Container) -> Evidence | None:
    """Whether the container runs SGLang's server; its router is another program."""
    flags = SIGNATURE.flags if only_flags(container) else ()
    return recognise(container, replace(SIGNATURE, flags=flags))


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
    """The name it serves under: --served-model-name, else the model's path as given."""
    said = server_words(container, SIGNATURE)
    served = values(said, "--served-model-name")[-1:]
    return plain(served or values(said, "--model-path", "--model")[-1:])


def handlers(asked: Asked) -> Handlers:
    """Readiness on /health; liveness takes any answer, of a path that reaches no scheduler."""
    health, alive = http_get(asked, HEALTH), any_answer(asked, OPENAI_MODELS)
    return Handlers(liveness=alive, readiness=health, process=alive, startup=health)


def steps(_spec: CheckSpec) -> tuple[Step, ...]:
    """Health and the list of models."""
    read = by_status(HEALTH, {503: NOT_HEALTHY})
    return (Step("health", StepKind.READY, Request(HEALTH), read), models_step())


def _trap(path: str) -> tuple[str, StaticFinding]:
    return path, StaticFinding(
        id="InferenceInLiveness",
        severity="warning",
        message=f"SGLang's {path} generates a token and needs one within the probe's timeout, so "
        "a server that computes long prompts is restarted although it works.",
        remedy="Take the recommended liveness probe, and leave hangs of the scheduler to SGLang's "
        "own --watchdog-timeout.",
    )


SGLANG = Profile(
    name="sglang",
    title="SGLang",
    verified="source at commit 0025436e (python/sglang/srt/entrypoints/http_server.py)",
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
    # /health takes at least a second and waits for output, so readiness is given 5 s; loading
    # with compilation and warm-up takes as long as vLLM's.
    budgets=DefaultBudgets(
        max_startup=1800, stop_traffic_after=30, restart_after=120, readiness_timeout=5
    ),
    liveness_traps=(_trap(HEALTH), _trap(HEALTH_GENERATE)),
    loading="Refuses connections while weights load, then 503 on /health until it is warm.",
    dead_engine="/v1/models and /model_info stay 200; /health answers 503 after 20 s without "
    "output of the scheduler, or 200 at once where its generation is switched off.",
    api_key="/v1/models; /health and /metrics stay open.",
    never_liveness="/health and /health_generate: they generate a token and fail while a long "
    "prompt is computed. /v1/models by HTTP: with an API key it answers 401.",
)
