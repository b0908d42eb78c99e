"""Ollama: how to recognise it, probe it, and read it.

/ answers 200 "Ollama is running" whatever happens; /api/tags lists the models that were pulled,
/api/ps those that are loaded, with their part in GPU memory (size_vram of size). A model is
loaded by the first request for it and unloaded five minutes after the last, so a pulled model
serves. A killed runner is started anew; a frozen one leaves everything green. No API key.

Source: Ollama 0.17.4, run here.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.steps import Answer, Item, Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles import ollama_canary
from inferencehealth.profiles.asking import by_status, http_get
from inferencehealth.profiles.commands import commands, commands_of
from inferencehealth.profiles.listing import fold_listed, models_step, read_list, serving
from inferencehealth.profiles.naming import plain, positional
from inferencehealth.profiles.profile import (
    Asked,
    DefaultBudgets,
    Evidence,
    Handlers,
    Profile,
    StaticFinding,
    no_models,
)
from inferencehealth.profiles.recognition import Signature, port_number, port_of, recognise
from inferencehealth.workloads import Container

ROOT, TAGS, LOADED = "/", "/api/tags", "/api/ps"
USUAL_PORT = 11434
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})

SIGNATURE = Signature(images=("ollama/ollama*", "ollama"), programs=("ollama serve",))

NOTHING_PULLED = Reading(
    Sign.ASLEEP, "NoModel", "no model is pulled: every request for one fails until one is"
)


def detect(container: Container) -> Evidence | None:
    """Whether the container runs Ollama's server."""
    return recognise(container, SIGNATURE)


def http_port(container: Container) -> int | None:
    """Port of the API, by OLLAMA_HOST ("0.0.0.0:8080", ":8080", "http://host:8080")."""
    host = container.env.get("OLLAMA_HOST", "").strip().rstrip("/")
    said = port_number(host.rpartition("//")[2].rpartition(":")[2])
    if said and ":" in host.rpartition("//")[2]:
        return said
    return port_of(container, names=("http", "ollama", "api"), usual=USUAL_PORT)


def named_models(container: Container) -> tuple[str, ...]:
    """The models that its own script or its postStart hook pulls."""
    found = (*commands(container), *commands_of(_after_start(container), container.env))
    said = (positional(one.words, "ollama", verb) for one in found for verb in ("pull", "run"))
    return plain(name for name in said if name)


def _after_start(container: Container) -> tuple[str, ...]:
    """The command of its postStart hook."""
    value: Any = container.raw
    for key in ("lifecycle", "postStart", "exec", "command"):
        value = value.get(key) if isinstance(value, Mapping) else None
    return tuple(str(word) for word in value) if isinstance(value, list) else ()


def handlers(asked: Asked) -> Handlers:
    """All on /, which says only that the process works."""
    root = http_get(asked, ROOT)
    return Handlers(liveness=root, readiness=root, process=root, startup=root)


def steps(_spec: CheckSpec) -> tuple[Step, ...]:
    """The process, the models that were pulled, and those that are loaded."""
    return (
        Step("live", StepKind.LIVE, Request(ROOT), by_status(ROOT)),
        models_step(read_tags, path=TAGS),
        models_step(read_loaded, path=LOADED, name="loaded"),
    )


def read_tags(answer: Answer) -> Reading:
    """{"models": [{"name": "tiny:latest", …}]}: what was pulled."""
    return read_list(answer, "models", lambda entry: (serving(entry.get("name")),))


def read_loaded(answer: Answer) -> Reading:
    """{"models": [{"name": …, "size": …, "size_vram": …}]}: what is loaded, and where."""
    return read_list(answer, "models", lambda entry: (_loaded(entry),))


def fold(spec: CheckSpec, readings: Mapping[str, Reading]) -> Reading:
    """Pulled models serve; those that are not loaded are shown as asleep."""
    loaded = readings.get("loaded")
    told = {name: reading for name, reading in readings.items() if name != "loaded"}
    pulled = told.get("models")
    if pulled and loaded and loaded.sign is Sign.SERVES:
        known = {item.name: item for item in loaded.models}
        models = tuple(known.get(item.name) or _asleep(item) for item in pulled.models)
        told["models"] = replace(pulled, models=models)
    return fold_listed(spec, told, proves_load=False, same=same_model, empty=NOTHING_PULLED)


def same_model(asked: str, listed: str) -> bool:
    """Whether two names mean the same model: no tag means "latest"."""
    return _tagged(asked) == _tagged(listed)


def _tagged(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _asleep(item: Item) -> Item:
    message = f'model "{item.name}" is pulled but not loaded; the first request loads it'
    return replace(item, sign=Sign.ASLEEP, reason="ModelNotLoaded", message=message)


def _loaded(entry: Mapping[str, Any]) -> Item | None:
    item, size, on_gpu = serving(entry.get("name")), entry.get("size"), entry.get("size_vram")
    if item is None or not isinstance(size, int) or not isinstance(on_gpu, int) or size <= 0:
        return item
    if on_gpu >= size:
        return item
    share = round(100 * max(on_gpu, 0) / size)
    return replace(item, message=f"{share} % of it is in GPU memory, the rest runs on the CPU")


OLLAMA = Profile(
    name="ollama",
    title="Ollama",
    verified="0.17.4, run here",
    detect=detect,
    port=http_port,
    handlers=handlers,
    steps=steps,
    fold=fold,
    canary=ollama_canary.CANARY,
    named_models=named_models,
    # A pull may fail or end later than the start, and that is not the server's fault.
    listed_as_named=no_models,
    tells_versions=False,
    images=SIGNATURE.images,
    # The server itself is up in a second; charts that pull models at the start take minutes.
    budgets=DefaultBudgets(max_startup=600, stop_traffic_after=15, restart_after=60),
    readiness_findings=(
        StaticFinding(
            id="ReadyWithoutModel",
            severity="warning",
            message="Ollama answers 200 on / with no model pulled and with a hung runner, and it "
            "has no path that would say otherwise by its status: its readiness means only that "
            "the process works.",
            remedy="Name the models in spec.server.models.required: the operator's check reads "
            "them from /api/tags.",
        ),
    ),
    loading="The server answers at once; a request waits while its model loads.",
    sleeping="/api/ps no longer lists the model; the next request loads it.",
    dead_engine="Runner killed: a new one is started. Frozen: / and /api/ps stay as they were "
    "and requests hang; only an inference shows it.",
    never_liveness="/api/generate or `ollama run`: they load a model and wait behind all others.",
)
