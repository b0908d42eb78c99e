"""Infinity (infinity_emb): how to recognise it, probe it, and read it.

Its port opens after all models have loaded and warmed up; /health then answers 200 {"unix": …}
whatever happens. <prefix>/models lists {"data": [{"id": …, "stats": {"queue_fraction": …,
"queue_absolute": …, "results_pending": …}}]}; the prefix is empty, or often /v1. A full queue
answers requests with 429. The API key guards the list.

Source: michaelfeil/infinity 0.0.77 (infinity_emb/infinity_server.py, args.py, env.py, cli.py).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.steps import Answer, Item, Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles.asking import by_status, http_get
from inferencehealth.profiles.auto_canary import AutoCanary, Built, Cannot, Target, every_model
from inferencehealth.profiles.listing import (
    LIST_BODY,
    OPENAI_MODELS,
    fold_listed,
    models_step,
    read_list,
    serving,
)
from inferencehealth.profiles.naming import plain, values
from inferencehealth.profiles.profile import (
    Asked,
    DefaultBudgets,
    Evidence,
    Handlers,
    Profile,
    StaticFinding,
)
from inferencehealth.profiles.reading import parse_object
from inferencehealth.profiles.recognition import Signature, port_of, recognise, server_words
from inferencehealth.profiles.text_canary import TEXT, json_way
from inferencehealth.workloads import Container

HEALTH, MODELS = "/health", "/models"
USUAL_PORT = 7997
_V1_MODELS: Final = Request(OPENAI_MODELS, max_body=LIST_BODY)
_TASKS: Final = (
    ("embed", "/embeddings", {"input": [TEXT]}, "one letter embedded"),
    ("rerank", "/rerank", {"query": TEXT, "documents": [TEXT]}, "one letter ranked"),
    ("classify", "/classify", {"input": [TEXT]}, "one letter classified"),
)
"""Capability of a model, path behind the prefix, body beside the model, and what that does."""


def build(target: Target, answers: tuple[Answer, ...]) -> Built:
    """By the model's capabilities in the list, behind the prefix where the list stands."""
    for prefix, listed in zip(("", "/v1"), answers, strict=True):
        entries = parse_object(listed.body).get("data") if listed.status == 200 else None
        for entry in entries if isinstance(entries, list) else []:
            if not isinstance(entry, dict) or entry.get("id") != target.name:
                continue
            told = entry.get("capabilities")
            able = told if isinstance(told, list) else []
            for capability, path, body, words in _TASKS:
                if capability in able:
                    return (json_way(prefix + path, {"model": target.name, **body}, words),)
            return Cannot("it neither embeds nor ranks nor classifies text")
    return Cannot("the list of models does not tell what it can do")


CANARY: Final = AutoCanary(
    told="one letter embedded, ranked or classified by each model in its turn, by the capabilities "
    "that the list of models tells",
    build=build,
    targets=every_model,
    about=lambda _target: (Request(MODELS, max_body=LIST_BODY), _V1_MODELS),
)

FULL: Final = 1.0
"""Fraction of its queue from which on the server refuses requests with 429."""

SIGNATURE = Signature(
    images=("michaelf34/infinity", "michaelfeil/infinity*", "infinity-emb*", "infinity_emb*"),
    programs=("infinity_emb", "infinity_emb v1", "infinity_emb v2"),
    modules=("infinity_emb",),
)


def detect(container: Container) -> Evidence | None:
    """Whether the container runs Infinity."""
    return recognise(container, SIGNATURE)


def http_port(container: Container) -> int | None:
    """Port of the API."""
    return port_of(
        container,
        flags=("--port",),
        env=("INFINITY_PORT",),
        names=("http", "http1", "api"),
        usual=USUAL_PORT,
        signature=SIGNATURE,
    )


def named_models(container: Container) -> tuple[str, ...]:
    """The names it serves under; where it is given none, the last two parts of each model's id."""
    said, env = server_words(container, SIGNATURE), container.env
    served = values(said, "--served-model-name") or _several(env.get("INFINITY_SERVED_MODEL_NAME"))
    ids = values(said, "--model-id", "--model-name-or-path")
    ids = ids or _several(env.get("INFINITY_MODEL_ID"))
    return plain(served) or plain("/".join(one.split("/")[-2:]) for one in ids)


def _several(text: str | None) -> tuple[str, ...]:
    return tuple((text or "").rstrip(";").split(";"))


def handlers(asked: Asked) -> Handlers:
    """All on /health: it fails only for a dead or hung process, or one that still loads."""
    health = http_get(asked, HEALTH)
    return Handlers(liveness=health, readiness=health, process=health, startup=health)


def steps(_spec: CheckSpec) -> tuple[Step, ...]:
    """Health and the list of models, which stands in one of two places."""
    return (
        Step("health", StepKind.LIVE, Request(HEALTH), by_status(HEALTH)),
        models_step(read_models, path=MODELS),
        models_step(read_models, path=OPENAI_MODELS, name="models-v1"),
    )


def read_models(answer: Answer) -> Reading:
    """Its models; one whose queue is full is busy."""
    return read_list(answer, "data", lambda entry: (_entry(entry),))


def fold(spec: CheckSpec, readings: Mapping[str, Reading]) -> Reading:
    """Health, then whether every required model is in whichever list there is."""
    told = {name: reading for name, reading in readings.items() if name != "models-v1"}
    other = readings.get("models-v1")
    if other and other.sign is Sign.SERVES and told["models"].sign is not Sign.SERVES:
        told["models"] = other
    return fold_listed(spec, told)


def _entry(entry: Mapping[str, Any]) -> Item | None:
    item, stats = serving(entry.get("id")), entry.get("stats")
    fraction = stats.get("queue_fraction") if isinstance(stats, dict) else None
    if item is None or not isinstance(fraction, int | float) or fraction < FULL:
        return item
    message = f'the queue of model "{item.name}" is full: it answers requests with 429'
    return replace(item, sign=Sign.BUSY, reason="QueueFull", message=message)


INFINITY = Profile(
    name="infinity",
    title="Infinity",
    verified="source of 0.0.77 (infinity_emb/infinity_server.py, args.py, env.py)",
    detect=detect,
    port=http_port,
    handlers=handlers,
    steps=steps,
    fold=fold,
    canary=CANARY,
    named_models=named_models,
    tells_versions=False,
    images=SIGNATURE.images,
    # KubeAI allows Infinity 20 min.
    budgets=DefaultBudgets(max_startup=1200, stop_traffic_after=15, restart_after=60),
    readiness_findings=(
        StaticFinding(
            id="HealthyWithoutEngine",
            severity="info",
            message="Infinity's /health answers 200 as long as its web server works, whatever "
            "its models do.",
            remedy="Alert on results_pending in the list of models: it grows when they hang.",
        ),
    ),
    loading="Refuses connections until all models have loaded.",
    dead_engine="/health stays 200; in the list of models results_pending and queue_fraction grow.",
    api_key="/models; /health stays open.",
    never_liveness="/models: with an API key it answers 401. /embeddings: it waits behind all "
    "others.",
)
