"""OpenVINO Model Server: recognise, probe, read.

Source: openvinotoolkit/model_server 2026.3 (src/http_rest_api_handler.cpp, http_server.cpp,
status.cpp, docs/parameters.md) and docs/model_server_rest_api_tfs.md of 2023 for /v1/config.
Ready is 503 (500 before 2026) until all models were tried, and 200 from then on, also when some
of them failed. A model's ready path is 404 whether it loads, failed, was retired or is unknown;
/v1/config tells these apart. The API key guards /v3 only.
"""

from dataclasses import replace
from functools import partial
from typing import Final
from urllib.parse import quote

from inferencehealth.api.report import CheckSpec
from inferencehealth.api.server import RequiredModel
from inferencehealth.checks.steps import Answer, Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles.asking import by_status, http_get, ready_in_liveness
from inferencehealth.profiles.naming import plain
from inferencehealth.profiles.profile import (
    Asked,
    DefaultBudgets,
    Evidence,
    Handlers,
    Profile,
    StaticFinding,
)
from inferencehealth.profiles.reading import parse_json, server_words, unanswered, unexpected
from inferencehealth.profiles.recognition import (
    Signature,
    flag,
    port_number,
    port_of,
    recognise,
    words,
)
from inferencehealth.profiles.repository import (
    INDEX_BODY,
    MAX_ENTRIES,
    MAX_NAME,
    about,
    fold,
    index_step,
    model_step,
)
from inferencehealth.profiles.v2_canary import v2_canary
from inferencehealth.profiles.version_status import version_items
from inferencehealth.workloads import Container

LIVE, READY, CONFIG = "/v2/health/live", "/v2/health/ready", "/v1/config"

CANARY = v2_canary(
    "zeros for every input of each available model in its turn, where all shapes are fixed but for "
    "the batch; none where an input is text or may have any size"
)

SIGNATURE = Signature(
    images=(
        "openvino/model_server*",
        "openvino/model-server*",
        "intel/openvino-model-server*",
        "openvino-model-server*",
        "openvino_model_server*",
    ),
    programs=("ovms",),
    flags=(
        ("--rest_port", "--model_name"),
        ("--rest_port", "--model_path"),
        ("--rest_port", "--config_path"),
        ("--rest_port", "--source_model"),
    ),
)


def detect(container: Container) -> Evidence | None:
    """Whether the container runs OpenVINO Model Server."""
    return recognise(container, SIGNATURE)


def http_port(container: Container) -> int | None:
    """Port of its HTTP protocol, which it opens only where --rest_port says so."""
    said = flag(words(container), "--rest_port")
    if said is not None:
        return port_number(said)
    named = {port.name for port in container.ports} & {"http", "rest"}
    return port_of(container, names=("rest", "http")) if named else None


def named_models(container: Container) -> tuple[str, ...]:
    """The one model of the arguments; those of a configuration file are not known."""
    name = flag(words(container), "--model_name") or flag(words(container), "--source_model")
    return plain([name] if name else [])


def listed_models(container: Container) -> tuple[str, ...]:
    """The model that is served under exactly the name given."""
    name = flag(words(container), "--model_name")
    return plain([name] if name else [])


def handlers(asked: Asked) -> Handlers:
    """Liveness on the live path; readiness on the model if exactly one is required."""
    model = asked.required_models[0] if len(asked.required_models) == 1 else None
    live = http_get(asked, LIVE)
    ready = http_get(asked, model_path(model) if model else READY)
    return Handlers(liveness=live, readiness=ready, process=live, startup=live)


def model_path(model: RequiredModel) -> str:
    """Path that tells whether one model, or one version of it, is ready."""
    version = f"/versions/{quote(model.version, safe='')}" if model.version else ""
    return f"/v2/models/{quote(model.name, safe='')}{version}/ready"


def steps(spec: CheckSpec) -> tuple[Step, ...]:
    """Live, ready, the state of every model, and the ready path of every required one."""
    not_live = {500: NOT_LIVE}
    not_ready = {503: NOT_READY, 500: NOT_READY}
    return (
        Step("live", StepKind.LIVE, Request(LIVE), by_status(LIVE, not_live)),
        Step("ready", StepKind.READY, Request(READY), by_status(READY, not_ready)),
        index_step(Request(CONFIG, max_body=INDEX_BODY), read_config),
        *(
            model_step(model, Request(model_path(model)), partial(read_model, model))
            for model in spec.models.required
        ),
    )


NOT_LIVE: Final = Reading(Sign.FAILS, "ServerNotLive", "the server says that it is not live")
NOT_READY: Final = Reading(
    Sign.LOADING, "ServerNotReady", "the server has not tried all of its models yet"
)


def read_config(answer: Answer) -> Reading:
    """Every version of every model with its state."""
    if gap := unanswered(answer):
        return replace(gap, sign=Sign.UNKNOWN)
    told = parse_json(answer.body) if answer.status == 200 else None
    if not isinstance(told, dict):
        return Reading(Sign.UNKNOWN, "IndexUnreadable", f"{CONFIG} is not readable")
    listed = [(server_words(name, MAX_NAME), one) for name, one in told.items()]
    items = tuple(item for name, one in listed for item in version_items(name, one))
    return Reading(Sign.SERVES, models=items[:MAX_ENTRIES])


def read_model(model: RequiredModel, answer: Answer) -> Reading:
    """200: serves. 404: not loaded yet, failed, retired or unknown, by the words that go with it.

    Where the words are not those known, it may be loading: /v1/config says more.
    """
    if gap := unanswered(answer):
        return gap
    if answer.status == 200:
        return about(model, Sign.SERVES)
    if answer.status == 404 and b"is not found" in answer.body:
        message = f'the server has no model "{model.name}"'
        message += f" version {model.version}" if model.version else ""
        return about(model, Sign.FAILS, "ModelNotFound", message)
    if answer.status == 404 and b"is retired" in answer.body:
        return about(model, Sign.FAILS, "ModelUnloaded", f'model "{model.name}" was unloaded')
    if answer.status == 404:
        message = f'the server says that model "{model.name}" is not loaded yet'
        return about(model, Sign.LOADING, "ModelNotReady", message)
    odd = unexpected(model_path(model), answer, "200")
    return about(model, odd.sign, odd.reason, odd.message)


OVMS = Profile(
    name="ovms",
    title="OpenVINO Model Server",
    verified="source of 2026.3 and documentation of 2023 (model_server_rest_api_tfs.md)",
    detect=detect,
    port=http_port,
    handlers=handlers,
    steps=steps,
    fold=fold,
    canary=CANARY,
    named_models=named_models,
    listed_as_named=listed_models,
    images=SIGNATURE.images,
    unnamed_findings=(
        StaticFinding(
            id="ModelsNotNamed",
            severity="warning",
            message="No model is named, and the server says that it is ready as soon as it has "
            "tried to load its models, also if they failed: the kubelet's readiness can't see it.",
            remedy="Name the models in spec.server.models.required.",
        ),
    ),
    liveness_traps=(ready_in_liveness(READY, "while the server tries its models", f"ask {LIVE}"),),
    loading="Ready 503 (500 before 2026); the model's ready path 404; LOADING in /v1/config.",
    sleeping="A retired version is END in /v1/config and 404 on its ready path.",
    dead_engine="A model that failed to load stays LOADING with an error code in /v1/config "
    "while the server says that it is ready.",
    api_key="--api_key_file or API_KEY guards /v3 only; the health paths stay open.",
    never_liveness="/v2/health/ready and a model's ready path: a restart mends no model.",
    budgets=DefaultBudgets(max_startup=600, stop_traffic_after=15, restart_after=60),
)
