"""Questions about the server's answers: reached, understood, in time, and what it says. Pure."""

from typing import Final

from inferencehealth.api.durations import format_duration
from inferencehealth.checker.once import Checked
from inferencehealth.checks.candidate import NO_ANSWER, NOT_CONNECTED, RESET
from inferencehealth.checks.steps import Item, Outcome, Sign
from inferencehealth.checks.verdicts import SERVING, Verdict
from inferencehealth.diagnosis.answered import Answered, Found
from inferencehealth.diagnosis.causes import Cause
from inferencehealth.diagnosis.facts import Facts, Listening

UNREACHED: Final = frozenset({NOT_CONNECTED, "Unreachable"})
"""Reasons of a check that did not come as far as the server."""
EXPLAINED: Final = {
    Sign.LOADING: Cause.LOADING,
    Sign.BUSY: Cause.BUSY,
    Sign.ASLEEP: Cause.ASLEEP,
}
"""What keeps a model or component from serving without being a failure."""
BAD_REQUEST: Final = 400
NOT_FOUND: Final = 404
NO_SUCH_PATH: Final = frozenset({"UnexpectedStatus", "PathNotFound"})
"""Reasons of a check to which the server knew none of its own paths, if all were 404."""


def reading(facts: Facts) -> Checked | None:
    """The check that came farthest: from here, else through the API server."""
    direct, proxied = facts.direct, facts.proxied
    if direct is None or (proxied is not None and direct.reason in UNREACHED):
        return proxied or direct
    return direct


def reached(facts: Facts) -> Answered:
    """Whether packets arrive: nothing is said yet about what listens there."""
    direct, proxied = facts.direct, facts.proxied
    if direct is None:
        return None
    if direct.reason not in UNREACHED:
        return "a connection came about" if direct.reason != "ConnectionRefused" else "it responds"
    carried = proxied is not None and proxied.reason not in UNREACHED
    kept_out = facts.policies or (facts.told is not None and facts.told.reason in UNREACHED)
    if carried and not facts.inside and not kept_out:
        return "through the API server; pods are not reached from here, outside the cluster"
    ready = facts.pod is not None and facts.pod.record.ready
    if facts.pod is not None and (carried or ready):
        who = "the API server reaches it" if carried else "the kubelet calls it ready"
        told = f"no connection from here, but {who}"
        named = tuple(f"NetworkPolicy {name} restricts who may reach it" for name in facts.policies)
        return Found(Cause.NETWORK_POLICY, Verdict.UNKNOWN, told, named)
    return Found(Cause.NETWORK, Verdict.UNKNOWN, "no connection comes about")


def listens(facts: Facts) -> Answered:
    """Whether something listens on the port."""
    check = reading(facts)
    if check is None:
        return None
    if check.reason != "ConnectionRefused":
        return f"port {facts.port} accepts connections"
    others = [port for port in facts.ports if port.listening is Listening.YES]
    refused = f"nothing listens on port {facts.port}"
    if _still_loads(facts):
        return Found(Cause.LOADING, Verdict.LOADING, f"{refused} yet, {_age(facts)}")
    if others:
        names = ", ".join(
            f"{port.number} ({port.known_by})" if port.known_by else str(port.number)
            for port in others
        )
        return Found(Cause.WRONG_PORT, Verdict.BROKEN, f"{refused}, but {names} listens")
    return Found(Cause.NOT_LISTENING, Verdict.BROKEN, refused)


def speaks(facts: Facts) -> Answered:
    """Whether it speaks what it is asked in: plain HTTP or TLS."""
    check = reading(facts)
    if check is None:
        return None
    other = "plain HTTP" if facts.https else "TLS"
    if facts.swapped is not None and _understood(facts.swapped):
        why = f"it speaks {other} on port {facts.port}"
        return Found(Cause.TLS if facts.https else Cause.NOT_HTTP, Verdict.UNKNOWN, why)
    if check.reason == "TlsFailed":
        return Found(Cause.TLS, Verdict.UNKNOWN, check.message)
    if check.reason == "NotHttp":
        return Found(Cause.NOT_HTTP, Verdict.BROKEN, f"port {facts.port} speaks no HTTP/1.1")
    if check.reason == RESET:
        return Found(Cause.RESET, Verdict.BROKEN, "it closes connections without an answer")
    if check.reason == "NotTritonHttp":
        return Found(Cause.WRONG_PORT, Verdict.BROKEN, check.message)
    if check.reason in NO_SUCH_PATH and _statuses(check) == {NOT_FOUND}:
        profile = facts.profile
        why = f"port {facts.port} answers, but knows no path of a server of profile {profile}"
        return Found(Cause.WRONG_PORT, check.verdict, why)
    return "TLS and HTTP" if facts.https else "HTTP or gRPC, as its profile asks"


def in_time(facts: Facts) -> Answered:
    """Whether it answers in time, or at all."""
    check = reading(facts)
    if check is None:
        return None
    limit = format_duration(facts.timeout)
    if check.reason != NO_ANSWER:
        return f"in {check.seconds * 1000:.0f} ms, of {limit}"
    patient = facts.patient
    if patient is not None and patient.reason != NO_ANSWER:
        took = format_duration(round(patient.seconds, 1))
        return Found(Cause.SLOW, Verdict.BUSY, f"it answers after {took}; the limit is {limit}")
    if _still_loads(facts):
        return Found(Cause.LOADING, Verdict.LOADING, f"no answer yet, {_age(facts)}")
    return Found(Cause.HUNG, Verdict.BROKEN, "it accepts connections and never answers")


def allowed(facts: Facts) -> Answered:
    """Whether it lets us ask."""
    check = reading(facts)
    if check is None:
        return None
    if check.reason == "AccessDenied":
        return Found(Cause.DENIED, Verdict.UNKNOWN, check.message)
    return "it lets us ask"


def components(facts: Facts) -> Answered:
    """Whether the components behind it work."""
    check = reading(facts)
    if check is None or not check.components:
        return None
    bad = _bad(check.components)
    if not bad:
        return f"all up: {', '.join(item.name for item in check.components)}"
    if check.verdict in SERVING or not any(item.required for item in bad):
        return f"all that is required; down, but optional: {', '.join(i.name for i in bad)}"
    named = _worst(bad)
    told = _named("component", named)
    cause = EXPLAINED.get(named.sign, Cause.COMPONENT)
    return Found(cause, check.verdict, told, _listed("component", bad))


def models(facts: Facts) -> Answered:
    """Whether its models serve."""
    check = reading(facts)
    if check is None or not check.models:
        return None
    bad = _bad(check.models)
    if not bad:
        return f"all serve: {', '.join(item.name for item in check.models)}"
    if check.verdict in SERVING or not any(item.required for item in bad):
        return f"all that are required; not: {', '.join(item.name for item in bad)}"
    named = _worst(bad)
    told = _named("model", named)
    cause = EXPLAINED.get(named.sign, Cause.MODEL)
    return Found(cause, check.verdict, told, _listed("model", bad))


def server(facts: Facts) -> Answered:
    """Whether the server itself says that it serves."""
    check = reading(facts)
    if check is None:
        return None
    causes = {
        Verdict.BROKEN: Cause.SERVER,
        Verdict.LOADING: Cause.LOADING,
        Verdict.BUSY: Cause.BUSY,
        Verdict.ASLEEP: Cause.ASLEEP,
        Verdict.UNKNOWN: Cause.UNKNOWN,
    }
    cause = causes.get(check.verdict)
    if cause is not None:
        return Found(cause, check.verdict, check.message or check.reason)
    return check.verdict.value


def kubelet(facts: Facts) -> Answered:
    """Whether the kubelet agrees with the check."""
    check, pod = reading(facts), facts.pod
    if check is None or pod is None:
        return None
    container = pod.server
    if check.verdict in SERVING and not pod.record.ready:
        which = "the container" if container is None or not container.ready else "the pod"
        told = f"it serves, but the kubelet calls {which} not ready, so it gets no traffic"
        return Found(Cause.KUBELET, check.verdict, told)
    return "it calls the pod ready, too"


def operator(facts: Facts) -> Answered:
    """Whether the operator agrees with the check."""
    check, told = reading(facts), facts.told
    if check is None or told is None:
        return None
    if check.verdict in SERVING and told.verdict == Verdict.BROKEN.value:
        why = f"it answers well now, but the operator calls it Broken: {told.reason}"
        return Found(Cause.OPERATOR, Verdict.BROKEN, f"{why}: {told.message}".rstrip(": "))
    return f"it says {told.verdict}"


def _still_loads(facts: Facts) -> bool:
    pod = facts.pod
    if pod is None or pod.age is None:
        return False
    container = pod.server
    ready = container is not None and container.ready and container.restarts == 0
    return not ready and pod.age <= facts.startup_budget


def _age(facts: Facts) -> str:
    age = facts.pod.age if facts.pod and facts.pod.age is not None else 0.0
    budget = format_duration(facts.startup_budget)
    return f"{format_duration(round(age))} after its start; it may load for {budget}"


def _understood(check: Checked) -> bool:
    """Whether it answers in that protocol.

    Many servers answer plain HTTP on their TLS port, but only that the request is a bad one.
    """
    return bool(_statuses(check) - {BAD_REQUEST})


def _statuses(check: Checked) -> set[int]:
    return {step.status for step in check.steps if step.outcome is Outcome.ANSWERED}


def _bad(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Those that are known not to serve."""
    good = {Sign.SERVES, Sign.DEGRADED, Sign.UNKNOWN}
    return tuple(item for item in items if item.sign not in good)


def _worst(items: tuple[Item, ...]) -> Item:
    """The one to name: a required one that fails, before one that only loads."""
    order = (Sign.FAILS, Sign.SILENT, Sign.NOT_READY, Sign.LOADING)
    ranks = {sign: rank for rank, sign in enumerate(order)}
    return min(items, key=lambda item: (not item.required, ranks.get(item.sign, len(order))))


def _named(kind: str, item: Item) -> str:
    """What is wrong with it, by name."""
    if item.name in item.message:
        return item.message
    return f"{kind} {item.name} does not serve: {item.message or item.reason}"


def _listed(kind: str, items: tuple[Item, ...]) -> tuple[str, ...]:
    return tuple(
        f"{kind} {item.name}: {item.sign.value}{f', {item.reason}' if item.reason else ''}"
        for item in items
    )
