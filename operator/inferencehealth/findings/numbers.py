"""Findings about periods, timeouts and thresholds that an author chose."""

from collections.abc import Iterator
from typing import Final

from inferencehealth.api.durations import format_duration
from inferencehealth.findings.rule import (
    Facts,
    Hit,
    Rule,
    authors,
    effective,
    is_authors,
    name_of,
)
from inferencehealth.kubelet import handler_kind, numbers_of, worst_detection
from inferencehealth.probes.merge import ProbePlan

USUAL_TIMEOUT: Final = 5
USUAL_PERIOD: Final = (10, 30)
USUAL_FAILURES: Final = (3, 5)
"""Bounds that the ASR's documentation and others recommend for health checks."""


def timeout_of_one_second(facts: Facts) -> Iterator[Hit]:
    """A timeout that a busy server outlasts, given or by default."""
    for name, probe in authors(facts):
        if numbers_of(probe).timeout > 1 or name == "startup":
            continue
        if handler_kind(probe) == "tcpSocket":  # the system answers, however busy the server is
            continue
        given = probe.get("timeoutSeconds")
        source = "gives the server 1s" if given else "names no timeout, so it gives the server 1s"
        effect = "is restarted" if name == "liveness" else "loses its traffic"
        needed = {
            "liveness": facts.profile.budgets.liveness_timeout,
            "readiness": facts.profile.budgets.readiness_timeout,
        }[name]
        yield Hit(
            f"The {name} probe {source} to answer: a pod that is only busy {effect}.",
            f"Set timeoutSeconds to {needed}, which fits {facts.server}.",
        )


def single_failure(facts: Facts) -> Iterator[Hit]:
    """A probe whose first failure counts."""
    for name, probe in authors(facts):
        numbers = numbers_of(probe)
        if numbers.failures > 1 or (name == "startup" and handler_kind(probe) == "exec"):
            continue
        effect = "takes the pod out of traffic" if name == "readiness" else "restarts the pod"
        yield Hit(
            f"The {name} probe has failureThreshold 1: one slow or lost answer {effect}.",
            severity="error" if name == "liveness" else None,
        )


def restart_before_traffic_stops(facts: Facts) -> Iterator[Hit]:
    """A pod that is killed while it still gets traffic."""
    if facts.compiled.too_late:
        yield Hit(
            facts.compiled.too_late,
            "Raise failureThreshold or periodSeconds in spec.probes.liveness, or lower them in "
            "spec.probes.readiness.",
        )
        return
    live, ready = effective(facts.liveness), effective(facts.readiness)
    if not live or not ready or not (is_authors(facts.liveness) or is_authors(facts.readiness)):
        return
    restart, stop = worst_detection(numbers_of(live)), worst_detection(numbers_of(ready))
    if restart < stop:
        yield Hit(
            f"A pod that stops answering is restarted after at most {format_duration(restart)}, "
            f"but loses its traffic only after {format_duration(stop)}."
        )


def outside_usual_bounds(facts: Facts) -> Iterator[Hit]:
    """Numbers beyond what is usually recommended, and beyond what we would write."""
    said = [
        f"{name_of(probe)}: {', '.join(odd)}"
        for probe in facts.probes
        if probe.existing and is_authors(probe) and (odd := list(_odd(probe)))
    ]
    if said:
        yield Hit(f"Unusual numbers: {'; '.join(said)}.")


def _odd(probe: ProbePlan) -> Iterator[str]:
    numbers = numbers_of(probe.existing or {})
    ours = numbers_of(probe.wanted or {"timeoutSeconds": USUAL_TIMEOUT})
    if numbers.timeout > max(USUAL_TIMEOUT, ours.timeout):
        yield f"timeoutSeconds {numbers.timeout} (usually at most {USUAL_TIMEOUT})"
    if name_of(probe) == "startup":
        return
    low, high = USUAL_PERIOD
    if not min(low, ours.period) <= numbers.period <= max(high, ours.period):
        yield f"periodSeconds {numbers.period} (usually {low} to {high})"
    few, many = USUAL_FAILURES
    if not min(few, ours.failures) <= numbers.failures <= max(many, ours.failures):
        yield f"failureThreshold {numbers.failures} (usually {few} to {many})"


_VLLM = """\
image: vllm/vllm-openai:v0.8.5
args: [--model, Qwen/Qwen2.5-7B-Instruct]
ports: [{containerPort: 8000}]
"""

RULES = (
    Rule(
        id="TimeoutTooShort",
        severity="warning",
        what="A probe gives a busy server one second to answer.",
        why="One second is also what Kubernetes takes where timeoutSeconds is absent. Servers that "
        "compute answer their health path late under load (vLLM's was seen to take 30 s), so the "
        "pods that do most of the work are taken out of traffic or restarted.",
        remedy="Set timeoutSeconds to 5 or more.",
        example=_VLLM
        + """\
livenessProbe:
  httpGet: {path: /health, port: 8000}
""",
        find=timeout_of_one_second,
    ),
    Rule(
        id="SingleFailureCounts",
        severity="warning",
        other_severities=("error",),
        what="A probe has failureThreshold: 1.",
        why="One answer that is late, or one packet that is lost, is enough to restart the pod or "
        "to take its traffic away. In a liveness probe that kills pods which work, so it is an "
        "error there.",
        remedy="Set failureThreshold to 3 or more.",
        example=_VLLM
        + """\
livenessProbe:
  httpGet: {path: /health, port: 8000}
  timeoutSeconds: 5
  failureThreshold: 1
""",
        find=single_failure,
    ),
    Rule(
        id="RestartBeforeTrafficStops",
        severity="warning",
        what="A pod that stops answering is restarted before its traffic stops.",
        why="Requests go to the pod until the moment it is killed. Readiness has to fail first, so "
        "that clients are moved away.",
        remedy="Lower failureThreshold or periodSeconds of the readiness probe, or raise them in "
        "the liveness probe.",
        example=_VLLM
        + """\
livenessProbe:
  httpGet: {path: /health, port: 8000}
  periodSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /health, port: 8000}
  periodSeconds: 5
  failureThreshold: 5
""",
        find=restart_before_traffic_stops,
    ),
    Rule(
        id="OutsideUsualBounds",
        severity="info",
        what="A number lies outside what is usually recommended.",
        why="Timeouts of at most 5 s, an interval of 10 to 30 s and 3 to 5 tries fit most servers. "
        "Shorter ones load the server and fail early, longer ones notice late. There are good "
        "reasons for others; this is advice.",
        remedy="Keep them if you chose them for a reason; else take those that `ihp render` "
        "writes.",
        example=_VLLM
        + """\
livenessProbe:
  httpGet: {path: /health, port: 8000}
  periodSeconds: 2
""",
        find=outside_usual_bounds,
    ),
)
