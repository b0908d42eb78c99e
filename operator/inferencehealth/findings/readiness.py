"""Findings about readiness probes that let traffic to pods which do not serve."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from inferencehealth.api.durations import format_duration
from inferencehealth.findings.rule import (
    Facts,
    Hit,
    Rule,
    authors,
    effective,
    is_authors,
    path_of,
    same_handler,
)
from inferencehealth.kubelet import handler_kind
from inferencehealth.profiles.recognition import flag, words

SLOW: Final = 60
"""Seconds of loading from which on traffic without readiness surely meets pods that don't serve."""

BY_PLATFORM: Final = frozenset({"InferenceService", "RayCluster", "RayService", "Service"})
"""Kinds whose controllers add probes of their own where the author names none: KServe and Knative
a TCP connection for readiness, KubeRay its own health paths."""

_KEYED: Final[Mapping[str, tuple[str, ...]]] = {
    "vllm": ("/v1/models",),
    "sglang": ("/v1/models", "/model_info", "/get_model_info"),
    "llamacpp": ("/v1/models", "/models", "/props", "/metrics", "/slots"),
    "tei": ("/info",),
    "infinity": ("/models",),
    "speaches": ("/v1/models", "/api/ps"),
    "litserve": ("/health", "/"),
}
"""Paths that answer 401 or 403 without the key, by profile; each profile's `api_key` tells why."""
_KEY_FLAGS: Final = ("--api-key", "--api-key-file")
_KEY_VARIABLES: Final[Mapping[str, str]] = {
    "vllm": "VLLM_API_KEY",
    "llamacpp": "LLAMA_API_KEY",
    "tei": "API_KEY",
    "infinity": "INFINITY_API_KEY",
    "speaches": "API_KEY",
    "litserve": "LIT_SERVER_API_KEY",
}
"""Environment variables that set a key; a flag does so on every server that has one."""
_KEY_HEADERS: Final = frozenset({"authorization", "x-api-key"})


def no_probes(facts: Facts) -> Iterator[Hit]:
    """A server whose pods are Ready from the moment its container has started."""
    if any(effective(probe) for probe in facts.probes):
        return
    if facts.workload.kind in BY_PLATFORM:
        yield Hit(
            f"{facts.container.name} names no probes: {facts.workload.kind} makes its own, which "
            "at best open a connection or ask whether the process is up.",
            "Give it the probes that fit the server.",
            "info",
        )
        return
    yield Hit(
        f"{facts.container.name} has no probes: its pods get traffic as soon as the container has "
        f"started, while {facts.server} may load for {format_duration(facts.max_startup)}, and a "
        "rollout takes the old pods away before the new ones serve.",
        severity=None if facts.max_startup >= SLOW else "warning",
    )


def no_readiness(facts: Facts) -> Iterator[Hit]:
    """Other probes, but none that keeps traffic away."""
    if effective(facts.readiness) or not any(effective(probe) for probe in facts.probes):
        return
    if facts.workload.kind in BY_PLATFORM:
        return
    started = effective(facts.startup) is not None
    since = "as soon as its startup probe has succeeded" if started else "while it still loads"
    yield Hit(
        f"{facts.container.name} has no readiness probe: its pods get traffic {since}, and keep "
        "it when they can't serve.",
        severity="warning" if started or facts.max_startup < SLOW else None,
    )


def only_process(facts: Facts) -> Iterator[Hit]:
    """Readiness that says no more than that the process is up."""
    ready = effective(facts.readiness)
    if ready is None or not is_authors(facts.readiness):
        return
    if same_handler(ready, facts.handlers.readiness):
        return
    if handler_kind(ready) == "tcpSocket":
        yield Hit(
            "The readiness probe only opens a TCP connection, which says nothing about a model: "
            "the pod gets traffic that it can't serve.",
            _ask(facts),
        )
    elif path_of(ready) and same_handler(ready, facts.handlers.liveness):
        yield Hit(
            f"The readiness probe asks {path_of(ready)}, {facts.server}'s live path, which says "
            "only that the process is up: a pod whose models failed, unload or still load gets "
            "traffic.",
            _ask(facts),
        )


def needs_key(facts: Facts) -> Iterator[Hit]:
    """A probe on a path that wants the key which the server was given."""
    guarded = _KEYED.get(facts.profile.name, ())
    if not guarded or not has_key(facts):
        return
    for name, probe in authors(facts):
        path = path_of(probe)
        if path in guarded and not _sends_key(probe):
            effect = "gets no traffic" if name == "readiness" else "is restarted"
            yield Hit(
                f"The {name} probe asks {path} without a key, and {facts.server} was given one: "
                f"the answer is always 401, and the pod {effect}."
            )


def has_key(facts: Facts) -> bool:
    """Whether the server was given an API key, by flag or environment."""
    variable = _KEY_VARIABLES.get(facts.profile.name)
    by_flag = flag(words(facts.container), *_KEY_FLAGS)
    return by_flag is not None or variable in facts.container.variables


def _sends_key(probe: Mapping[str, Any]) -> bool:
    headers = probe["httpGet"].get("httpHeaders") or ()
    return any(str(header.get("name", "")).lower() in _KEY_HEADERS for header in headers)


def _ask(facts: Facts) -> str:
    path = path_of(facts.handlers.readiness)
    how = f"ask {path}" if path else f"be the one that `ihp render` writes for {facts.server}"
    return f"Let readiness {how}."


_TRITON = """\
image: nvcr.io/nvidia/tritonserver:24.10-py3
args: [tritonserver, --model-repository=/models]
ports: [{containerPort: 8000}]
"""

RULES = (
    Rule(
        id="NoProbes",
        severity="error",
        other_severities=("warning", "info"),
        what="The server has no probes at all.",
        why="Its pods are Ready from the moment the container has started, so they get traffic "
        "while the model loads, and a rollout takes the old pods away before the new ones serve. "
        "It is advice for kinds whose controller adds probes of its own (KServe, Knative, Ray).",
        remedy="Take the probes that `ihp render` writes, or let a policy in mode Apply write "
        "them.",
        example=_TRITON,
        find=no_probes,
    ),
    Rule(
        id="NoReadinessProbe",
        severity="error",
        other_severities=("warning",),
        what="The server has other probes, but no readiness probe.",
        why="Nothing keeps traffic away from a pod that can't serve. It is a warning where a "
        "startup probe at least holds traffic back until the server is up.",
        remedy="Add a readiness probe on the path that says whether the models serve; "
        "`ihp render` writes it.",
        example=_TRITON
        + """\
livenessProbe:
  httpGet: {path: /v2/health/live, port: 8000}
""",
        find=no_readiness,
    ),
    Rule(
        id="ReadinessOnlyProcess",
        severity="warning",
        what="The readiness probe says no more than that the process is up.",
        why="A TCP connection, or the path for liveness, succeeds while models load, have failed "
        "or were unloaded. The pod then gets traffic that it answers with errors.",
        remedy="Let readiness ask the server's ready path, or the one of the model.",
        example=_TRITON
        + """\
readinessProbe:
  httpGet: {path: /v2/health/live, port: 8000}
""",
        find=only_process,
    ),
    Rule(
        id="ProbeNeedsKey",
        severity="error",
        what="A probe asks a path that wants the API key which the server was given.",
        why="The kubelet gets 401, so readiness never comes and liveness kills for ever. The "
        "paths for health stay open on these servers.",
        remedy="Ask the server's health path, which needs no key, or add the key to httpHeaders.",
        example="""\
image: vllm/vllm-openai:v0.8.5
args: [--model, Qwen/Qwen2.5-7B-Instruct, --api-key, $(KEY)]
ports: [{containerPort: 8000}]
readinessProbe:
  httpGet: {path: /v1/models, port: 8000}
""",
        find=needs_key,
    ),
)
