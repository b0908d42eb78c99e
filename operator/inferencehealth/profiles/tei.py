"""Hugging Face Text Embeddings Inference: how to recognise it, probe it, and read it.

Its HTTP port opens after the model has warmed up. /health, /ping and / queue behind the running
batch: while healthy the Candle and ONNX backends then answer without looking, the Python one asks
its process; after a failure a forward pass is run. 503 {"error": "unhealthy", "error_type":
"unhealthy"}. /metrics asks nobody. The API key guards /info too. The image sets PORT=80, the
program by itself takes 3000.

Source: huggingface/text-embeddings-inference 1.9.3 (router/src/http/server.rs, router/src/main.rs,
backends/src/lib.rs, backends/candle/src/lib.rs, Dockerfile).
"""

from functools import partial

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.steps import Answer, Outcome, Reading, Request, Sign, Step
from inferencehealth.profiles import huggingface
from inferencehealth.profiles.asking import http_get
from inferencehealth.profiles.auto_canary import (
    AutoCanary,
    Built,
    Cannot,
    NotNow,
    Target,
    first_model,
)
from inferencehealth.profiles.huggingface import HEALTH, INFO, PING
from inferencehealth.profiles.listing import fold_listed
from inferencehealth.profiles.naming import plain, values
from inferencehealth.profiles.profile import (
    Asked,
    DefaultBudgets,
    Handlers,
    Profile,
    StaticFinding,
)
from inferencehealth.profiles.reading import parse_object
from inferencehealth.profiles.recognition import Signature, server_words
from inferencehealth.profiles.text_canary import TEXT, json_way
from inferencehealth.workloads import Container

METRICS = "/metrics"

SIGNATURE = Signature(
    images=(
        *("huggingface/text-embeddings-inference", "text-embeddings-inference*"),
        *("huggingface-text-embeddings-inference*", "huggingface-inference-toolkit/tei*"),
        "tei-gaudi",
    ),
    # The gRPC flavour of the image serves no HTTP at all.
    not_tags=("*-grpc",),
    programs=("text-embeddings-router",),
    flags=(("--model-id", "--pooling"), ("--model-id", "--max-client-batch-size")),
)

_EMBED = json_way("/embed", {"inputs": TEXT}, "one letter embedded")
_SPARSE = json_way("/embed_sparse", {"inputs": TEXT}, "one letter embedded")
_RERANK = json_way("/rerank", {"query": TEXT, "texts": [TEXT]}, "one letter ranked")
_PREDICT = json_way("/predict", {"inputs": TEXT}, "one letter classified")
INFO_BODY = 256 * 1024
"""A classifier's information lists all of its labels."""


def build(_target: Target, answers: tuple[Answer, ...]) -> Built:
    """By the kind of model that /info tells: {"model_type": {"embedding": {"pooling": …}}}."""
    (info,) = answers
    if info.outcome is not Outcome.ANSWERED:
        return NotNow()
    kinds = parse_object(info.body).get("model_type")
    if not isinstance(kinds, dict):
        return Cannot("the server does not tell what kind of model it is")
    if "reranker" in kinds:
        return (_RERANK,)
    if "classifier" in kinds:
        return (_PREDICT,)
    embedding = kinds.get("embedding")
    sparse = isinstance(embedding, dict) and embedding.get("pooling") == "splade"
    return (_SPARSE,) if sparse else (_EMBED,)


CANARY = AutoCanary(
    told="one letter embedded, ranked or classified, by the kind of model that /info tells",
    build=build,
    targets=first_model,
    about=lambda _target: (Request(INFO, max_body=INFO_BODY),),
    fails=frozenset({424}),  # its status of a backend that failed
)

UNHEALTHY = Reading(
    Sign.FAILS, "ServerUnhealthy", "TEI says that its backend does not work (unhealthy)"
)


def named_models(container: Container) -> tuple[str, ...]:
    """The name it serves under: --served-model-name, else its model."""
    said, env = server_words(container, SIGNATURE), container.env
    served = values(said, "--served-model-name")[-1:] or (env.get("SERVED_MODEL_NAME", ""),)
    model = values(said, "--model-id")[-1:] or (env.get("MODEL_ID", ""),)
    return plain(served) or plain(model)


def handlers(asked: Asked) -> Handlers:
    """Readiness asks the backend; liveness and startup ask the router only."""
    alive, health = http_get(asked, METRICS), http_get(asked, HEALTH)
    return Handlers(liveness=alive, readiness=health, process=alive, startup=alive)


def steps(_spec: CheckSpec) -> tuple[Step, ...]:
    """Health and the model that it tells."""
    return huggingface.steps(UNHEALTHY, ("served_model_name", "model_id"))


def _trap(path: str) -> tuple[str, StaticFinding]:
    return path, StaticFinding(
        id="InferenceInLiveness",
        severity="warning",
        message=f"TEI's {path} waits behind the running batch and, once it has failed, runs a "
        "forward pass, so a busy server is restarted and loads again.",
        remedy=f"Let liveness ask {METRICS}, which answers as long as the router works.",
    )


TEI = Profile(
    name="tei",
    title="Text Embeddings Inference",
    verified="source of 1.9.3 (router/src/http/server.rs, backends/src/lib.rs)",
    detect=partial(huggingface.detect, SIGNATURE),
    port=partial(huggingface.http_port, SIGNATURE),
    handlers=handlers,
    steps=steps,
    fold=fold_listed,
    canary=CANARY,
    named_models=named_models,
    tells_versions=False,
    images=SIGNATURE.images,
    # Embedding models are small; the download of one and its warm-up take minutes at most.
    budgets=DefaultBudgets(max_startup=600, stop_traffic_after=15, restart_after=60),
    liveness_traps=tuple(_trap(path) for path in (HEALTH, PING, "/")),
    loading="Refuses connections until the model has warmed up.",
    dead_engine="Candle and ONNX: /health says 200 without looking, once the running batch ends; "
    "of a stuck batch it gives no answer, and te_queue_size grows.",
    api_key="/info; /health and /metrics stay open.",
    never_liveness="/health, /ping and /: they wait behind the running batch and run a forward "
    "pass once they have failed. /info: with an API key it answers 401.",
)
