"""Findings about liveness probes that restart what works, or never see what does not."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from inferencehealth.findings.rule import (
    Facts,
    Hit,
    Rule,
    effective,
    is_authors,
    path_of,
    prospective,
    same_handler,
)
from inferencehealth.kubelet import handler_kind
from inferencehealth.profiles.commands import Command, commands_of

READY_ENDINGS: Final = ("/ready", "/readyz", "/readiness")
"""How paths end that every server we know keeps for "may have traffic"."""
LOOPBACK: Final = frozenset({"", "localhost", "127.0.0.1", "::1", "[::1]", "0.0.0.0"})  # noqa: S104
OTHER_SERVICES: Final = frozenset(
    {
        *(
            "redis-cli",
            "pg_isready",
            "psql",
            "mysqladmin",
            "mysql",
            "mongo",
            "mongosh",
            "rabbitmqctl",
        ),
        *("kafka-topics.sh", "etcdctl", "kubectl", "nslookup", "dig", "ping"),
    }
)
"""Programs that ask something other than the container's own server."""


DEPENDENCY_PATHS: Final = frozenset(
    {
        *("asr", "database", "db", "dependencies", "elasticsearch", "kafka", "license", "mongo"),
        *("mongodb", "mysql", "postgres", "postgresql", "rabbitmq", "redis", "s3"),
    }
)
"""Last parts of paths by which servers tell about something else (the ASR's /health/redis)."""


def same_as_readiness(facts: Facts) -> Iterator[Hit]:
    """Liveness that fails whenever readiness does, on a server where that is no reason to die."""
    live = effective(facts.liveness)
    if not is_authors(facts.liveness) or not same_handler(live, effective(facts.readiness)):
        return
    if _harmless(live, facts) or handler_kind(live or {}) == "tcpSocket":
        return
    kills = asks_readiness(live, facts)
    restarted = "that only can't serve yet or for now is restarted"
    yield Hit(
        "The author's liveness probe asks the same as the readiness probe, so a pod "
        f"{restarted}, and {facts.server} loads again.",
        f"Let liveness ask {_instead(facts)}, which only a dead or hung process fails, or set "
        "spec.probes.existing: Replace.",
        severity="error" if kills else "warning",
    )


def ready_in_liveness(facts: Facts) -> Iterator[Hit]:
    """Liveness that asks the path which says whether the pod may have traffic."""
    live = effective(facts.liveness)
    if not is_authors(facts.liveness) or not asks_readiness(live, facts):
        return
    told = {path for path, _ in facts.profile.liveness_traps}
    if same_handler(live, effective(facts.readiness)) or path_of(live) in told:
        return
    yield Hit(
        f"The liveness probe asks {path_of(live)}, which also fails while a model loads or can't "
        "be served: a restart mends none of it.",
        f"Let liveness ask {_instead(facts)}.",
    )


def asks_readiness(live: Mapping[str, Any] | None, facts: Facts) -> bool:
    """Whether that probe asks what the server keeps for readiness, and not for liveness."""
    path = path_of(live)
    if not path or _harmless(live, facts):
        return False
    trap = next((one for at, one in facts.profile.liveness_traps if at == path), None)
    ready = same_handler(live, facts.handlers.readiness) or path.endswith(READY_ENDINGS)
    return ready and (trap is None or trap.id == "ReadyInLiveness")


def dependency_in_liveness(facts: Facts) -> Iterator[Hit]:
    """Liveness that fails with something that a restart of this pod can't mend."""
    live = effective(facts.liveness)
    if live is None or not is_authors(facts.liveness):
        return
    host = str((live.get("httpGet") or live.get("tcpSocket") or {}).get("host") or "")
    if host not in LOOPBACK:
        yield Hit(
            f"The liveness probe asks {host} and not the pod: when that is down, every pod of "
            f"{facts.workload.ref} is restarted, and no restart mends it.",
            severity="error",
        )
    path = path_of(live)
    if path.rpartition("/")[2].lower() in DEPENDENCY_PATHS:
        yield Hit(
            f"The liveness probe asks {path}, which is about something that the server depends on: "
            "when that is down, every pod is restarted, and no restart mends it.",
            severity="error",
        )
    for asked in _other_services(live, facts):
        yield Hit(
            f"The liveness probe runs {asked}: when that service is down, every pod of "
            f"{facts.workload.ref} is restarted, and no restart mends it.",
        )


def cannot_see_hang(facts: Facts) -> Iterator[Hit]:
    """Liveness that a hung process passes."""
    if handler_kind(prospective(facts.liveness) or {}) == "tcpSocket":
        which = "The" if effective(facts.liveness) else f"{facts.server}'s recommended"
        yield Hit(
            f"{which} liveness probe only opens a TCP connection, which the system accepts for a "
            "hung process as well: a hang is never noticed."
        )


def no_liveness(facts: Facts) -> Iterator[Hit]:
    """No liveness at all beside other probes."""
    none = effective(facts.liveness) is None
    if none and (effective(facts.readiness) or effective(facts.startup)):
        yield Hit(
            f"{facts.container.name} has no liveness probe: a server that hangs is taken out of "
            "traffic and stays so until somebody restarts it."
        )


def _harmless(live: Mapping[str, Any] | None, facts: Facts) -> bool:
    """Whether the server's own documentation or we would ask the same in liveness."""
    fine = (facts.wanted_liveness, facts.handlers.liveness, facts.handlers.process)
    return any(same_handler(live, one) for one in fine)


def _instead(facts: Facts) -> str:
    wanted = facts.wanted_liveness
    return path_of(wanted) or f"by {handler_kind(wanted)}, as `ihp render` writes it"


def _other_services(live: Mapping[str, Any], facts: Facts) -> Iterator[str]:
    command = (live.get("exec") or {}).get("command") or ()
    for one in commands_of(tuple(map(str, command)), facts.container.env):
        program = one.words[0].rpartition("/")[2] if one.words else ""
        if program in OTHER_SERVICES:
            yield program
        elif program in {"curl", "wget", "nc"} and (host := _asked_host(one)):
            yield f"{program} against {host}"


def _asked_host(command: Command) -> str:
    """The host that a URL among the words names, if it is another than the pod itself."""
    for word in command.words[1:]:
        scheme, found, rest = word.partition("://")
        if found and scheme in {"http", "https"}:
            host = rest.partition("/")[0].rpartition("@")[2]
            name = host if host.startswith("[") else host.partition(":")[0]
            return "" if name in LOOPBACK or "$" in name else name
    return ""


RULES = (
    Rule(
        id="LivenessSameAsReadiness",
        severity="error",
        other_severities=("warning",),
        what="Liveness and readiness ask the same, on a server where that restarts pods which "
        "only can't serve for now.",
        why="Readiness fails while a model loads, is unloaded or waits for something else, and "
        "taking the pod out of traffic is the right answer. Liveness that asks the same kills the "
        "pod as well, and loading begins anew. It is a warning where we do not know the path.",
        remedy="Let liveness ask what only a dead or hung process fails: the message names it.",
        example="""\
image: nvcr.io/nvidia/tritonserver:24.10-py3
args: [tritonserver, --model-repository=/models]
ports: [{containerPort: 8000}]
livenessProbe:
  httpGet: {path: /v2/health/ready, port: 8000}
readinessProbe:
  httpGet: {path: /v2/health/ready, port: 8000}
""",
        find=same_as_readiness,
    ),
    Rule(
        id="ReadyInLiveness",
        severity="error",
        what="The liveness probe asks the path that says whether the pod may have traffic.",
        why="Such a path fails while a model loads, is unloaded or can't be served. A restart "
        "mends none of it and takes the models that do serve with it.",
        remedy="Let liveness ask the server's live path.",
        example="""\
image: nvcr.io/nvidia/tritonserver:24.10-py3
args: [tritonserver, --model-repository=/models]
ports: [{containerPort: 8000}]
livenessProbe:
  httpGet: {path: /v2/health/ready, port: 8000}
""",
        find=ready_in_liveness,
    ),
    Rule(
        id="DependencyInLiveness",
        severity="warning",
        other_severities=("error",),
        what="The liveness probe fails when something else fails: another service, another host, "
        "workers, a licence.",
        why="When the dependency is down, all pods are restarted at once and again and again, and "
        "load their models anew, while nothing is wrong with them.",
        remedy="Let liveness ask only the server itself; put the dependency into readiness. "
        "spec.probes.liveness.strategy: Process does that.",
        example="""\
image: quay.io/smallestinc/self-hosted-api-server:1.0.0
ports: [{containerPort: 7100}]
livenessProbe:
  httpGet: {path: /health, port: 7100}
""",
        find=dependency_in_liveness,
    ),
    Rule(
        id="LivenessCannotSeeHang",
        severity="warning",
        what="The liveness probe only opens a TCP connection.",
        why="The operating system accepts connections for a hung process as well, so a hang is "
        "never noticed.",
        remedy="Give an HTTP path that answers as long as the process works "
        "(spec.server.endpoints.live for profile custom).",
        example="""\
image: nvcr.io/nvidia/tritonserver:24.10-py3
args: [tritonserver, --model-repository=/models]
ports: [{containerPort: 8000}]
livenessProbe:
  tcpSocket: {port: 8000}
""",
        find=cannot_see_hang,
    ),
    Rule(
        id="NoLivenessProbe",
        severity="info",
        what="The server has other probes, but no liveness probe.",
        why="A server that hangs is taken out of traffic and stays so: nothing restarts it.",
        remedy="Add a liveness probe on a path that only a dead or hung process fails; "
        "`ihp render` writes it.",
        example="""\
image: nvcr.io/nvidia/tritonserver:24.10-py3
args: [tritonserver, --model-repository=/models]
ports: [{containerPort: 8000}]
readinessProbe:
  httpGet: {path: /v2/health/ready, port: 8000}
""",
        find=no_liveness,
    ),
)
