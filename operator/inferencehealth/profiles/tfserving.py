"""TensorFlow Serving: recognise, probe, read.

Source: tensorflow/serving 2.20 (g3doc/api_rest.md, apis/get_model_status.proto,
model_servers/{main,server_core,http_server,get_model_status_impl}.cc, tools/docker/Dockerfile,
servables/tensorflow/get_model_metadata_impl.cc). Its REST API has no path about the server as a
whole. `/v1/models/M` is 200 for every model it tracks, whether that loads, serves or failed: only
`state` in the body tells. `/v1/models/M/metadata` takes hold of the loaded model, so its status
tells the kubelet what the other path does not. The ports open once the first models are loaded.
"""

from dataclasses import replace
from functools import partial
from typing import Final
from urllib.parse import quote

from inferencehealth.api.report import CheckSpec
from inferencehealth.api.server import RequiredModel
from inferencehealth.checks.steps import Answer, Item, Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles.asking import http_get
from inferencehealth.profiles.naming import plain
from inferencehealth.profiles.profile import (
    Asked,
    DefaultBudgets,
    Evidence,
    Handlers,
    Profile,
    StaticFinding,
)
from inferencehealth.profiles.reading import (
    SERVES,
    named,
    parse_object,
    unanswered,
    unexpected,
)
from inferencehealth.profiles.recognition import (
    Signature,
    flag,
    port_number,
    port_of,
    recognise,
    words,
)
from inferencehealth.profiles.repository import about, fold, model_step
from inferencehealth.profiles.version_status import version_items
from inferencehealth.workloads import Container

ROOT = "/v1/models"
USUAL_PORT = 8501
PROGRAM = "tensorflow_model_server"

SIGNATURE = Signature(
    images=("tensorflow/serving", "tensorflow-serving*", "tf-serving*", "tfserving"),
    not_tags=("*devel*",),
    programs=(PROGRAM, "tf_serving_entrypoint.sh"),
    flags=(
        ("--rest_api_port", "--model_name"),
        ("--rest_api_port", "--model_base_path"),
        ("--rest_api_port", "--model_config_file"),
    ),
)

_NEAREST: Final = (Sign.SERVES, Sign.LOADING, Sign.FAILS, Sign.ASLEEP, Sign.UNKNOWN)
"""Which version speaks for a model when none was named: the one nearest to serving."""


def detect(container: Container) -> Evidence | None:
    """Whether the container runs TensorFlow Serving."""
    return recognise(container, SIGNATURE)


def http_port(container: Container) -> int | None:
    """Port of the REST API, which the program itself opens only where it is told to."""
    said = flag(words(container), "--rest_api_port")
    if said is not None:
        return port_number(said)
    if _runs_program(container):
        return None
    return port_of(container, names=("rest", "http", "http-rest"), usual=USUAL_PORT)


def named_models(container: Container) -> tuple[str, ...]:
    """The model of arguments or environment; those of a --model_config_file are not known."""
    said = words(container)
    if flag(said, "--model_config_file") is not None:
        return ()
    # "default" is the program's own name for it, "model" that of the image's entry point.
    image_name = container.env.get("MODEL_NAME", "model")
    unsaid = "default" if _runs_program(container) else image_name
    return plain([flag(said, "--model_name") or unsaid])


def handlers(asked: Asked) -> Handlers:
    """With one model known, its status proves life and its metadata that it is loaded.

    With none or several known there is no path to ask, and a connection is all there is. Startup
    waits for the status, so that a name that is wrong costs a restart in ten minutes, not one.
    """
    connect = {"tcpSocket": {"port": asked.probe_port}}
    if len(asked.required_models) != 1:
        return Handlers(liveness=connect, readiness=connect, process=connect, startup=connect)
    model = asked.required_models[0]
    # The name alone: a version that was retired would be 404 one day, and the process still fine.
    live = http_get(asked, model_path(RequiredModel(name=model.name)))
    ready = http_get(asked, f"{model_path(model)}/metadata")
    return Handlers(liveness=live, readiness=ready, process=connect, startup=live)


def model_path(model: RequiredModel) -> str:
    """Path that tells the state of a model's versions, or of one."""
    version = f"/versions/{quote(model.version, safe='')}" if model.version else ""
    return f"{ROOT}/{quote(model.name, safe='')}{version}"


def steps(spec: CheckSpec) -> tuple[Step, ...]:
    """The state of every required model; without one, whether the REST API answers at all."""
    if not spec.models.required:
        return (Step("live", StepKind.LIVE, Request(ROOT), read_any),)
    return tuple(
        model_step(model, Request(model_path(model)), partial(read_model, model))
        for model in spec.models.required
    )


def read_any(answer: Answer) -> Reading:
    """Any answer is one of TensorFlow Serving's: it has no path that says it is well."""
    return unanswered(answer) or SERVES


def read_model(model: RequiredModel, answer: Answer) -> Reading:
    """200 with a version AVAILABLE: serves. 404: it tracks no such model or version."""
    if gap := unanswered(answer):
        return gap
    if answer.status == 404:
        version = f" version {model.version}" if model.version else ""
        message = f'the server has no model "{model.name}"{version}'
        return about(model, Sign.FAILS, "ModelNotFound", message)
    if answer.status != 200:
        odd = unexpected(model_path(model), answer, "200")
        return about(model, odd.sign, odd.reason, odd.message)
    listed = version_items(model.name, parse_object(answer.body))
    items = [item for item in listed if model.version in {"", item.version}]
    if not items:
        message = f"{model_path(model)} tells no state of {named([model.name])}; is this the port "
        return about(model, Sign.FAILS, "StateNotTold", message + "of TensorFlow Serving?")
    return _as_required(model, min(items, key=lambda item: _NEAREST.index(item.sign)))


def _as_required(model: RequiredModel, item: Item) -> Reading:
    sign = Sign.FAILS if item.sign is Sign.ASLEEP else item.sign
    told = replace(item, sign=sign, version=model.version, required=True)
    return Reading(sign, told.reason, told.message, models=(told,))


def _runs_program(container: Container) -> bool:
    """Whether the command names the program itself, so that the image's entry point is passed."""
    return any(word.rpartition("/")[2] == PROGRAM for word in words(container))


TFSERVING = Profile(
    name="tfserving",
    title="TensorFlow Serving",
    verified="source and documentation of 2.20 (g3doc/api_rest.md)",
    detect=detect,
    port=http_port,
    handlers=handlers,
    steps=steps,
    fold=fold,
    named_models=named_models,
    images=SIGNATURE.images,
    unnamed_findings=(
        StaticFinding(
            id="KubeletCannotReadBody",
            severity="warning",
            message="TensorFlow Serving tells about a model only under its name, and no single "
            "model is known here: the probes can only open a connection, and see neither a model "
            "that does not serve nor a hung process.",
            remedy="Name the models in spec.server.models.required; with exactly one, the "
            "kubelet's probes can ask about it.",
        ),
    ),
    loading="At start the connection is refused. A model added later is LOADING in the body of "
    "/v1/models/M, with status 200.",
    sleeping="A retired version is END with error code OK.",
    dead_engine="/v1/models/M stays 200 for a model that failed to load: the body says END and "
    "why. /v1/models/M/metadata is 404 then.",
    never_liveness="/v1/models/M/metadata and /versions/N: 404 while a model loads or once the "
    "version is retired. For readiness, /v1/models/M is worthless: 200 in every state.",
    budgets=DefaultBudgets(max_startup=600, stop_traffic_after=15, restart_after=60),
)
