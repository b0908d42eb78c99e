"""Hugging Face Text Generation Inference: how to recognise it, probe it, and read it.

Its HTTP port opens after the shards have loaded and warmed up. /health, /ping and / ask the
shards: while healthy they allocate a tensor on the device, after a failure they run a forward
pass; 503 {"error": "unhealthy", "error_type": "healthcheck"}. /info and /v1/models tell the model
and ask nobody; the API key guards inference only. The image sets PORT=80, the program by itself
takes 3000.

Source: huggingface/text-generation-inference 3.3.7 (router/src/server.rs,
backends/v3/src/backend.rs, launcher/src/main.rs, Dockerfile); its documentation (metrics).
"""

from functools import partial

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.progress import Progress
from inferencehealth.checks.steps import Reading, Sign, Step
from inferencehealth.profiles import huggingface
from inferencehealth.profiles.asking import http_get
from inferencehealth.profiles.huggingface import HEALTH, INFO, PING
from inferencehealth.profiles.listing import fold_listed
from inferencehealth.profiles.naming import plain, values
from inferencehealth.profiles.profile import (
    Asked,
    DefaultBudgets,
    Handlers,
    Profile,
    StaticFinding,
    no_models,
)
from inferencehealth.profiles.recognition import Signature, server_words
from inferencehealth.profiles.text_canary import TEXT, json_way, text_canary
from inferencehealth.workloads import Container

SIGNATURE = Signature(
    images=(
        *("huggingface/text-generation-inference", "text-generation-inference"),
        *("huggingface-text-generation-inference*", "huggingface-pytorch-tgi-inference*"),
        *("huggingface-inference-toolkit/tgi*", "ibm/text-gen-server", "tgi-gaudi"),
    ),
    familiar=("*tgi*", "*text-generation*"),
    programs=("text-generation-launcher",),
    flags=(("--model-id", "--max-total-tokens"), ("--model-id", "--num-shard")),
)

PROGRESS = Progress(
    done=("tgi_batch_inference_success",),
    unit="steps",
    running=("tgi_batch_current_size",),
    waiting=("tgi_queue_size",),
    failed=("tgi_request_failure",),
    own=2.0,  # a prefill and a decode
    not_failed=frozenset({"cancelled", "dropped", "overloaded", "validation"}),
)
"""A step is one prefill or decode of the batch. Failures that clients cause (label "err") do not
count."""

CANARY = text_canary(
    "one token",
    (json_way("/generate", {"inputs": TEXT, "parameters": {"max_new_tokens": 1}}, "one token"),),
)

UNHEALTHY = Reading(
    Sign.FAILS, "ServerUnhealthy", "TGI says that its shards do not work (health check failed)"
)


def named_models(container: Container) -> tuple[str, ...]:
    """The model that it loads."""
    said = values(server_words(container, SIGNATURE), "--model-id")[-1:]
    return plain(said or (container.env.get("MODEL_ID", ""),))


def handlers(asked: Asked) -> Handlers:
    """Readiness asks the shards; liveness and startup ask the router only."""
    info, health = http_get(asked, INFO), http_get(asked, HEALTH)
    return Handlers(liveness=info, readiness=health, process=info, startup=info)


def steps(_spec: CheckSpec) -> tuple[Step, ...]:
    """Health and the model that it tells."""
    return huggingface.steps(UNHEALTHY, ("model_id",))


def _trap(path: str) -> tuple[str, StaticFinding]:
    return path, StaticFinding(
        id="InferenceInLiveness",
        severity="warning",
        message=f"TGI's {path} asks the shards and, once it has failed, runs a forward pass on "
        "the device, so a busy or short of memory server is restarted and loads again.",
        remedy=f"Let liveness ask {INFO}, which answers as long as the router works.",
    )


TGI = Profile(
    name="tgi",
    title="Text Generation Inference",
    verified="source of 3.3.7 (router/src/server.rs, backends/v3/src/backend.rs)",
    detect=partial(huggingface.detect, SIGNATURE),
    port=partial(huggingface.http_port, SIGNATURE),
    handlers=handlers,
    steps=steps,
    progress=PROGRESS,
    canary=CANARY,
    fold=fold_listed,
    named_models=named_models,
    # The hub may give the model another name than the one asked for: gpt2 is openai-community/gpt2.
    listed_as_named=no_models,
    tells_versions=False,
    images=SIGNATURE.images,
    budgets=DefaultBudgets(max_startup=1800, stop_traffic_after=15, restart_after=60),
    liveness_traps=tuple(_trap(path) for path in (HEALTH, PING, "/")),
    loading="Refuses connections until the shards have loaded and warmed up.",
    dead_engine="/info and /v1/models stay 200; /health answers 503, at first after a mere "
    "allocation on the device, which a stuck batch does not hinder: tgi_queue_size grows then.",
    never_liveness="/health, /ping and /: they ask the shards, and run a forward pass once they "
    "have failed.",
)
