"""TorchServe: recognise, probe, read.

Source: pytorch/serve 0.12.0 (docs/inference_api.md, management_api.md, configuration.md,
token_authorization_api.md; InferenceRequestHandler.java, ApiUtils.java, WorkerThread.java).
/ping is 500 once a model has had fewer workers than its minWorkers for longer than its
maxRetryTimeoutInSec (5 min): a worker that still loads, or dies and starts over, counts as
healthy until then. The management API tells the truth: a worker is READY once its model is
loaded. It listens on loopback unless it is told otherwise, and both may want a token.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final
from urllib.parse import quote, urlsplit

from inferencehealth.api.report import CheckSpec
from inferencehealth.api.server import RequiredModel
from inferencehealth.checks.steps import Answer, Item, Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles.asking import http_get
from inferencehealth.profiles.naming import plain, values
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
    parse_json,
    parse_object,
    server_words,
    unanswered,
    unexpected,
)
from inferencehealth.profiles.recognition import Signature, image, port_of, recognise, words
from inferencehealth.profiles.repository import (
    INDEX_BODY,
    MAX_NAME,
    about,
    index_step,
    model_step,
)
from inferencehealth.profiles.repository import (
    fold as fold_states,
)
from inferencehealth.workloads import Container

PING, MODELS = "/ping", "/models"
USUAL_PORT, MANAGEMENT_PORT = 8080, 8081
MAX_LISTED: Final = 1000
"""Models of a listing that are read; TorchServe itself gives 100 a page."""

SIGNATURE = Signature(
    images=("pytorch/torchserve*", "torchserve*"),
    programs=("torchserve",),
    modules=("ts.llm_launcher",),
    flags=(("--model-store", "--ts-config"), ("--model-store", "--models")),
)
WRAPPED = "torchserve-kfs*"
"""KServe's image of TorchServe: there KServe's Python server answers on the pod's port."""


def detect(container: Container) -> Evidence | None:
    """Whether the container runs TorchServe itself."""
    return None if image(container.image).ends_with(WRAPPED) else recognise(container, SIGNATURE)


def http_port(container: Container) -> int | None:
    """Port of the inference API; one in a configuration file is not known."""
    address = urlsplit(container.env.get("TS_INFERENCE_ADDRESS", ""))
    try:
        said = address.port
    except ValueError:
        said = None
    names = ("http", "inference", "torchserve-pred", "ts")
    return said or port_of(container, names=names, usual=USUAL_PORT)


def named_models(container: Container) -> tuple[str, ...]:
    """The models of `--models name=archive.mar …`; "all" names none."""
    given = values(words(container), "--models")
    names = (one.partition("=")[0] for one in given if one.lower() != "all")
    return plain(name.rpartition("/")[2].removesuffix(".mar") for name in names)


def listed_models(container: Container) -> tuple[str, ...]:
    """Those given a name; an archive without one is served under what its manifest says."""
    given = values(words(container), "--models")
    return plain(one.partition("=")[0] for one in given if "=" in one)


def handlers(asked: Asked) -> Handlers:
    """/ping for all: a worker that can't be kept alive is what a restart may mend."""
    ping = http_get(asked, PING)
    connect = {"tcpSocket": {"port": asked.probe_port}}
    return Handlers(liveness=ping, readiness=ping, process=connect, startup=ping)


def steps(spec: CheckSpec) -> tuple[Step, ...]:
    """Ping, the list of models, and the workers of every required model."""
    listing = Request(f"{MODELS}?limit={MAX_LISTED}", port=MANAGEMENT_PORT, max_body=INDEX_BODY)
    return (
        Step("ready", StepKind.READY, Request(PING), read_ping),
        index_step(listing, read_models),
        *(
            model_step(
                model,
                Request(model_path(model), port=MANAGEMENT_PORT),
                partial(read_model, model),
                decisive=False,
            )
            for model in spec.models.required
        ),
    )


def model_path(model: RequiredModel) -> str:
    """Path of the management API that describes a model, or one version of it."""
    version = f"/{quote(model.version, safe='')}" if model.version else ""
    return f"{MODELS}/{quote(model.name, safe='')}{version}"


def read_ping(answer: Answer) -> Reading:
    """200 Healthy; 500 Unhealthy: some model has lacked workers for too long."""
    if gap := _unanswered(answer):
        return gap
    if answer.status == 200:
        return SERVES
    if answer.status == 500:
        return Reading(
            Sign.FAILS, "WorkersMissing", "TorchServe says that a model has too few workers"
        )
    return unexpected(PING, answer, "200")


def read_models(answer: Answer) -> Reading:
    """The names of the models it has; it does not say how they are."""
    if gap := _unanswered(answer):
        return replace(gap, sign=Sign.UNKNOWN)
    listed = parse_object(answer.body).get("models")
    rows = listed[:MAX_LISTED] if isinstance(listed, list) else []
    names = [server_words(row.get("modelName"), MAX_NAME) for row in rows if isinstance(row, dict)]
    return Reading(Sign.SERVES, models=tuple(Item(name, Sign.UNKNOWN) for name in names if name))


def read_model(model: RequiredModel, answer: Answer) -> Reading:
    """Its workers: READY once they have loaded it. 404: unknown. UNKNOWN where nobody tells."""
    if gap := _unanswered(answer):
        return about(model, Sign.UNKNOWN, gap.reason, gap.message)
    if answer.status == 404:
        message = f'TorchServe has no model "{model.name}"'
        return about(model, Sign.FAILS, "ModelNotFound", message)
    described = parse_json(answer.body) if answer.status == 200 else None
    first = described[0] if isinstance(described, list) and described else None
    if not isinstance(first, dict):
        odd = unexpected(model_path(model), answer, "200 and a description")
        return about(model, Sign.UNKNOWN, odd.reason, odd.message)
    return _by_workers(model, first)


def fold(spec: CheckSpec, readings: Mapping[str, Reading]) -> Reading:
    """As for any server with states; where the management API keeps silent, ping decides alone."""
    hidden = {
        name: reading
        for name, reading in readings.items()
        if name.startswith("model:") and reading.sign is Sign.UNKNOWN
    }
    ping = readings.get("ready", SERVES)
    if not hidden or ping.sign is not Sign.SERVES:
        return fold_states(spec, readings)
    seen = {name: reading for name, reading in readings.items() if name not in hidden}
    asked = [m for m in spec.models.required if f"model:{m.name}:{m.version}" in seen]
    models = spec.models.model_copy(update={"required": tuple(asked)})
    whole = fold_states(spec.model_copy(update={"models": models}), seen)
    items = tuple(item for reading in hidden.values() for item in reading.models)
    others = tuple(o for o in whole.models if o.name not in {item.name for item in items})
    if whole.sign is Sign.SERVES:
        message = f"/ping is healthy; how its models are is not known: {items[0].message}"
        whole = replace(whole, reason="ModelsNotVisible", message=message)
    return replace(whole, models=(*items, *others))


def _unanswered(answer: Answer) -> Reading | None:
    """As everywhere; without a token TorchServe answers 400 (InvalidKeyException)."""
    refused = answer.status == 400 and b"InvalidKeyException" in answer.body
    if refused:
        return Reading(
            Sign.UNKNOWN, "AccessDenied", "TorchServe wants a token that the checker does not have"
        )
    return unanswered(answer)


def _by_workers(model: RequiredModel, told: Mapping[str, Any]) -> Reading:
    workers = told.get("workers")
    listed = [w for w in workers if isinstance(w, dict)] if isinstance(workers, list) else []
    ready = sum(worker.get("status") == "READY" for worker in listed)
    least = told.get("minWorkers")
    least = least if isinstance(least, int) and not isinstance(least, bool) else 1
    what = f'model "{model.name}"'
    if ready and ready >= least:
        return about(model, Sign.SERVES)
    if ready:
        message = f"{what} has {ready} of {least} workers"
        return about(model, Sign.DEGRADED, "WorkersMissing", message)
    if listed:
        message = f"none of the {len(listed)} workers of {what} has loaded it"
        return about(model, Sign.NOT_READY, "ModelNotReady", message)
    if least <= 0:
        message = f"{what} is scaled to no workers"
        return about(model, Sign.ASLEEP, "ModelScaledToZero", message)
    return about(model, Sign.FAILS, "WorkersMissing", f"{what} has no workers")


TORCHSERVE = Profile(
    name="torchserve",
    title="TorchServe",
    verified="0.12.0, run here; its source and documentation",
    detect=detect,
    port=http_port,
    handlers=handlers,
    steps=steps,
    fold=fold,
    named_models=named_models,
    listed_as_named=listed_models,
    images=SIGNATURE.images,
    readiness_findings=(
        StaticFinding(
            id="KubeletCannotSeeLoading",
            severity="info",
            message="/ping says Healthy while a worker still loads its model and, for five "
            "minutes, while it dies and starts over: the kubelet sends traffic to a pod that can't "
            "serve yet. The operator's own check reads the workers at the management API.",
            remedy="Let the management API listen on the pod's address "
            "(management_address=http://0.0.0.0:8081) behind a NetworkPolicy, and name the models "
            "in spec.server.models.required.",
        ),
    ),
    liveness_findings=(
        StaticFinding(
            id="ReadinessInLiveness",
            severity="info",
            message="/ping is about every model: one that can't keep its workers restarts the "
            "whole server, and with token authorization /ping without a token is 400.",
            remedy="If the server holds several models or wants tokens, set "
            "spec.probes.liveness.strategy: Process.",
        ),
    ),
    loading="/ping 200 Healthy; on the management API no worker of the model is READY.",
    sleeping="A model scaled to minWorkers 0 has no workers; /ping stays Healthy.",
    dead_engine="The image's entry point never ends, so a dead server shows only as a refused "
    "connection. A worker that dies again and again is Healthy to /ping for five minutes.",
    api_key="Token authorization, on by default unless --disable-token-auth (the image's own "
    "command gives it): every path, /ping too, answers 400 InvalidKeyException without it.",
    never_liveness="/predictions/M and the management API: a busy model queues, and tokens expire.",
    budgets=DefaultBudgets(max_startup=600, stop_traffic_after=15, restart_after=60),
)
