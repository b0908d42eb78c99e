"""Probes as the kubelet understands them: their numbers, its arithmetic, when two are the same.

Everything that says something about time takes it from here. Source of the arithmetic: the
kubelet's prober (pkg/kubelet/prober, worker.go): one loop per probe, ticking every
`periodSeconds`; a probe that outlasts its period delays the next one to its own end;
`initialDelaySeconds` is counted from the start of the container.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Handler = dict[str, Any]
"""A probe's handler: {"httpGet": {...}}, {"tcpSocket": …}, {"exec": …} or {"grpc": …}."""

HANDLER_KINDS = ("exec", "grpc", "httpGet", "tcpSocket")
"""The kinds of handler; a probe has exactly one."""

DEFAULT_PERIOD = 10
DEFAULT_TIMEOUT = 1
DEFAULT_FAILURES = 3
"""What the API server fills in where a probe says nothing."""
DEFAULT_GRACE = 30
"""Seconds between SIGTERM and SIGKILL where a pod says nothing."""
LONG_GRACE = 60
"""Pods that ask for more do so to finish requests, which a hung process never does."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Kubelet numbers of one probe, in seconds and counts."""

    initial_delay: int
    period: int
    timeout: int
    failures: int


def numbers_of(probe: Mapping[str, Any]) -> Numbers:
    """The numbers of a probe as the API server would read it, defaults filled in."""
    return Numbers(
        initial_delay=probe.get("initialDelaySeconds") or 0,
        period=probe.get("periodSeconds") or DEFAULT_PERIOD,
        timeout=probe.get("timeoutSeconds") or DEFAULT_TIMEOUT,
        failures=probe.get("failureThreshold") or DEFAULT_FAILURES,
    )


def probe(handler: Handler, numbers: Numbers) -> dict[str, Any]:
    """A probe as it stands in a pod template; a delay of 0 is left out."""
    delay = {"initialDelaySeconds": numbers.initial_delay} if numbers.initial_delay else {}
    return {
        **handler,
        **delay,
        "periodSeconds": numbers.period,
        "timeoutSeconds": numbers.timeout,
        "failureThreshold": numbers.failures,
    }


def worst_detection(numbers: Numbers) -> float:
    """Longest time in seconds from a failure until the kubelet acts on it.

    The server fails right after a good probe; the next one comes a period later; every probe
    hangs for its whole timeout, and one that hangs longer than a period holds up its successor.
    Not included: the way from the kubelet to the endpoints, usually under a second.
    """
    between = max(numbers.period, numbers.timeout)
    return numbers.period + (numbers.failures - 1) * between + numbers.timeout


def startup_allowance(numbers: Numbers) -> float:
    """Time in seconds that a starting container has for certain, before the kubelet kills it.

    The first probe may come at once after the delay and fail at once (refused), so n failures
    span only n - 1 periods: the often quoted failureThreshold × periodSeconds is one too many.
    A delay may end up to a second early, because the kubelet cuts the container's start off to
    the second (status_manager.go, normalizeStatus).
    """
    return certain_delay(numbers.initial_delay) + (numbers.failures - 1) * numbers.period


def certain_delay(initial_delay: int) -> int:
    """Seconds of an initialDelaySeconds that pass for certain."""
    return max(0, initial_delay - 1)


def worst_startup(numbers: Numbers) -> float:
    """Longest time in seconds that a container which never starts can live."""
    return numbers.initial_delay + worst_detection(numbers)


def hung_grace(pod_grace: int) -> int | None:
    """Seconds that a container which failed its liveness probe should have to end.

    None where the pod's own terminationGracePeriodSeconds will do. A probe's own wins over the
    pod's, also a longer one (kuberuntime_container.go, setTerminationGracePeriod).
    """
    return DEFAULT_GRACE if pod_grace > LONG_GRACE else None


def handler_kind(probe: Mapping[str, Any]) -> str:
    """Which kind of handler a probe has; empty where it has none that we know."""
    return next((kind for kind in HANDLER_KINDS if probe.get(kind) is not None), "")


def same_probe(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    """Whether both are the same probe once the API server has filled in its defaults."""
    if not one or not other:
        return not one and not other
    return _normal(one) == _normal(other)


def _normal(probe: Mapping[str, Any]) -> dict[str, Any]:
    numbers = numbers_of(probe)
    kind = handler_kind(probe)
    handler = {k: v for k, v in (probe.get(kind) or {}).items() if v not in (None, "", [])}
    if kind == "httpGet":
        handler = {"scheme": "HTTP", "path": "/"} | handler
    return {
        "kind": kind,
        "handler": handler,
        "numbers": numbers,
        "successes": probe.get("successThreshold") or 1,
        "grace": probe.get("terminationGracePeriodSeconds"),
    }
