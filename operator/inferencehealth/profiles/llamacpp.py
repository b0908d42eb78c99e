"""llama.cpp's llama-server: how to recognise it, probe it, and read it.

It listens at once: while it loads, every path answers 503 {"error": {"message": "Loading model",
"type": "unavailable_error", "code": 503}}; then /health is 200 {"status": "ok"}. It answers
whatever model name a request gives. With --sleep-idle-seconds it unloads its model when idle and
loads it at the next request; /health, /props and /v1/models wake nothing, and /props tells
"is_sleeping". Started without a model it is a router, whose list tells each model's status. The
API key guards all but /health, in earlier versions all but that and /v1/models.

Source: the llama.cpp vendored in llama-cpp-python 0.3.36, run here (loading, ready, busy); for
sleep, router and key its tools/server (README.md, server-http.cpp, server-context.cpp,
server-models.cpp).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.progress import Progress
from inferencehealth.checks.steps import Answer, Item, Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles.asking import by_status, http_get
from inferencehealth.profiles.auto_canary import NotNow
from inferencehealth.profiles.listing import fold_listed, models_step, read_list, serving
from inferencehealth.profiles.naming import plain, values
from inferencehealth.profiles.profile import (
    Asked,
    DefaultBudgets,
    Evidence,
    Handlers,
    Profile,
    StaticFinding,
)
from inferencehealth.profiles.reading import SERVES, parse_json, parse_object, unanswered
from inferencehealth.profiles.recognition import (
    Signature,
    only_flags,
    port_of,
    recognise,
    server_words,
)
from inferencehealth.profiles.text_canary import openai_canary
from inferencehealth.workloads import Container

HEALTH, PROPS = "/health", "/props"
USUAL_PORT = 8080
PROPS_BODY = 256 * 1024
"""The properties carry the chat template, up to some 50 KiB."""

SIGNATURE = Signature(
    images=("ggml-org/llama.cpp*", "ggerganov/llama.cpp*", "llama.cpp"),
    familiar=("*llama.cpp*", "*llama-cpp*", "*llamacpp*", "*llama-server*"),
    familiar_flags=("-m", "--model", "-hf", "--hf-repo"),
    programs=("llama-server",),
    flags=(("--model", "--n-gpu-layers"), ("--model", "--ctx-size"), ("--hf-repo", "--ctx-size")),
)
COMMAND_ONLY = Signature(programs=SIGNATURE.programs)
OTHER_TAGS = ("light*", "full*")
"""Images of llama.cpp without the server, or with a choice of tools by the first argument."""
MAX_ALIASES: Final = 20
"""Names of one model that are read."""

OWN_DECODES: Final = 4.0
"""Decodes that one canary takes: its letter, its token, and what an update of the slots adds."""

PROGRESS: Final = Progress(
    done=("llamacpp:n_decode_total",),
    unit="decodes",
    running=("llamacpp:requests_processing",),
    waiting=("llamacpp:requests_deferred",),
    own=OWN_DECODES,
)
"""Only with --metrics, and without an API key. tokens_predicted_total moves when a request ends,
n_decode_total at every step."""

SLOTS: Final = "/slots"
_BEFORE: Final = (Request(PROPS, max_body=PROPS_BODY), Request(SLOTS, max_body=PROPS_BODY))
"""What is asked before a canary: whether it sleeps, and whether a slot is free."""


def _held_back(answers: tuple[Answer, ...]) -> NotNow | None:
    """A server that sleeps is not woken; one whose slots are all busy would only let us wait."""
    props, slots = answers
    if parse_object(props.body).get("is_sleeping") is True:
        return NotNow(idle=True)
    listed = parse_json(slots.body) if slots.status == 200 else None
    known = listed if isinstance(listed, list) else []
    all_slots = [slot for slot in known if isinstance(slot, dict)]
    busy = all_slots and all(slot.get("is_processing") is True for slot in all_slots)
    return NotNow() if busy else None


CANARY: Final = openai_canary(
    "one token, by completion, else by chat; with --embeddings one letter embedded, with "
    "--reranking one ranked. Of a router, the first loaded model. None while it sleeps, and none "
    "while all slots are busy, of which the counters tell",
    about=_BEFORE,
    guard=_held_back,
)

LOADING: Final = Reading(Sign.LOADING, "ModelLoading", "llama-server is loading its model")
_STATES: Final[Mapping[str, tuple[Sign, str, str]]] = {
    "loaded": (Sign.SERVES, "", ""),
    "loading": (Sign.LOADING, "ModelLoading", "is loading"),
    "downloading": (Sign.LOADING, "ModelLoading", "is being downloaded"),
    "sleeping": (Sign.ASLEEP, "ModelAsleep", "sleeps; the next request wakes it"),
    "unloaded": (Sign.ASLEEP, "ModelNotLoaded", "is not loaded; a request loads it"),
}
"""Sign, reason and words of a model's status in a router's list."""


def detect(container: Container) -> Evidence | None:
    """Whether the container runs llama-server."""
    chosen = container.args[:1] in {("--server",), ("-s",)}
    signature = replace(
        SIGNATURE,
        not_tags=() if chosen else OTHER_TAGS,
        flags=SIGNATURE.flags if only_flags(container) else (),
        familiar_flags=SIGNATURE.familiar_flags if only_flags(container) else (),
    )
    return recognise(container, signature) or recognise(container, COMMAND_ONLY)


def http_port(container: Container) -> int | None:
    """Port of the API."""
    return port_of(
        container,
        flags=("--port",),
        env=("LLAMA_ARG_PORT",),
        names=("http", "http1", "api"),
        usual=USUAL_PORT,
        signature=SIGNATURE,
    )


def named_models(container: Container) -> tuple[str, ...]:
    """Its aliases, else the model's file or repository as given."""
    said, env = server_words(container, SIGNATURE), container.env
    model = values(said, "-m", "--model", "-hf", "-hfr", "--hf-repo", "--model-url", "-mu")[-1:]
    by_env = (env.get(name, "") for name in ("LLAMA_ARG_MODEL", "LLAMA_ARG_HF_REPO"))
    return _aliases(container) or plain(model) or plain(by_env)[:1]


def _aliases(container: Container) -> tuple[str, ...]:
    """What --alias gives: the only names that every version lists as they were given."""
    said = values(server_words(container, SIGNATURE), "-a", "--alias")[-1:]
    aliases = said or (container.env.get("LLAMA_ARG_ALIAS", ""),)
    return plain(name.strip() for name in aliases[0].split(","))


def handlers(asked: Asked) -> Handlers:
    """All on /health: once it has loaded, it fails for a dead or hung process only."""
    health = http_get(asked, HEALTH)
    return Handlers(liveness=health, readiness=health, process=health, startup=health)


def steps(_spec: CheckSpec) -> tuple[Step, ...]:
    """Health, the list of models, and whether it sleeps."""
    read = by_status(HEALTH, {503: LOADING})
    props = Request(PROPS, max_body=PROPS_BODY)
    return (
        Step("health", StepKind.READY, Request(HEALTH), read),
        models_step(read_models),
        Step("props", StepKind.READY, props, read_props, decisive=False),
    )


def read_models(answer: Answer) -> Reading:
    """{"data": [{"id": …, "aliases": […], "status": {"value": …}}]}; a router's has the status."""
    return read_list(answer, "data", _entry)


def read_props(answer: Answer) -> Reading:
    """{"is_sleeping": true}: its model is unloaded until the next request; DEGRADED it is not."""
    if unanswered(answer) or answer.status != 200:
        return SERVES
    if parse_object(answer.body).get("is_sleeping") is not True:
        return SERVES
    return replace(
        SERVES, reason="ModelAsleep", message="the model sleeps; the next request wakes it"
    )


def fold(spec: CheckSpec, readings: Mapping[str, Reading]) -> Reading:
    """Health and list as everywhere; a server that sleeps still serves, at the next request."""
    props = readings.get("props", SERVES)
    whole = fold_listed(spec, {name: r for name, r in readings.items() if name != "props"})
    if not props.reason or whole.sign is not Sign.SERVES:
        return whole
    asleep = (
        replace(item, sign=Sign.ASLEEP, reason=props.reason, message=props.message)
        for item in whole.models
    )
    return replace(props, models=tuple(asleep))


def _entry(entry: Mapping[str, Any]) -> Iterator[Item]:
    """One item for each of the model's names."""
    aliases, status = entry.get("aliases"), entry.get("status")
    others = aliases[:MAX_ALIASES] if isinstance(aliases, list) else []
    for name in (entry.get("id"), *others):
        if item := serving(name):
            yield _in_state(item, status) if isinstance(status, dict) else item


def _in_state(item: Item, status: Mapping[str, Any]) -> Item:
    if status.get("failed") is True:
        message = f'model "{item.name}" failed to load'
        return replace(item, sign=Sign.FAILS, reason="ModelLoadFailed", message=message)
    sign, reason, words = _STATES.get(str(status.get("value")), _STATES["loaded"])
    message = f'model "{item.name}" {words}' if words else ""
    return replace(item, sign=sign, reason=reason, message=message)


LLAMACPP = Profile(
    name="llamacpp",
    title="llama.cpp (llama-server)",
    verified="the llama.cpp of llama-cpp-python 0.3.36, run here; sleep and router: its source",
    detect=detect,
    port=http_port,
    handlers=handlers,
    steps=steps,
    progress=PROGRESS,
    canary=CANARY,
    fold=fold,
    named_models=named_models,
    listed_as_named=_aliases,
    tells_versions=False,
    images=SIGNATURE.images,
    # Loading is the reading of one file: 100 GB from a network disk take some ten minutes. A
    # crowd keeps /health waiting until the line before it has been served, which takes minutes.
    budgets=DefaultBudgets(max_startup=900, stop_traffic_after=15, restart_after=300),
    liveness_findings=(
        StaticFinding(
            id="HealthWaitsInLine",
            severity="info",
            message="Each request that waits holds one of llama-server's HTTP threads, by default "
            "about a thousand. With more clients at once /health waits behind them, and nothing "
            "outside tells a crowd from a hang: the pod leaves traffic, and the kubelet restarts "
            "it if the line takes longer than the liveness probe allows.",
            remedy="If it may be asked by so many at once, start it with --threads-http and a "
            "number above theirs, or put a queue before it.",
        ),
    ),
    loading='503 {"error": {"message": "Loading model", …}} on every path.',
    sleeping='/health stays 200; /props says "is_sleeping": true (--sleep-idle-seconds). The next '
    "request wakes it.",
    dead_engine="/health is answered by other threads than inference: of a hung slot only "
    "llamacpp:n_decode_total tells, which stands still while llamacpp:requests_processing is 1.",
    api_key="/v1/models, /props and /metrics; /health stays open.",
    never_liveness="/slots?fail_on_no_slot=1: 503 whenever all slots are busy. /completion: it "
    "waits behind all others.",
)
