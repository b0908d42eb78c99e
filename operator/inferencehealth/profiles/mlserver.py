"""MLServer: recognise, probe, read.

Source: SeldonIO/MLServer 1.7 (mlserver/rest, handlers/dataplane.py, handlers/model_repository.py)
and 1.7.1 run: live 200 while a model loads, ready and the model's ready path 400, an unknown
model 404. Ready means that no model it knows of is still loading: it is 200 with no model at all.
If a model fails to load at start, the process ends by itself.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from inferencehealth.api.report import CheckSpec
from inferencehealth.api.server import RequiredModel
from inferencehealth.checks.steps import Answer, Item, Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles.asking import by_status, http_get, ready_in_liveness
from inferencehealth.profiles.naming import plain
from inferencehealth.profiles.profile import (
    Asked,
    DefaultBudgets,
    Evidence,
    Handlers,
    Profile,
    StaticFinding,
    no_models,
)
from inferencehealth.profiles.reading import parse_json, server_words, unanswered, unexpected
from inferencehealth.profiles.recognition import Signature, port_of, recognise
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
from inferencehealth.workloads import Container

LIVE, READY, INDEX = "/v2/health/live", "/v2/health/ready", "/v2/repository/index"
USUAL_PORT = 8080
JSON = (("Content-Type", "application/json"),)

SIGNATURE = Signature(
    images=("seldonio/mlserver*", "mlserver"), programs=("mlserver start",), runs_arguments=True
)

CANARY = v2_canary(
    "zeros for every input of each ready model in its turn, where model-settings.json declares "
    "inputs of fixed shape; none where it declares none"
)

_STATES: Final[Mapping[str, tuple[Sign, str, str]]] = {
    "READY": (Sign.SERVES, "", ""),
    "LOADING": (Sign.LOADING, "ModelLoading", "is loading"),
    "UNKNOWN": (Sign.LOADING, "ModelLoading", "is known to the server but not ready yet"),
    "UNLOADING": (Sign.ASLEEP, "ModelUnloaded", "was unloaded"),
    "UNAVAILABLE": (
        Sign.ASLEEP,
        "ModelNotLoaded",
        "is in the repository but not loaded: never asked for, unloaded, or its load failed",
    ),
}


def detect(container: Container) -> Evidence | None:
    """Whether the container runs MLServer."""
    return recognise(container, SIGNATURE)


def http_port(container: Container) -> int | None:
    """MLServer's HTTP port."""
    return port_of(
        container, env=("MLSERVER_HTTP_PORT",), names=("http", "server-http"), usual=USUAL_PORT
    )


def named_models(container: Container) -> tuple[str, ...]:
    """The one model that the environment describes, as KServe's runtime does.

    A model-settings.json that names its model wins, so it is not sure to be served so.
    """
    return plain([container.env.get("MLSERVER_MODEL_NAME", "")])


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
    """Live, ready, repository index, and the ready path of every required model."""
    index = Request(INDEX, method="POST", body=b"{}", headers=JSON, max_body=INDEX_BODY)
    return (
        Step("live", StepKind.LIVE, Request(LIVE), by_status(LIVE)),
        Step("ready", StepKind.READY, Request(READY), by_status(READY, {400: NOT_READY})),
        index_step(index, read_index),
        *(
            model_step(model, Request(model_path(model)), partial(read_model, model))
            for model in spec.models.required
        ),
    )


NOT_READY: Final = Reading(
    Sign.NOT_READY, "ServerNotReady", "MLServer says that one of its models is not ready"
)


def read_index(answer: Answer) -> Reading:
    """The models of the repository with their states."""
    if gap := unanswered(answer):
        return replace(gap, sign=Sign.UNKNOWN)
    listed = parse_json(answer.body) if answer.status == 200 else None
    if not isinstance(listed, list):
        return Reading(Sign.UNKNOWN, "IndexUnreadable", "the repository index is not readable")
    items = (_item(row) for row in listed[:MAX_ENTRIES] if isinstance(row, dict))
    return Reading(Sign.SERVES, models=tuple(item for item in items if item.name))


def read_model(model: RequiredModel, answer: Answer) -> Reading:
    """200: serves. 400: not ready. 404: unknown, unloaded or failed; the index may know which."""
    if gap := unanswered(answer):
        return gap
    if answer.status == 200:
        return about(model, Sign.SERVES)
    if answer.status == 400:
        message = f'MLServer says that model "{model.name}" is not ready'
        return about(model, Sign.NOT_READY, "ModelNotReady", message)
    if answer.status == 404:
        message = f'MLServer has no model "{model.name}"'
        return about(model, Sign.FAILS, "ModelNotFound", message)
    odd = unexpected(model_path(model), answer, "200")
    return about(model, odd.sign, odd.reason, odd.message)


def _item(row: Mapping[str, Any]) -> Item:
    name = server_words(row.get("name"), MAX_NAME)
    version = server_words(row.get("version"), 63)
    sign, reason, how = _STATES.get(str(row.get("state")), (Sign.UNKNOWN, "StateUnknown", ""))
    return Item(name, sign, version, False, reason, f'model "{name}" {how}' if how else "")


MLSERVER = Profile(
    name="mlserver",
    title="MLServer",
    verified="1.7.1, HTTP, run here",
    detect=detect,
    port=http_port,
    handlers=handlers,
    steps=steps,
    fold=fold,
    canary=CANARY,
    named_models=named_models,
    listed_as_named=no_models,
    images=SIGNATURE.images,
    unnamed_findings=(
        StaticFinding(
            id="ModelsNotNamed",
            severity="info",
            message="No model is named, and MLServer says that it is ready with no model at all, "
            "so the kubelet sends traffic to a pod whose models were unloaded or never came.",
            remedy="Name the models in spec.server.models.required.",
        ),
    ),
    liveness_traps=(ready_in_liveness(READY, "while a model loads", f"ask {LIVE}"),),
    loading="Live 200; ready and the model's ready path 400.",
    sleeping="An unloaded model is 404 on its ready path and UNAVAILABLE in the repository index; "
    "the server stays ready.",
    dead_engine="With parallel workers an inference can hang or fail while every health path is "
    "200; only an inference shows it.",
    never_liveness="/v2/health/ready and a model's ready path: 400 while a model loads.",
    # Seldon Core's own server configuration allows 100 s, which large models outlast.
    budgets=DefaultBudgets(max_startup=600, stop_traffic_after=15, restart_after=60),
)
