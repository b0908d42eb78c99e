"""speaches (once faster-whisper-server): how to recognise it, probe it, and read it.

/health answers 200 {"message": "OK"} as soon as it listens; PRELOAD_MODELS are downloaded before
that. /v1/models lists the models on its disk, /api/ps the loaded ones. A model is loaded by the
first request for it and unloaded 300 s after the last. The API key guards all but /health.

Source: speaches-ai/speaches 0.9.0-rc.3 (src/speaches/main.py, config.py, routers/misc.py,
routers/models.py, Dockerfile).
"""

from collections.abc import Mapping
from dataclasses import replace

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.steps import Answer, Item, Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles.asking import by_status, http_get
from inferencehealth.profiles.listing import MAX_LISTED, fold_listed, models_step, serving
from inferencehealth.profiles.naming import plain
from inferencehealth.profiles.profile import (
    Asked,
    DefaultBudgets,
    Evidence,
    Handlers,
    Profile,
    StaticFinding,
)
from inferencehealth.profiles.reading import merge_items, parse_json, parse_object, unanswered
from inferencehealth.profiles.recognition import Signature, port_of, recognise
from inferencehealth.workloads import Container

HEALTH, LOADED = "/health", "/api/ps"
USUAL_PORT = 8000

SIGNATURE = Signature(
    images=("speaches-ai/speaches*", "speaches", "fedirz/faster-whisper-server"),
    programs=("uvicorn speaches.main:create_app", "uvicorn --factory speaches.main:create_app"),
)

NO_MODEL = Reading(
    Sign.ASLEEP, "NoModel", "no model is on its disk: every request for one fails until one is"
)


def detect(container: Container) -> Evidence | None:
    """Whether the container runs speaches."""
    return recognise(container, SIGNATURE)


def http_port(container: Container) -> int | None:
    """Port of the API."""
    return port_of(
        container,
        flags=("--port",),
        env=("UVICORN_PORT",),
        names=("http", "api"),
        usual=USUAL_PORT,
        signature=SIGNATURE,
    )


def named_models(container: Container) -> tuple[str, ...]:
    """The models that it downloads before it listens (a JSON list)."""
    listed = parse_json(container.env.get("PRELOAD_MODELS", "").encode())
    return plain(n for n in listed if isinstance(n, str)) if isinstance(listed, list) else ()


def handlers(asked: Asked) -> Handlers:
    """All on /health, which says only that the process works."""
    health = http_get(asked, HEALTH)
    return Handlers(liveness=health, readiness=health, process=health, startup=health)


def steps(_spec: CheckSpec) -> tuple[Step, ...]:
    """The process, the models on its disk, and those that are loaded."""
    return (
        Step("health", StepKind.LIVE, Request(HEALTH), by_status(HEALTH)),
        models_step(),
        models_step(read_loaded, path=LOADED, name="loaded"),
    )


def read_loaded(answer: Answer) -> Reading:
    """{"models": ["name", …]}: what is loaded."""
    if gap := unanswered(answer):
        return replace(gap, sign=Sign.UNKNOWN)
    names = parse_object(answer.body).get("models")
    if answer.status != 200 or not isinstance(names, list):
        return Reading(Sign.UNKNOWN, "ModelsUnreadable", "the loaded models can't be read")
    items = (serving(name) for name in names[:MAX_LISTED])
    return Reading(Sign.SERVES, models=merge_items(item for item in items if item))


def fold(spec: CheckSpec, readings: Mapping[str, Reading]) -> Reading:
    """Models on its disk serve; those that are not loaded are shown as asleep."""
    loaded = readings.get("loaded")
    told = {name: reading for name, reading in readings.items() if name != "loaded"}
    listed = told.get("models")
    if listed and loaded and loaded.sign is Sign.SERVES:
        names = {item.name for item in loaded.models}
        models = tuple(i if i.name in names else _asleep(i) for i in listed.models)
        told["models"] = replace(listed, models=models)
    return fold_listed(spec, told, proves_load=False, empty=NO_MODEL)


def _asleep(item: Item) -> Item:
    message = f'model "{item.name}" is not loaded; the first request loads it'
    return replace(item, sign=Sign.ASLEEP, reason="ModelNotLoaded", message=message)


SPEACHES = Profile(
    name="speaches",
    title="speaches",
    verified="source of 0.9.0-rc.3 (src/speaches/main.py, routers/misc.py, routers/models.py)",
    detect=detect,
    port=http_port,
    handlers=handlers,
    steps=steps,
    fold=fold,
    named_models=named_models,
    tells_versions=False,
    images=SIGNATURE.images,
    # KubeAI allows its whisper server 30 min, for the download of a model.
    budgets=DefaultBudgets(max_startup=1800, stop_traffic_after=15, restart_after=60),
    readiness_findings=(
        StaticFinding(
            id="ReadyWithoutModel",
            severity="warning",
            message="The /health of speaches answers 200 with no model on its disk and with a "
            "hung one: its readiness means only that the process works.",
            remedy="Name the models in spec.server.models.required: the operator's check reads "
            "them from /v1/models.",
        ),
    ),
    loading="Refuses connections while it downloads PRELOAD_MODELS; then a request waits while its "
    "model loads.",
    sleeping="/api/ps no longer lists the model; the next request loads it.",
    dead_engine="/health stays 200; only a transcription shows it.",
    api_key="/v1/models and /api/ps; /health stays open.",
    never_liveness="/v1/models: with an API key it answers 401. A transcription: it loads a model "
    "and waits behind others.",
)
