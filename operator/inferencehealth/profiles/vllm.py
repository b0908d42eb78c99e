"""vLLM's OpenAI server: how to recognise it, probe it, and read it.

It opens its port only when the model is loaded. /health answers 200 with an empty body, and 503
only once the engine's death was noticed (EngineDeadError); then the process ends by itself within
seconds. Asleep, or with a frozen engine, it stays 200. Sleep exists only with
VLLM_SERVER_DEV_MODE=1, as does /is_sleeping, which costs less than the gauge
`vllm:engine_sleep_state` among all the metrics. An API key guards the paths under /v1; in later
versions all but /health, /ping, /load, /version and /metrics, so that with a key and dev mode
/is_sleeping answers 401 and sleep goes unseen.

Sources: vLLM 0.20.2 run here on a CPU, every state but the API key; vllm-project/vllm of 2026
(entrypoints/serve/middleware/authenticate.py, entrypoints/serve/instrumentator/health.py).
"""

from dataclasses import replace

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.progress import Progress
from inferencehealth.checks.steps import Answer, Reading, Request, Sign, Step, StepKind
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
from inferencehealth.profiles.reading import SERVES, parse_object, unanswered
from inferencehealth.profiles.recognition import (
    Signature,
    image,
    only_flags,
    port_of,
    recognise,
    server_words,
)
from inferencehealth.profiles.text_canary import TOKENS, awake_gauge, openai_canary
from inferencehealth.workloads import Container

HEALTH, SLEEPING = "/health", "/is_sleeping"
USUAL_PORT = 8000

SIGNATURE = Signature(
    images=(
        *("vllm/vllm-openai*", "vllm-openai*", "vllm/vllm-omni*", "vllm/vllm-tpu*"),
        *("rocm/vllm*", "intel/vllm*", "nvidia/vllm*", "ascend/vllm-ascend*", "rhaiis/vllm-*"),
        *("deep-learning-containers/vllm*", "substratusai/vllm*", "*-vllm-serve"),
        *("llm-d/llm-d", "llm-d/llm-d-cuda*", "llm-d/llm-d-cpu*", "llm-d/llm-d-xpu*"),
    ),
    familiar=("*vllm*",),
    familiar_flags=("--model", "--served-model-name"),
    programs=("vllm serve",),
    modules=("vllm.entrypoints.openai.api_server", "vllm.entrypoints.api_server"),
    flags=(
        ("--model", "--max-model-len"),
        ("--model", "--gpu-memory-utilization"),
        ("--model", "--tensor-parallel-size"),
        ("--served-model-name", "--max-model-len"),
    ),
)

PROGRESS = Progress(
    done=("vllm:generation_tokens_total", "vllm:prompt_tokens_total"),
    unit="tokens",
    running=("vllm:num_requests_running",),
    waiting=("vllm:num_requests_waiting",),
    own=TOKENS,
)
"""Of /metrics, which no API key guards."""

CANARY = openai_canary(
    "one token of the model, by completion, else by chat; of a model that has none, one letter "
    "embedded or ranked. None while /metrics say that it sleeps",
    about=(PROGRESS.request,),
    guard=awake_gauge("vllm:engine_sleep_state", "sleep_state", "awake"),
)

ENGINE_DEAD = Reading(
    Sign.FAILS,
    "EngineDead",
    "vLLM says that its engine is dead; its process ends by itself within seconds",
)
ASLEEP = Reading(Sign.ASLEEP, "Asleep", "vLLM was put to sleep; POST /wake_up wakes it")


def detect(container: Container) -> Evidence | None:
    """Whether the container runs vLLM's server; one with --headless serves no API."""
    if "--headless" in server_words(container, SIGNATURE):
        return None
    known = SIGNATURE if only_flags(container) else replace(SIGNATURE, flags=(), familiar_flags=())
    return recognise(container, known)


def http_port(container: Container) -> int | None:
    """Port of the API; VLLM_PORT is another one."""
    return port_of(
        container,
        flags=("--port",),
        names=("http", "http1", "api", "user-port"),
        usual=USUAL_PORT,
        signature=SIGNATURE,
    )


def named_models(container: Container) -> tuple[str, ...]:
    """The names it serves under: --served-model-name, else the model itself."""
    said = server_words(container, SIGNATURE)
    model = values(said, "--model")[-1:] or (positional(said, "vllm", "serve"),)
    # The image's entry point is `vllm serve`, so its first argument is the model.
    official = image(container.image).is_one_of(SIGNATURE.images)
    if not any(model) and official and not container.command:
        given = said[1:] if said[:1] == ("serve",) else said
        model = given[:1] if not given[:1] or not given[0].startswith("-") else ()
    return plain(values(said, "--served-model-name") or model)


def handlers(asked: Asked) -> Handlers:
    """All on /health, which fails for a dead process or engine only."""
    health = http_get(asked, HEALTH)
    return Handlers(liveness=health, readiness=health, process=health, startup=health)


def steps(_spec: CheckSpec) -> tuple[Step, ...]:
    """Health, the list of models, and whether it sleeps."""
    return (
        Step("health", StepKind.LIVE, Request(HEALTH), by_status(HEALTH, {503: ENGINE_DEAD})),
        models_step(),
        Step("sleeping", StepKind.READY, Request(SLEEPING), read_sleeping, decisive=False),
    )


def read_sleeping(answer: Answer) -> Reading:
    """{"is_sleeping": true}: asleep. Anything else is no news: without dev mode it is a 404."""
    if unanswered(answer) or answer.status != 200:
        return SERVES
    return ASLEEP if parse_object(answer.body).get("is_sleeping") is True else SERVES


VLLM = Profile(
    name="vllm",
    title="vLLM",
    verified="0.20.2, run here on a CPU",
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
    # Startup: KServe allows vLLM 1,830 s. /health was seen to take 30 to 40 s under load
    # (vllm-project/vllm#38157), so restarting after a minute would kill busy servers.
    budgets=DefaultBudgets(
        max_startup=1800, stop_traffic_after=15, restart_after=120, liveness_timeout=10
    ),
    readiness_findings=(
        StaticFinding(
            id="HealthyWithoutEngine",
            severity="info",
            message="vLLM's /health stays 200 while its engine hangs and while it sleeps: the "
            "kubelet keeps sending traffic to a pod whose every request hangs.",
            remedy="Alert on requests that wait while vllm:generation_tokens_total stands still; "
            "of an idle server only a small real request shows it.",
        ),
    ),
    loading="Refuses connections until the model is loaded.",
    sleeping="/health stays 200; /is_sleeping (dev mode) says so, and the gauge "
    "vllm:engine_sleep_state; inference hangs until /wake_up.",
    dead_engine="Killed: 503 on /health after about a second, then the process ends. Frozen: all "
    "green and idle; only an inference, or waiting requests without new tokens, shows it.",
    api_key="/v1/models, in later versions /is_sleeping too; /health and /metrics stay open.",
    never_liveness="/v1/models: with an API key it answers 401. An inference: it waits behind "
    "all others.",
)
