"""Findings about the time that a pod may take to load."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from inferencehealth.api.durations import format_duration
from inferencehealth.findings.rule import (
    Facts,
    Hit,
    Rule,
    Severity,
    authors,
    described,
    effective,
    is_authors,
)
from inferencehealth.kubelet import handler_kind, numbers_of, startup_allowance
from inferencehealth.probes.learned import ROOM

HOPELESS: Final = 20
"""A pod that is killed before this part of its server's budget never gets ready: 90 s for vLLM,
which was seen to take 49 to 66 s with a model of two layers and no weights."""
ENOUGH_FOR_MOST: Final = 2
"""A budget fits the slowest loads; a pod that may use half of it is seldom cut off."""
LONG_DELAY: Final = 20
"""Seconds of initialDelaySeconds from which on it stands in for a startup probe."""


def allowance(probe: Mapping[str, Any]) -> float:
    """Seconds that a starting container has for certain, as long as that probe is asked.

    A command may wait for the server itself (KubeAI's for Ollama pulls the model), so one with a
    long timeout counts as that long.
    """
    numbers = numbers_of(probe)
    waits = numbers.timeout if handler_kind(probe) == "exec" else 0
    return max(startup_allowance(numbers), numbers.initial_delay + waits)


def needed_startup(facts: Facts) -> float:
    """Seconds that a load may need: the policy's word, what was seen with room, the profile's."""
    named = facts.policy.spec.probes.budgets.max_startup
    if named is not None or facts.observed is None:
        return facts.max_startup
    return ROOM * facts.observed


def no_startup_probe(facts: Facts) -> Iterator[Hit]:
    """Liveness that begins to kill before the server can have loaded."""
    live = effective(facts.liveness)
    if live is None or effective(facts.startup):
        return
    allowed, needed = allowance(live), needed_startup(facts)
    if allowed < needed:
        yield Hit(
            "Without a startup probe the liveness probe restarts a loading pod after "
            f"{format_duration(allowed)}; {facts.server} may need {format_duration(needed)}.",
            _add_startup(facts),
            _how_bad(allowed, facts),
        )


def startup_below_budget(facts: Facts) -> Iterator[Hit]:
    """A startup probe that gives less time than the server may need."""
    startup = effective(facts.startup)
    if startup is None or not is_authors(facts.startup):
        return
    allowed, needed = allowance(startup), needed_startup(facts)
    if (facts.observed or 0) <= allowed < needed:
        yield Hit(
            "The author's startup probe lets the kubelet restart a loading pod after "
            f"{format_duration(allowed)}; {facts.server} may need {format_duration(needed)}.",
            _raise(startup, needed),
            _how_bad(allowed, facts),
        )


def startup_below_observed(facts: Facts) -> Iterator[Hit]:
    """Less time than loading was seen to take, whoever wrote the probe."""
    startup, live = effective(facts.startup), effective(facts.liveness)
    decisive = startup or live
    if facts.observed is None or decisive is None:
        return
    allowed = allowance(decisive)
    if allowed < facts.observed:
        yield Hit(
            f"The pods were seen to take {format_duration(facts.observed)} to load, but the "
            f"kubelet restarts a loading pod after {format_duration(allowed)}.",
            _raise(startup, facts.observed) if startup else _add_startup(facts),
        )


def delay_as_crutch(facts: Facts) -> Iterator[Hit]:
    """A long initial delay where a startup probe should stand."""
    if effective(facts.startup):
        return
    for name, probe in authors(facts):
        delay = numbers_of(probe).initial_delay
        if delay >= LONG_DELAY and name == "liveness":
            yield Hit(
                f"The {name} probe waits {delay}s after every start instead of a startup probe: a "
                "fast start gains nothing from it, and a slower one is still cut off."
            )


def _how_bad(allowed: float, facts: Facts) -> Severity:
    needed = needed_startup(facts)
    if allowed < max(needed / HOPELESS, facts.observed or 0):
        return "error"
    known = facts.observed is not None or facts.policy.spec.probes.budgets.max_startup is not None
    return "info" if not known and allowed >= needed / ENOUGH_FOR_MOST else "warning"


def _add_startup(facts: Facts) -> str:
    wanted, needed = facts.startup.wanted, format_duration(needed_startup(facts))
    shown = f" ({described(wanted)})" if wanted else ""
    return (
        f"Add a startup probe that allows {needed}{shown}, or name a shorter time in "
        "spec.probes.budgets.maxStartup."
    )


def _raise(startup: Mapping[str, Any], seconds: float) -> str:
    numbers = numbers_of(startup)
    enough = -int(-(seconds - numbers.initial_delay) // numbers.period) + 1
    return (
        f"Raise the startup probe's failureThreshold to {max(enough, 1)}, or set "
        "spec.probes.existing: Replace."
    )


RULES = (
    Rule(
        id="NoStartupProbe",
        severity="warning",
        other_severities=("error", "info"),
        what="A liveness probe without a startup probe restarts the pod before its model can have "
        "loaded.",
        why="The kubelet asks liveness from the first seconds on, and a server that loads does not "
        "answer. A pod that is killed while it loads starts from the beginning, for ever. It is an "
        "error where the time allowed is less than any load takes, and advice where it is more "
        "than half of what the server may need.",
        remedy="Add a startup probe that allows as long as the server may take to load.",
        example="""\
image: vllm/vllm-openai:v0.8.5
args: [--model, Qwen/Qwen2.5-7B-Instruct]
ports: [{containerPort: 8000}]
livenessProbe:
  httpGet: {path: /health, port: 8000}
  initialDelaySeconds: 15
  timeoutSeconds: 5
""",
        find=no_startup_probe,
    ),
    Rule(
        id="StartupBelowBudget",
        severity="warning",
        other_severities=("error", "info"),
        what="The startup probe gives less time than the server may take to load.",
        why="After failureThreshold failures in a row the kubelet restarts the pod, and loading "
        "begins anew. A model that is larger, a cold cache or a slow disk is enough.",
        remedy="Raise the startup probe's failureThreshold, or set spec.probes.existing: Replace.",
        example="""\
image: vllm/vllm-openai:v0.8.5
args: [--model, Qwen/Qwen2.5-7B-Instruct]
ports: [{containerPort: 8000}]
startupProbe:
  httpGet: {path: /health, port: 8000}
  periodSeconds: 5
  failureThreshold: 30
""",
        find=startup_below_budget,
    ),
    Rule(
        id="StartupBelowObserved",
        severity="error",
        what="The kubelet restarts loading pods sooner than this workload was seen to load.",
        why="The time from container start to first Ready is measured for every image and kind of "
        "node. A probe that allows less kills pods that would have come up.",
        remedy="Raise the startup probe's failureThreshold, or leave maxStartup to what is learned "
        "(spec.probes.learnStartup).",
        find=startup_below_observed,
    ),
    Rule(
        id="InitialDelayInsteadOfStartup",
        severity="info",
        what="A long initialDelaySeconds stands in for a startup probe.",
        why="The delay is waited for after every start, also a fast one, and gives no more time to "
        "a slow one. A startup probe ends as soon as the server answers and may last much longer.",
        remedy="Replace the delay by a startup probe; liveness then begins when it has succeeded.",
        example="""\
image: nvcr.io/nvidia/tritonserver:24.10-py3
args: [tritonserver, --model-repository=/models]
ports: [{containerPort: 8000}]
livenessProbe:
  httpGet: {path: /v2/health/live, port: 8000}
  initialDelaySeconds: 900
  timeoutSeconds: 5
""",
        find=delay_as_crutch,
    ),
)
