"""NVIDIA Triton Inference Server: how to recognise it, probe it, and read its v2 protocol.

Triton opens its HTTP port only after the initial load and answers 400 for a model that loads,
failed, was unloaded or does not exist; only the repository index (POST) tells these apart. It
answers 400 on /v2/health/ready when any model failed, even one that nobody needs.
"""

from functools import partial
from urllib.parse import quote

from inferencehealth.api.report import CheckSpec
from inferencehealth.api.server import RequiredModel
from inferencehealth.checks.progress import PER_REQUEST, Progress
from inferencehealth.checks.steps import Answer, Item, Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles.naming import plain, values
from inferencehealth.profiles.profile import (
    Asked,
    DefaultBudgets,
    Evidence,
    Handlers,
    Profile,
    no_models,
)
from inferencehealth.profiles.reading import SERVES, unanswered, unexpected
from inferencehealth.profiles.recognition import (
    Signature,
    flag,
    port_number,
    port_of,
    recognise,
    server_words,
)
from inferencehealth.profiles.triton_models import fold, read_index
from inferencehealth.profiles.v2_canary import v2_canary
from inferencehealth.workloads import Container

LIVE, READY, INDEX = "/v2/health/live", "/v2/health/ready", "/v2/repository/index"
USUAL_PORT = 8000
INDEX_BODY = 256 * 1024
"""An index of 1,000 models with a reason each takes about 150 KiB."""

PROGRESS = Progress(
    done=("nv_inference_request_success",),
    unit="inferences",
    waiting=("nv_inference_pending_request_count",),
    failed=("nv_inference_request_failure",),
    not_failed=frozenset({"CANCELED", "REJECTED"}),
    port=8002,
    model_label="model",
    patience=PER_REQUEST,
)
"""On the usual metrics port, unless the container says otherwise (`metrics_port`). Successes are
counted when a request ends. The label
"reason" of failures is one of 24.x (Triton's documentation, metrics)."""

CANARY = v2_canary(
    "zeros for every input of each ready model in its turn, where all of its shapes are fixed but "
    "for the batch; none where an input is text or may have any size",
    binary=True,
    # Of a Python model whose process died or froze (seen on 2.51.0).
    died=(b"Stub process",),
)

SIGNATURE = Signature(
    images=(
        "nvidia/tritonserver*",
        "tritonserver",
        "*-tritonserver",
        "triton-inference-server",
    ),
    not_tags=("*-sdk", "*-min"),
    programs=("tritonserver",),
    # TensorRT-LLM's backend comes with it (triton-inference-server/tensorrtllm_backend, scripts).
    scripts=("launch_triton_server.py",),
    runs_arguments=True,
)


def detect(container: Container) -> Evidence | None:
    """Whether the container runs Triton."""
    return recognise(container, SIGNATURE)


def http_port(container: Container) -> int | None:
    """Triton's HTTP port; None where its HTTP endpoint is switched off."""
    allowed = flag(server_words(container, SIGNATURE), "--allow-http")
    if allowed is not None and allowed.lower() in {"false", "0", "no", "off"}:
        return None
    return port_of(
        container,
        flags=("--http-port",),
        names=("http", "http-triton"),
        usual=USUAL_PORT,
        signature=SIGNATURE,
    )


def metrics_port(container: Container) -> int | None:
    """Triton's metrics port: its flag's, else that of a declared port which is called so."""
    said = port_number(flag(server_words(container, SIGNATURE), "--metrics-port"))
    by_name = (port.number for port in container.ports if "metrics" in port.name)
    return said or next(by_name, None)


def named_models(container: Container) -> tuple[str, ...]:
    """The models that it loads at the start; "*" means all there are."""
    said = values(server_words(container, SIGNATURE), "--load-model")
    return plain(name for name in said if name != "*")


def handlers(asked: Asked) -> Handlers:
    """Probes on Triton's live path, and readiness on the one required model if there is one.

    The server's own ready path says 400 as long as any other model has failed to load.
    """
    model = asked.required_models[0] if len(asked.required_models) == 1 else None
    live = {"httpGet": {"path": LIVE, "port": asked.probe_port}}
    ready = {"httpGet": {"path": model_path(model) if model else READY, "port": asked.probe_port}}
    return Handlers(liveness=live, readiness=ready, process=live, startup=live)


def model_path(model: RequiredModel) -> str:
    """Path that tells whether one model, or one version of it, is ready."""
    version = f"/versions/{quote(model.version, safe='')}" if model.version else ""
    return f"/v2/models/{quote(model.name, safe='')}{version}/ready"


def steps(spec: CheckSpec) -> tuple[Step, ...]:
    """Live, ready, repository index, and the ready path of every required model."""
    return (
        Step("live", StepKind.LIVE, Request(LIVE), read_live),
        Step("ready", StepKind.READY, Request(READY), read_ready),
        Step(
            "index",
            StepKind.INDEX,
            Request(
                INDEX,
                method="POST",
                body=b"{}",
                headers=(("Content-Type", "application/json"),),
                max_body=INDEX_BODY,
            ),
            read_index,
            decisive=False,
        ),
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


def read_live(answer: Answer) -> Reading:
    """Triton says 200 as long as its process works."""
    if gap := unanswered(answer):
        return gap
    return SERVES if answer.status == 200 else unexpected(LIVE, answer, "200")


def read_ready(answer: Answer) -> Reading:
    """200: every model is ready. 400: some model is not. 503: the server is exiting."""
    if gap := unanswered(answer):
        return gap
    if answer.status == 200:
        return SERVES
    if answer.status == 400:
        return Reading(Sign.FAILS, "ServerNotReady", "Triton says that it is not ready")
    if answer.status == 503:
        return Reading(Sign.FAILS, "ServerExiting", "Triton is shutting down")
    return unexpected(READY, answer, "200")


def read_model(model: RequiredModel, answer: Answer) -> Reading:
    """200: the model serves. 400: loading, failed, unloaded or unknown; only the index knows."""
    if gap := unanswered(answer):
        return gap
    if answer.status == 200:
        return Reading(
            Sign.SERVES, models=(Item(model.name, Sign.SERVES, model.version, required=True),)
        )
    known = answer.status != 404
    reason = "ModelNotReady" if known else "ModelNotFound"
    message = f'Triton {"says that" if known else "does not know"} model "{model.name}"'
    message += " is not ready" if known else ""
    item = Item(model.name, Sign.FAILS, model.version, True, reason, message)
    return Reading(Sign.FAILS, reason, message, models=(item,))


TRITON = Profile(
    name="triton",
    title="NVIDIA Triton Inference Server",
    verified="2.51.0 (release 24.10), run here: HTTP, Python backend",
    detect=detect,
    port=http_port,
    handlers=handlers,
    steps=steps,
    progress=PROGRESS,
    metrics_port=metrics_port,
    canary=CANARY,
    fold=fold,
    named_models=named_models,
    # Which of them its clients need is for the policy to say.
    listed_as_named=no_models,
    images=SIGNATURE.images,
    loading="Connection refused until the initial load has ended; a model loaded later through "
    "the repository API answers 400 on its ready path, and so does the server's ready path.",
    sleeping="An unloaded model answers 400 on its ready path and stands as UNAVAILABLE with "
    'reason "unloaded" in the repository index; where no model is loaded the pod is Asleep.',
    dead_engine="When the process of a Python-backend model dies or freezes, live, ready, the "
    "model's ready path and the repository index all stay green, and every inference answers 500; "
    "only an inference or nv_inference_request_failure in /metrics shows it.",
    reload="Reload the model through the repository API: unload it, then load it.",
    api_key="None by default; a server with restricted APIs answers 403 without the header "
    "triton-access-token, and the check then reports Unknown.",
    never_liveness="/v2/health/ready and a model's ready path: they answer 400 while any model "
    "loads or after one failed, and a restart mends neither.",
    # Triton's own on-premises chart allows 300 s of startup; large ensembles take longer.
    budgets=DefaultBudgets(max_startup=600, stop_traffic_after=15, restart_after=60),
)
