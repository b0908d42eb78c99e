"""KServe's Python model server (sklearnserver, huggingfaceserver …): recognise, probe, read.

Its server-wide ready path says true as soon as it listens, whatever its models do, so only the
path of a model says anything: 200 true, 503 not ready, 404 unknown. It is the v1 protocol's,
`/v1/models/M`, which all versions have; the paths of v2 came with KServe 0.7 to 0.10 (source:
python/kfserving/kfserving/kfserver.py, python/kserve/kserve/protocol/rest), and where they are
404 the model alone decides. The oldest answer 200 with ready false.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from urllib.parse import quote

from inferencehealth.api.report import CheckSpec
from inferencehealth.api.server import RequiredModel
from inferencehealth.checks.steps import Answer, Item, Reading, Request, Sign, Step, StepKind
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
    server_words,
    unanswered,
    unexpected,
    worst_of,
)
from inferencehealth.profiles.recognition import Signature, flag, port_of, recognise, words
from inferencehealth.profiles.v2_canary import v2_canary
from inferencehealth.workloads import Container

LIVE, READY, MODELS = "/v2/health/live", "/v2/health/ready", "/v2/models"
MODEL = "/v1/models"
USUAL_PORT = 8080
MAX_NAME = 253
"""Characters of a model's name, as the API allows them."""
MAX_LISTED = 1000
"""Models of a listing that are read."""

_PLAIN_NAME = re.compile(r"[!-~]{1,253}")

CANARY = v2_canary(
    "zeros for every input of each model in its turn that is ready and tells its input types with "
    "fixed shapes; none where it tells none, as is usual",
    ready=True,
)

SERVERS = (
    "artserver",
    "autogluonserver",
    "catboostserver",
    "huggingfaceserver",
    "lgbserver",
    "paddleserver",
    "pmmlserver",
    "predictiveserver",
    "pytorchserver",
    "sklearnserver",
    "xgbserver",
)
"""Model servers that are built on KServe's Python server, by the name of image and module."""

SIGNATURE = Signature(
    images=(
        *(f"{vendor}/{server}*" for vendor in ("kserve", "kfserving") for server in SERVERS),
        *(f"kserve-{server}*" for server in SERVERS),
        # KServe's wrapper around TorchServe, which is what listens on the pod's port.
        "pytorch/torchserve-kfs*",
    ),
    familiar=SERVERS,
    modules=(*SERVERS, "kserve"),
    flags=(
        ("--predictor_host", "--model_name"),
        ("--predictor_host", "--http_port"),
        ("--model_name", "--model_dir"),
        ("--model_name", "--http_port"),
    ),
)


def detect(container: Container) -> Evidence | None:
    """Whether the container runs KServe's Python server."""
    return recognise(container, SIGNATURE)


def http_port(container: Container) -> int | None:
    """Port of the server's HTTP protocol."""
    return port_of(
        container,
        flags=("--http_port",),
        names=("http1", "http", "user-port", "h2c"),
        usual=USUAL_PORT,
    )


def named_models(container: Container) -> tuple[str, ...]:
    """The model that the server was started for."""
    name = flag(words(container), "--model_name")
    return (name,) if name and _PLAIN_NAME.fullmatch(name) and not set("${}") & set(name) else ()


def handlers(asked: Asked) -> Handlers:
    """Liveness on the live path; readiness on the model if exactly one is required."""
    model = asked.required_models[0] if len(asked.required_models) == 1 else None
    live = {"httpGet": {"path": LIVE, "port": asked.probe_port}}
    ready = {"httpGet": {"path": model_path(model) if model else READY, "port": asked.probe_port}}
    return Handlers(liveness=live, readiness=ready, process=live, startup=live)


def model_path(model: RequiredModel) -> str:
    """Path of a model's readiness in the v1 protocol, which knows no versions."""
    return f"{MODEL}/{quote(model.name, safe='')}"


def steps(spec: CheckSpec) -> tuple[Step, ...]:
    """Live, ready, the list of models, and the ready path of every required model."""
    return (
        Step("live", StepKind.LIVE, Request(LIVE), partial(_read_flag, LIVE, "live")),
        Step("ready", StepKind.READY, Request(READY), partial(_read_flag, READY, "ready")),
        Step("models", StepKind.INDEX, Request(MODELS), read_models, decisive=False),
        *(
            Step(
                f"model:{model.name}:{model.version}",
                StepKind.MODEL,
                Request(model_path(model)),
                partial(read_model, model),
            )
            for model in spec.models.required
        ),
    )


def read_models(answer: Answer) -> Reading:
    """The names of the models it has; it does not say how they are."""
    if gap := unanswered(answer):
        return replace(gap, sign=Sign.UNKNOWN)
    listed = parse_object(answer.body).get("models")
    if not isinstance(listed, list):
        return SERVES
    names = [server_words(name, MAX_NAME) for name in listed[:MAX_LISTED] if name]
    return Reading(Sign.SERVES, models=tuple(Item(name, Sign.UNKNOWN) for name in names if name))


def read_model(model: RequiredModel, answer: Answer) -> Reading:
    """200 with ready true: serves. 503: loading or failed, which it does not tell. 404: unknown."""
    if gap := unanswered(answer):
        return gap
    item = Item(model.name, Sign.SERVES, model.version, required=True)
    ready = parse_object(answer.body).get("ready")
    if answer.status == 200 and ready is not False:
        return Reading(Sign.SERVES, models=(item,))
    if answer.status in {200, 503}:
        item = replace(
            item,
            sign=Sign.NOT_READY,
            reason="ModelNotReady",
            message=f'the server says that model "{model.name}" is not ready; it does not tell '
            "whether the model loads or failed",
        )
    elif answer.status == 404:
        item = replace(
            item,
            sign=Sign.FAILS,
            reason="ModelNotFound",
            message=f'the server has no model "{model.name}"',
        )
    else:
        odd = unexpected(model_path(model), answer, "200 or 503")
        item = replace(item, sign=odd.sign, reason=odd.reason, message=odd.message)
    return Reading(item.sign, item.reason, item.message, models=(item,))


def fold(spec: CheckSpec, readings: Mapping[str, Reading]) -> Reading:
    """The worst reading decides; an unknown model is told along with the ones there are.

    Paths that an older server does not have count for nothing once it knows a required model.
    """
    listing = readings.get("models", SERVES)
    asked = {name: reading for name, reading in readings.items() if name != "models"}
    if any(item.sign in _KNOWN for reading in asked.values() for item in reading.models):
        asked = {name: one for name, one in asked.items() if one.reason != _NO_PATH}
    whole = worst_of(spec, asked)
    if not listing.models:
        return whole
    has = f"; it has {named(item.name for item in listing.models)}"
    return replace(
        whole,
        message=whole.message + has if whole.reason == "ModelNotFound" else whole.message,
        models=tuple(
            replace(item, message=item.message + has) if item.reason == "ModelNotFound" else item
            for item in whole.models
        ),
    )


_KNOWN = frozenset({Sign.SERVES, Sign.NOT_READY})
_NO_PATH = "PathNotFound"


def _read_flag(path: str, field: str, answer: Answer) -> Reading:
    if gap := unanswered(answer):
        return gap
    said = parse_object(answer.body).get(field)
    if answer.status == 200 and said is not False:
        return SERVES
    if answer.status in {200, 503}:
        return Reading(
            Sign.FAILS,
            f"ServerNot{field.title()}",
            f"the server says that it is not {field}"
            + ("; on a transformer: its predictor is not ready" if field == "ready" else ""),
        )
    if answer.status == 404:
        message = f"the server has no {path}; is it older than KServe 0.10? Then name its models"
        return Reading(Sign.FAILS, _NO_PATH, message)
    return unexpected(path, answer, "200")


KSERVE = Profile(
    name="kserve",
    title="KServe Python server",
    verified="0.21.0, run here: HTTP",
    detect=detect,
    port=http_port,
    handlers=handlers,
    steps=steps,
    canary=CANARY,
    fold=fold,
    named_models=named_models,
    tells_versions=False,
    unnamed_findings=(
        StaticFinding(
            id="ModelsNotNamed",
            severity="warning",
            message="No model is named, and KServe's server says that it is ready whatever its "
            "models do: neither readiness nor the check can see a model that does not serve.",
            remedy="Name the models in spec.server.models.required.",
        ),
    ),
    images=SIGNATURE.images,
    loading="Connection refused until the models it was started with have loaded. A model that is "
    "registered but not ready answers 503 on its ready path, while the server's own already "
    "answers 200; the server says the same of one whose load failed.",
    sleeping="An unloaded model is unknown: 404 on its ready path.",
    dead_engine="/v2/health/ready answers 200 as long as the web server listens, also when no "
    "model serves; only the ready path of a model says more, and that is the model's own flag.",
    never_liveness="A model's ready path: it answers 503 while the model loads.",
    # KServe's own huggingfaceserver runtime allows 1,260 s; sklearn and the like need seconds.
    budgets=DefaultBudgets(max_startup=600, stop_traffic_after=15, restart_after=60),
)
