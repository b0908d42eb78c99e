"""Findings about what a probe asks: handlers that the API server refuses, ports, programs."""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from inferencehealth.findings.rule import Facts, Hit, Rule, authors, path_of
from inferencehealth.kubelet import HANDLER_KINDS, handler_kind
from inferencehealth.profiles.commands import commands_of
from inferencehealth.profiles.recognition import argv, image
from inferencehealth.workloads import ContainerPort

_HTTP_TOOLS: Final = frozenset({"curl", "wget", "nc", "netcat"})
TOOLS: Final = _HTTP_TOOLS | {"grpc_health_probe", "grpcurl", "jq"}
"""Programs of exec probes that not every image has."""

LACKS: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    ("ollama/ollama", _HTTP_TOOLS),
    ("tensorflow/serving", _HTTP_TOOLS),
    ("kserve/*server", _HTTP_TOOLS),
    ("seldonio/mlserver", _HTTP_TOOLS - {"curl"}),
)
"""What published images lack, by their Dockerfiles: ollama/ollama (ubuntu with ca-certificates;
issue 9781 there), tensorflow/serving (the same), KServe's Python servers (python slim), MLServer
(ubi-minimal, which has curl)."""

_BARE: Final = ("*distroless*", "*scratch*")
_SLIM_TAGS: Final = ("*-slim", "*-slim-*", "slim")


def two_handlers(facts: Facts) -> Iterator[Hit]:
    """More than one kind of question in one probe, or none."""
    for name, probe in authors(facts):
        kinds = [kind for kind in HANDLER_KINDS if probe.get(kind) is not None]
        if len(kinds) > 1:
            yield Hit(
                f"The {name} probe has {' and '.join(kinds)}; a probe has one of them, and the API "
                "server refuses the workload."
            )


def no_handler(facts: Facts) -> Iterator[Hit]:
    """A probe that asks nothing."""
    for name, probe in authors(facts):
        if not any(probe.get(kind) is not None for kind in HANDLER_KINDS):
            kinds = ", ".join(HANDLER_KINDS)
            yield Hit(f"The {name} probe has none of {kinds}; the API server refuses the workload.")


def grace_on_readiness(facts: Facts) -> Iterator[Hit]:
    """A grace period on a probe that never ends a pod."""
    for name, probe in authors(facts):
        if name == "readiness" and probe.get("terminationGracePeriodSeconds") is not None:
            yield Hit(
                "The readiness probe has terminationGracePeriodSeconds, which only startup and "
                "liveness probes may have; the API server refuses the workload."
            )


def success_threshold(facts: Facts) -> Iterator[Hit]:
    """More than one success asked of a probe that may not ask for it."""
    for name, probe in authors(facts):
        asked = probe.get("successThreshold") or 1
        if name != "readiness" and asked != 1:
            yield Hit(
                f"The {name} probe has successThreshold {asked}; only readiness may have another "
                "than 1, and the API server refuses the workload."
            )


def port_name(facts: Facts) -> Iterator[Hit]:
    """A port by a name that no port of the container has."""
    names = {port.name for port in facts.container.ports if port.name}
    for name, probe in authors(facts):
        port = _port(probe)
        if isinstance(port, str) and not port.isdecimal() and port not in names:
            known = ", ".join(sorted(names)) or "none by name"
            effect = "it never fails" if name == "liveness" else "it never succeeds"
            yield Hit(
                f'The {name} probe asks the port named "{port}", but {facts.container.name} '
                f"declares {known}: the kubelet can't ask, and {effect}.",
                f"Correct the name, or give the number {facts.port}.",
            )


def port_not_served(facts: Facts) -> Iterator[Hit]:
    """A port on which nothing in the pod listens, as far as its manifest tells.

    It is sure where the server was told its own port by argument or environment.
    """
    told = _mentioned(facts.port, facts)
    for name, probe in authors(facts):
        number = _number(probe)
        if number is None or number == facts.port or _mentioned(number, facts):
            continue
        declared = any(port.number == number for port in _declared(facts))
        if declared and not (told and _is_servers_own(probe, number, facts)):
            continue
        yield Hit(
            f"The {name} probe asks port {number}, which "
            + ("only the container's ports name" if declared else "nothing in the pod names")
            + f"; {facts.server} listens on {facts.port}.",
            f"Let the probe ask port {facts.port}, or declare the port if the server has it.",
            "error" if told else None,
        )


def tool_missing(facts: Facts) -> Iterator[Hit]:
    """A command that the image lacks, or may lack."""
    for name, probe in authors(facts):
        for tool in sorted(_tools(probe, facts.container.env)):
            sure = _lacks(facts.container.image, tool)
            if sure is None:
                continue
            lacks = "has no" if sure else "may have no"
            yield Hit(
                f"The {name} probe runs {tool}, which the image {facts.container.image} "
                f"{lacks}: the kubelet can't run it, so liveness never fails and startup and "
                "readiness never succeed.",
                severity=None if sure else "info",
            )


def _port(probe: Mapping[str, Any]) -> int | str | None:
    """The port that a probe asks in the pod; None for a command, or for another host."""
    asked = probe.get(handler_kind(probe)) or {}
    port = asked.get("port")
    return None if asked.get("host") or not isinstance(port, int | str) else port


def _number(probe: Mapping[str, Any]) -> int | None:
    port = _port(probe)
    if isinstance(port, str):
        return int(port) if port.isdecimal() else None
    return port


def _is_servers_own(probe: Mapping[str, Any], number: int, facts: Facts) -> bool:
    """Whether it asks one of the server's health paths on a port of the server's container."""
    own = {path_of(each) for each in (facts.handlers.liveness, facts.handlers.readiness)}
    others = (c for c in facts.workload.containers if c.name != facts.container.name)
    elsewhere = any(port.number == number for c in others for port in c.ports)
    return path_of(probe) in own - {""} and not elsewhere


def _declared(facts: Facts) -> Iterator[ContainerPort]:
    """Ports of all containers: they share one network."""
    for container in facts.workload.containers:
        yield from container.ports


def _mentioned(port: int, facts: Facts) -> bool:
    """Whether any container is told that number, by argument or environment."""
    number = re.compile(rf"(?<!\d){port}(?!\d)")
    words = (
        word
        for container in facts.workload.containers
        for word in (*argv(container), *container.env.values())
    )
    return any(number.search(word) for word in words)


def _tools(probe: Mapping[str, Any], env: Mapping[str, str]) -> frozenset[str]:
    command = tuple(str(word) for word in (probe.get("exec") or {}).get("command") or ())
    used = {one.words[0].rpartition("/")[2] for one in commands_of(command, env) if one.words}
    return frozenset(used) & TOOLS


def _lacks(reference: str, tool: str) -> bool | None:
    """True: it lacks the tool. False: it may. None: nothing speaks against it."""
    parts = image(reference)
    by_name = next((tools for pattern, tools in LACKS if parts.ends_with(pattern)), None)
    if by_name is not None and tool in by_name:
        return True
    if any(fnmatchcase(reference, pattern) for pattern in _BARE):
        return True
    slim = any(fnmatchcase(parts.tag, pattern) for pattern in _SLIM_TAGS)
    return False if slim or tool == "grpc_health_probe" else None


_TRITON = """\
image: nvcr.io/nvidia/tritonserver:24.10-py3
args: [tritonserver, --model-repository=/models]
ports: [{containerPort: 8000, name: http}]
"""

RULES = (
    Rule(
        id="TwoHandlers",
        severity="error",
        what="A probe has two handlers.",
        why="A probe has exactly one of exec, grpc, httpGet and tcpSocket. Two come about when a "
        "chart's values are merged with its defaults, or when two tools write the same probe.",
        remedy="Remove one of them; in values of a chart set it to null.",
        example=_TRITON
        + """\
livenessProbe:
  httpGet: {path: /v2/health/live, port: 8000}
  exec: {command: [cat, /run/healthy]}
""",
        find=two_handlers,
    ),
    Rule(
        id="NoHandler",
        severity="error",
        what="A probe has no handler.",
        why="The API server refuses a probe that does not say what to ask. Often a value of a "
        "chart was spelled wrongly.",
        remedy="Give it httpGet, grpc, tcpSocket or exec, or remove the probe.",
        example=_TRITON
        + """\
livenessProbe:
  periodSeconds: 10
""",
        find=no_handler,
    ),
    Rule(
        id="InvalidProbe",
        severity="error",
        what="A field of a probe has a value that the API server refuses.",
        why="A number in quotes, a negative number or a list where a mapping belongs makes the API "
        "server refuse the whole workload.",
        remedy="Correct the field.",
        example=_TRITON
        + """\
livenessProbe:
  httpGet: {path: /v2/health/live, port: 8000}
  periodSeconds: "10"
""",
    ),
    Rule(
        id="GracePeriodOnReadiness",
        severity="error",
        what="A readiness probe has terminationGracePeriodSeconds.",
        why="Only startup and liveness probes end a pod, so the API server refuses it.",
        remedy="Remove terminationGracePeriodSeconds from the readiness probe.",
        example=_TRITON
        + """\
readinessProbe:
  httpGet: {path: /v2/health/ready, port: 8000}
  terminationGracePeriodSeconds: 30
""",
        find=grace_on_readiness,
    ),
    Rule(
        id="SuccessThresholdNotAllowed",
        severity="error",
        what="A startup or liveness probe has a successThreshold other than 1.",
        why="Only readiness may ask for several successes in a row; the API server refuses it.",
        remedy="Remove successThreshold.",
        example=_TRITON
        + """\
livenessProbe:
  httpGet: {path: /v2/health/live, port: 8000}
  successThreshold: 2
""",
        find=success_threshold,
    ),
    Rule(
        id="ProbePortUnknown",
        severity="error",
        what="A probe names a port that the container does not declare.",
        why="The API server accepts it, but the kubelet can't find the port. It drops the error of "
        "a liveness probe, which then never fails; readiness and startup never succeed.",
        remedy="Correct the name, or give the number.",
        example=_TRITON
        + """\
readinessProbe:
  httpGet: {path: /v2/health/ready, port: htpp}
""",
        find=port_name,
    ),
    Rule(
        id="ProbePortNotServed",
        severity="warning",
        other_severities=("error",),
        what="A probe asks a port that nobody declares or listens on.",
        why="The connection is refused, so the pod is never ready, or is restarted for ever. Often "
        "the server's --port was changed and the probe was not. It is an error where the server "
        "was told its port.",
        remedy="Let the probe ask the port on which the server listens.",
        example=_TRITON
        + """\
readinessProbe:
  httpGet: {path: /v2/health/ready, port: 8080}
""",
        find=port_not_served,
    ),
    Rule(
        id="ExecToolMissing",
        severity="warning",
        other_severities=("info",),
        what="An exec probe runs a program that the image lacks.",
        why="Images of servers are often made without curl, wget or grpc_health_probe. The kubelet "
        "then can't run the probe: liveness never fails, startup and readiness never succeed. It "
        "is advice where we only suppose so from the image's name.",
        remedy="Use httpGet, grpc or tcpSocket, which the kubelet asks itself.",
        example="""\
image: ollama/ollama:0.6.2
ports: [{containerPort: 11434}]
livenessProbe:
  exec: {command: [curl, -f, "http://localhost:11434/"]}
  timeoutSeconds: 5
""",
        find=tool_missing,
    ),
)
