"""The decision procedure: from facts to a cause, question by question, as one would ask. Pure.

Each question looks at one thing. The first that finds a cause ends the procedure; those before it
are what was ruled out.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from inferencehealth.api.durations import format_duration
from inferencehealth.checker.once import Checked
from inferencehealth.checks.candidate import CRASH_LOOP, NO_ANSWER, NOT_CONNECTED, RESET
from inferencehealth.checks.steps import Item, Outcome, Sign
from inferencehealth.checks.verdicts import SERVING, Verdict
from inferencehealth.diagnosis.causes import ADVICE, Cause
from inferencehealth.diagnosis.facts import Facts, Listening, PodSeen
from inferencehealth.kube.pods import ContainerRecord
from inferencehealth.profiles.registry import profile_named

IMAGE_REASONS: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
)
UNREACHED: Final = frozenset({NOT_CONNECTED, "Unreachable"})
"""Reasons of a check that did not come as far as the server."""

EXPLAINED: Final = {
    Sign.LOADING: Cause.LOADING,
    Sign.BUSY: Cause.BUSY,
    Sign.ASLEEP: Cause.ASLEEP,
}
"""What keeps a model or component from serving without being a failure."""


class Mark(StrEnum):
    """How a question was answered."""

    GOOD = "good"
    BAD = "bad"
    SKIPPED = "not asked"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of the procedure and what the facts say to it."""

    question: str
    mark: Mark
    told: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A cause, with the evidence for it; `verdict` is what it makes of the server."""

    cause: Cause
    verdict: Verdict
    summary: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The result: the questions in order, the cause, and what to do about it."""

    target: str
    found: Found
    asked: tuple[Asked, ...]
    advice: tuple[str, ...]
    commands: tuple[str, ...]


Answered = Found | str | None
"""What a question gives: a cause, what speaks for all being well, or None: not to be asked here."""


def diagnose(facts: Facts) -> Diagnosis:
    """The diagnosis of the facts; never raises."""
    asked: list[Asked] = []
    found: Found | None = None
    for question, ask in QUESTIONS:
        answer = ask(facts) if found is None else None
        if isinstance(answer, Found):
            found = answer
            asked.append(Asked(question, Mark.BAD, answer.summary))
        elif answer is None:
            asked.append(Asked(question, Mark.SKIPPED))
        else:
            asked.append(Asked(question, Mark.GOOD, answer))
    found = found or _nothing(facts)
    found = replace(found, evidence=(*found.evidence, *_more(facts, found)))
    return Diagnosis(facts.target, found, tuple(asked), *_advice(facts, found.cause))


def reading(facts: Facts) -> Checked | None:
    """The check that came farthest: from here, else through the API server."""
    direct, proxied = facts.direct, facts.proxied
    if direct is None or (proxied is not None and direct.reason in UNREACHED):
        return proxied or direct
    return direct


def _name(facts: Facts) -> Answered:
    name = facts.name
    if name is None:
        return None
    if name.trouble:
        why = f"{name.host} has no address: {name.trouble}"
        return Found(Cause.DNS, Verdict.UNKNOWN, why)
    return f"{name.host} is {', '.join(name.addresses)}"


def _pods(facts: Facts) -> Answered:
    pods = facts.pods
    if pods is None:
        return None
    if not pods.total:
        why = "no replicas are wanted" if not pods.wanted else "no pod was made"
        told = f"{why}: {pods.trouble}" if pods.trouble else why
        return Found(Cause.NO_PODS, Verdict.UNKNOWN, told)
    return f"{pods.total} of {pods.wanted} pods, {pods.ready} of them ready"


def _scheduled(facts: Facts) -> Answered:
    pod = facts.pod
    if pod is None:
        return None
    record = pod.record
    if record.unschedulable and not record.node:
        why = f"no node takes the pod: {record.unschedulable}"
        return Found(Cause.UNSCHEDULABLE, Verdict.LOADING, why)
    return f"on node {record.node}" if record.node else "not yet placed"


def _image(facts: Facts) -> Answered:
    container = _container(facts.pod)
    if container is None or facts.pod is None:
        return None
    if container.waiting in IMAGE_REASONS:
        why = facts.pod.words or container.waiting
        told = f"the image {container.image} can't be pulled: {why}"
        return Found(Cause.IMAGE, Verdict.BROKEN, told)
    return container.image


def _runs(facts: Facts) -> Answered:
    pod, container = facts.pod, _container(facts.pod)
    if pod is None or container is None:
        return None
    ended = container.last_termination
    exit_code = f", exit code {container.last_exit}" if container.last_exit is not None else ""
    if container.waiting == CRASH_LOOP:
        told = f"it keeps crashing: last ended with {ended or 'an unknown reason'}{exit_code}"
        return Found(Cause.CRASH, Verdict.BROKEN, told, (f"{container.restarts} restarts",))
    if container.waiting.endswith("Error"):
        told = f"it can't be started: {pod.words or container.waiting}"
        return Found(Cause.CRASH, Verdict.BROKEN, told)
    if container.started_at is None:
        if ended:
            told = f"it is not running: ended with {ended}{exit_code}"
            return Found(Cause.CRASH, Verdict.BROKEN, told)
        told = f"it is being started{f': {container.waiting}' if container.waiting else ''}"
        return Found(Cause.STARTING, Verdict.LOADING, told)
    since = f"for {format_duration(round(pod.age))}" if pod.age is not None else ""
    before = f", {container.restarts} restarts (last: {ended})" if container.restarts else ""
    return f"{since}{before}".strip(", ") or "it runs"


def _known(facts: Facts) -> Answered:
    if facts.trouble:
        return Found(Cause.UNKNOWN, Verdict.UNKNOWN, facts.trouble)
    return f"profile {facts.profile}, port {facts.port}"


def _reached(facts: Facts) -> Answered:
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


def _listens(facts: Facts) -> Answered:
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


def _speaks(facts: Facts) -> Answered:
    check = reading(facts)
    if check is None:
        return None
    other = "plain HTTP" if facts.https else "TLS"
    answered = facts.swapped is not None and _answers(facts.swapped)
    if answered:
        why = f"it speaks {other} on port {facts.port}"
        return Found(Cause.TLS if facts.https else Cause.NOT_HTTP, Verdict.UNKNOWN, why)
    if check.reason == "TlsFailed":
        return Found(Cause.TLS, Verdict.UNKNOWN, check.message)
    if check.reason == "NotHttp":
        return Found(Cause.NOT_HTTP, Verdict.BROKEN, f"port {facts.port} speaks no HTTP/1.1")
    if check.reason == RESET:
        return Found(Cause.RESET, Verdict.BROKEN, "it closes connections without an answer")
    return "TLS and HTTP" if facts.https else "HTTP or gRPC, as its profile asks"


def _in_time(facts: Facts) -> Answered:
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


def _allowed(facts: Facts) -> Answered:
    check = reading(facts)
    if check is None:
        return None
    if check.reason == "AccessDenied":
        return Found(Cause.DENIED, Verdict.UNKNOWN, check.message)
    return "it lets us ask"


def _components(facts: Facts) -> Answered:
    check = reading(facts)
    if check is None or not check.components:
        return None
    bad = _bad(check.components)
    if not bad:
        return f"all up: {', '.join(item.name for item in check.components)}"
    if check.verdict in SERVING or not any(item.required for item in bad):
        return f"all that is required; down, but optional: {', '.join(i.name for i in bad)}"
    named = _worst(bad)
    told = f"component {named.name} does not work: {named.message or named.reason}"
    cause = EXPLAINED.get(named.sign, Cause.COMPONENT)
    return Found(cause, check.verdict, told, _listed("component", bad))


def _models(facts: Facts) -> Answered:
    check = reading(facts)
    if check is None or not check.models:
        return None
    bad = _bad(check.models)
    if not bad:
        return f"all serve: {', '.join(item.name for item in check.models)}"
    if check.verdict in SERVING or not any(item.required for item in bad):
        return f"all that are required; not: {', '.join(item.name for item in bad)}"
    named = _worst(bad)
    told = f"model {named.name} does not serve: {named.message or named.reason}"
    cause = EXPLAINED.get(named.sign, Cause.MODEL)
    return Found(cause, check.verdict, told, _listed("model", bad))


def _server(facts: Facts) -> Answered:
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


def _kubelet(facts: Facts) -> Answered:
    check, pod = reading(facts), facts.pod
    if check is None or pod is None:
        return None
    container = _container(pod)
    if check.verdict in SERVING and not pod.record.ready:
        which = "the container" if container is None or not container.ready else "the pod"
        told = f"it serves, but the kubelet calls {which} not ready, so it gets no traffic"
        return Found(Cause.KUBELET, check.verdict, told)
    return "it calls the pod ready, too"


def _operator(facts: Facts) -> Answered:
    check, told = reading(facts), facts.told
    if check is None or told is None:
        return None
    if check.verdict in SERVING and told.verdict == Verdict.BROKEN.value:
        why = f"it answers well now, but the operator calls it Broken: {told.reason}"
        return Found(Cause.OPERATOR, Verdict.BROKEN, f"{why}: {told.message}".rstrip(": "))
    return f"it says {told.verdict}"


QUESTIONS: Final[tuple[tuple[str, Callable[[Facts], Answered]], ...]] = (
    ("does its name resolve", _name),
    ("are there pods", _pods),
    ("is the pod on a node", _scheduled),
    ("is its image there", _image),
    ("does its container run", _runs),
    ("is the server known", _known),
    ("is it reached", _reached),
    ("does something listen", _listens),
    ("does it speak what it is asked in", _speaks),
    ("does it answer in time", _in_time),
    ("may we ask", _allowed),
    ("do its components work", _components),
    ("do its models serve", _models),
    ("does the server say it serves", _server),
    ("does the kubelet agree", _kubelet),
    ("does the operator agree", _operator),
)
"""In the order in which one thing needs the one before it."""


def _nothing(facts: Facts) -> Found:
    check = reading(facts)
    if check is None:
        return Found(Cause.UNKNOWN, Verdict.UNKNOWN, "there was nothing to ask")
    engine = profile_named(facts.profile).dead_engine
    return Found(
        Cause.NOTHING,
        check.verdict,
        "nothing wrong was found; the engine was not asked to infer anything",
        (f"what this look can't see: {engine}",) if engine else (),
    )


def _more(facts: Facts, found: Found) -> tuple[str, ...]:
    """Evidence that goes with any cause."""
    said = []
    pod = facts.pod
    if pod and pod.record.ready and found.verdict is Verdict.BROKEN:
        said.append("the kubelet calls the pod ready: traffic still goes there")
    if facts.told:
        said += [f"{name}: {message}" for name, message, _ in facts.told.findings]
        if found.cause is not Cause.OPERATOR:
            said.append(f"the operator says {facts.told.verdict}: {facts.told.reason}")
    return tuple(said)


def _advice(facts: Facts, cause: Cause) -> tuple[tuple[str, ...], tuple[str, ...]]:
    advice = ADVICE[cause]
    pod = facts.pod
    values = {
        "pod": pod.name if pod else "",
        "container": pod.container if pod else "",
        "n": facts.namespace,
        "workload": facts.workload,
    }
    commands = tuple(
        command.format_map(values) for command in advice.commands if _fits(command, values)
    )
    remedies = tuple(remedy for _, _, remedy in (facts.told.findings if facts.told else ()))
    return (advice.do, *remedies), commands


def _fits(command: str, values: dict[str, str]) -> bool:
    """Whether all that the command names is known."""
    return all(value for name, value in values.items() if f"{{{name}}}" in command)


def _container(pod: PodSeen | None) -> ContainerRecord | None:
    return pod.record.container(pod.container) if pod else None


def _still_loads(facts: Facts) -> bool:
    pod = facts.pod
    if pod is None or pod.age is None:
        return False
    container = _container(pod)
    ready = container is not None and container.ready and container.restarts == 0
    return not ready and pod.age <= facts.startup_budget


def _age(facts: Facts) -> str:
    age = facts.pod.age if facts.pod and facts.pod.age is not None else 0.0
    budget = format_duration(facts.startup_budget)
    return f"{format_duration(round(age))} after its start; it may load for {budget}"


def _answers(check: Checked) -> bool:
    return any(step.outcome is Outcome.ANSWERED for step in check.steps)


def _bad(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Those that are known not to serve."""
    good = {Sign.SERVES, Sign.DEGRADED, Sign.UNKNOWN}
    return tuple(item for item in items if item.sign not in good)


def _worst(items: tuple[Item, ...]) -> Item:
    """The one to name: a required one that fails, before one that only loads."""
    order = (Sign.FAILS, Sign.SILENT, Sign.NOT_READY, Sign.LOADING)
    ranks = {sign: rank for rank, sign in enumerate(order)}
    return min(items, key=lambda item: (not item.required, ranks.get(item.sign, len(order))))


def _listed(kind: str, items: tuple[Item, ...]) -> tuple[str, ...]:
    return tuple(
        f"{kind} {item.name}: {item.sign.value}{f', {item.reason}' if item.reason else ''}"
        for item in items
    )
