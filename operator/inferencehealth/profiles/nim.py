"""NVIDIA NIM: how to recognise it, probe it, and read it.

/v1/health/live answers 200 as soon as the container runs: its proxy answers, whatever the model
does. /v1/health/ready answers 200 {"object": "health.response", "message": …, "status": "ready"}
when the model serves, else 503. Speech NIMs serve HTTP on 9000. /v1/models lists the
models of language NIMs; others may answer 404.

NIM_HEALTH_PORT opens one more port for the health paths; whether the API's port then still
answers them is not documented.

Sources: NVIDIA's documentation of NIM for LLMs 2.1.4 (architecture, environment variables), for
VLMs 2.0.0 (API reference), of Alpamayo and Maxine 1.0.0 (health); NVIDIA/k8s-nim-operator
(api/apps/v1alpha1/nimservice_types.go).
"""

from fnmatch import fnmatchcase

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.progress import Progress
from inferencehealth.checks.steps import Answer, Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles.asking import by_status, http_get
from inferencehealth.profiles.listing import fold_listed, models_step
from inferencehealth.profiles.naming import plain
from inferencehealth.profiles.profile import (
    Asked,
    DefaultBudgets,
    Evidence,
    Handlers,
    Profile,
    StaticFinding,
)
from inferencehealth.profiles.reading import SERVES, parse_object, unanswered, unexpected
from inferencehealth.profiles.recognition import Signature, image, port_of, recognise
from inferencehealth.profiles.text_canary import CHAT, COMPLETION, EMBEDDINGS, TOKENS, openai_canary
from inferencehealth.workloads import Container

LIVE, READY = "/v1/health/live", "/v1/health/ready"
USUAL_PORT, SPEECH_PORT = 8000, 9000

SIGNATURE = Signature(images=("nim/*/*", "nim/*"), programs=("nim-serve", "start_server.sh"))

PROGRESS = Progress(
    done=(
        *("generation_tokens_total", "prompt_tokens_total"),
        *("vllm:generation_tokens_total", "vllm:prompt_tokens_total"),
    ),
    unit="tokens",
    running=("num_requests_running", "vllm:num_requests_running"),
    waiting=("num_requests_waiting", "vllm:num_requests_waiting"),
    path="/v1/metrics",
    own=TOKENS,
)
"""By the documentation of NIM for LLMs (observability): plain names in 1.x, as vLLM has them where
vLLM is the engine. NIMs of other kinds have none of them."""

CANARY = openai_canary(
    "one token of a language model, by completion, else by chat; of an embedding model one letter "
    "embedded. None for speech and vision, whose NIMs list no models",
    # Retrieval NIMs tell queries from passages.
    paths=(COMPLETION, CHAT, EMBEDDINGS),
    extra={EMBEDDINGS: {"input_type": "query"}},
    listed=True,
)

SETTINGS = frozenset(
    {
        "NIM_CACHE_PATH",
        "NIM_HTTP_API_PORT",
        "NIM_JSONL_LOGGING",
        "NIM_LOG_LEVEL",
        "NIM_MANIFEST_ALLOW_UNSAFE",
        "NIM_MAX_MODEL_LEN",
        "NIM_MODEL_NAME",
        "NIM_MODEL_PATH",
        "NIM_MODEL_PROFILE",
        "NIM_SERVED_MODEL_NAME",
        "NIM_SERVER_PORT",
        "NIM_TAGS_SELECTOR",
    }
)
"""Variables that only NIM containers read."""
GENERIC = ("*-nim", "*model-free*", "riva-*")
"""Names of NIM images that are not the name of a model."""
BY_SETTINGS = 0.8
"""Confidence where an image without NVIDIA's path is configured as a NIM."""


def detect(container: Container) -> Evidence | None:
    """Whether the container is a NIM: by its image, else by its settings."""
    given = sorted(SETTINGS & container.env.keys())
    found = recognise(container, SIGNATURE)
    if found or not given or container.command:
        return found
    return Evidence(BY_SETTINGS, f"environment {' '.join(given[:3])}")


def http_port(container: Container) -> int | None:
    """Port of the API; speech NIMs declare 9000."""
    declared = {port.number for port in container.ports}
    name = image(container.image).path[-1]
    speech = any(fnmatchcase(name, p) for p in ("riva-*", "parakeet-*", "canary-*", "*-tts*"))
    usual = SPEECH_PORT if speech and USUAL_PORT not in declared else USUAL_PORT
    return port_of(
        container,
        env=("NIM_HTTP_API_PORT", "NIM_SERVER_PORT"),
        names=("api", "http", "http-openai", "service-port"),
        usual=usual,
    )


def named_models(container: Container) -> tuple[str, ...]:
    """The names it serves under, or the model it is told to load, or the one of its image."""
    told = (container.env.get(name, "") for name in ("NIM_MODEL_NAME", "NIM_MODEL_PATH"))
    # NIM_MODEL_PATH is a folder or says where from: hf://org/name.
    loaded = plain(text.rpartition("://")[2] for text in told)[:1]
    return _served(container) or loaded or _of_image(container)


def _of_image(container: Container) -> tuple[str, ...]:
    """Images of one model are called as it is (nim/meta/llama3-8b-instruct)."""
    path = image(container.image).path
    whole = len(path) > 2 and path[-3] == "nim"
    generic = any(fnmatchcase(path[-1], pattern) for pattern in GENERIC)
    return plain(("/".join(path[-2:]),)) if whole and not generic else ()


def _served(container: Container) -> tuple[str, ...]:
    return plain(container.env.get("NIM_SERVED_MODEL_NAME", "").replace(" ", "").split(","))


def handlers(asked: Asked) -> Handlers:
    """Liveness and startup on the live path; readiness on the ready path."""
    live, ready = http_get(asked, LIVE), http_get(asked, READY)
    return Handlers(liveness=live, readiness=ready, process=live, startup=live)


def steps(_spec: CheckSpec) -> tuple[Step, ...]:
    """Live, ready, and the list of models."""
    return (
        Step("live", StepKind.LIVE, Request(LIVE), by_status(LIVE)),
        Step("ready", StepKind.READY, Request(READY), read_ready),
        models_step(),
    )


def read_ready(answer: Answer) -> Reading:
    """200 with status ready (or no status): serves. 503, or another status: not yet."""
    if gap := unanswered(answer):
        return gap
    status = parse_object(answer.body).get("status")
    if answer.status == 200 and status in (None, "ready"):
        return SERVES
    if answer.status in {200, 503}:
        return Reading(
            Sign.NOT_READY,
            "ServerNotReady",
            "the NIM is not ready: it downloads or loads its model, or its engine failed; it does "
            "not tell which",
        )
    return unexpected(READY, answer, "200 or 503")


NIM = Profile(
    name="nim",
    title="NVIDIA NIM",
    verified="documentation of NIM for LLMs 2.1.4 and for VLMs 2.0.0 (architecture, API reference)",
    detect=detect,
    port=http_port,
    handlers=handlers,
    steps=steps,
    progress=PROGRESS,
    canary=CANARY,
    fold=fold_listed,
    named_models=named_models,
    listed_as_named=_served,
    tells_versions=False,
    images=("nvcr.io/nim/*/*",),
    # nim-deploy's charts allow 1,840 s; the operator's 1,230 s was raised by its users.
    budgets=DefaultBudgets(max_startup=1840, stop_traffic_after=15, restart_after=60),
    liveness_findings=(
        StaticFinding(
            id="LivenessSeesProxyOnly",
            severity="info",
            message="NIM's /v1/health/live is answered by its front, also while the engine behind "
            "it hangs: such a pod leaves traffic but is not restarted.",
            remedy="Watch the verdict: a pod that stays not ready after it served needs a restart.",
        ),
    ),
    liveness_traps=(
        (
            READY,
            StaticFinding(
                id="ReadyInLiveness",
                severity="error",
                message="NIM's /v1/health/ready answers 503 while it downloads and loads its "
                "model, so liveness restarts a NIM that only loads.",
                remedy=f"Let liveness ask {LIVE}.",
            ),
        ),
    ),
    loading="Refuses connections at first; then live is 200 and ready 503.",
    dead_engine="Live stays 200; ready answers 503, the same as while loading.",
    never_liveness="/v1/health/ready: it is 503 while the model downloads and loads.",
)
