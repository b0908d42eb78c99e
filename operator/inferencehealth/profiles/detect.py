"""Which container of a workload runs the server, which server it is, and on which port.

First step of every plan. Says what it does not know, with the remedy, rather than guess; a
sidecar is never taken for the server unless the policy names it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from inferencehealth.api.server import ProfileName, Server
from inferencehealth.problems import Problem
from inferencehealth.profiles.declared import Declared, declared_server
from inferencehealth.profiles.profile import Evidence, Profile
from inferencehealth.profiles.recognition import image
from inferencehealth.profiles.registry import PROFILES, profile_named
from inferencehealth.workloads import Container, Workload

SIDECARS = (
    "agent",
    "aibrix-runtime",
    "cloud-sql-proxy",
    "consul-dataplane",
    "daprd",
    "dcgm-exporter",
    "envoy*",
    "filebeat",
    "fluent*",
    "gcs-fuse-csi-driver-sidecar*",
    "*gcsfuse-sidecar*",
    "*istio-proxy*",
    "kube-rbac-proxy*",
    "kuma-sidecar",
    "linkerd-proxy",
    "llm-d-routing-sidecar*",
    "lora-adapter-syncer",
    "oauth-proxy",
    "oauth2-proxy*",
    "opentelemetry-collector*",
    "otc-container",
    "promtail",
    "proxyv2",
    "queue",
    "queue-proxy",
    "routing-proxy",
    "vault",
    "vault-agent*",
    "vector",
)
"""Names of containers, or last components of their images, that only accompany a server."""

NAMED_BY_POLICY = 0.5
"""Confidence where the policy says what it is and nothing in the container confirms it."""
DECLARED = 0.6
"""Confidence where only a label of another ecosystem says what the container runs."""
CONFIRMED = 0.06
"""What such a label adds to other evidence: enough to settle a tie."""
SERVER_CONTAINERS = ("kserve-container",)
"""Names that other ecosystems give to the container of the server, whatever runs beside it."""
TOO_CLOSE = 0.05
"""Two containers whose confidence differs by less are both the server as far as we can tell."""


@dataclass(frozen=True, slots=True)
class Detected:
    """What was recognised. `port_name` is the policy's own name of the port, if it uses one."""

    profile: Profile
    container: Container
    port: int
    port_name: str
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True)
class Recognised:
    """The server of a workload by itself, without a policy; `port` None where nothing tells it."""

    profile: Profile
    container: Container
    port: int | None
    confidence: float
    reason: str


def recognised(workload: Workload) -> Recognised | Problem:
    """Which server the workload runs as far as it shows by itself."""
    candidates = _candidates(workload, "")
    if isinstance(candidates, Problem):
        return candidates
    chosen = _recognise_any(workload, candidates)
    if isinstance(chosen, Problem):
        return chosen
    profile, container, evidence = chosen
    port = profile.port(container)
    return Recognised(profile, container, port, evidence.confidence, evidence.reason)


def detect(workload: Workload, server: Server, target_container: str) -> Detected | Problem:
    """The server of a workload, or what is not known about it and how to say it.

    `target_container` is the policy's spec.target.container; empty: found here.
    """
    candidates = _candidates(workload, target_container)
    if isinstance(candidates, Problem):
        return candidates
    chosen = (
        _recognise_any(workload, candidates)
        if server.profile is ProfileName.AUTO
        else _recognise_named(workload, profile_named(server.profile.value), candidates, server)
    )
    if isinstance(chosen, Problem):
        return chosen
    profile, container, evidence = chosen
    port = _port(profile, container, server)
    if isinstance(port, Problem):
        return port
    number, name = port
    return Detected(profile, container, number, name, evidence.confidence, evidence.reason)


def is_sidecar(container: Container) -> bool:
    """Whether the container is known to only accompany a server."""
    names = (container.name, image(container.image).path[-1])
    return container.sidecar or any(
        fnmatchcase(name, pattern) for name in names for pattern in SIDECARS
    )


_Chosen = tuple[Profile, Container, Evidence]


def _candidates(workload: Workload, target: str) -> tuple[Container, ...] | Problem:
    if target:
        found = tuple(c for c in workload.containers if c.name == target)
        return found or Problem(
            "ContainerNotFound",
            f'{workload.ref} has no container named "{target}"; it has '
            f"{_names(workload.containers)}. Correct spec.target.container.",
            "spec.target.container",
        )
    main = tuple(c for c in workload.containers if not is_sidecar(c))
    return main or Problem(
        "ContainerNotFound",
        f"{workload.ref} has no container but sidecars ({_names(workload.containers)}). "
        "Name the server's in spec.target.container.",
        "spec.target.container",
    )


def _recognise_any(workload: Workload, candidates: tuple[Container, ...]) -> _Chosen | Problem:
    label = declared_server(workload)
    found = _confirmed(_found(PROFILES, candidates), label) or _by_label(candidates, label)
    if not found:
        return Problem(
            "ServerNotRecognised",
            f"No profile recognises a model server in {workload.ref} (containers "
            f"{_names(candidates)}). Name it in spec.server.profile, or describe it with "
            "profile custom.",
            "spec.server.profile",
        )
    return _clearest(workload, found)


def _recognise_named(
    workload: Workload, profile: Profile, candidates: tuple[Container, ...], server: Server
) -> _Chosen | Problem:
    found = _found((profile,), candidates)
    if found:
        return _clearest(workload, found)
    declaring = tuple(c for c in candidates if _declares(c, server.port))
    only = next((group for group in (candidates, declaring) if len(group) == 1), ())
    if only:
        return profile, only[0], Evidence(NAMED_BY_POLICY, "named by the policy")
    return Problem(
        "ContainerNotFound",
        f"None of the containers {_names(candidates)} of {workload.ref} looks like "
        f"{profile.title}. Name the server's in spec.target.container.",
        "spec.target.container",
    )


def _found(profiles: Iterable[Profile], candidates: tuple[Container, ...]) -> list[_Chosen]:
    seen = [
        (profile, container, evidence)
        for profile in profiles
        for container in candidates
        if (evidence := profile.detect(container))
    ]
    return sorted(seen, key=lambda chosen: -chosen[2].confidence)


def _confirmed(found: list[_Chosen], label: Declared | None) -> list[_Chosen]:
    """The findings with those that the label agrees with in front of their equals."""
    if label is None:
        return found
    confirmed = [
        (profile, container, _surer(evidence, label) if profile.name == label.profile else evidence)
        for profile, container, evidence in found
    ]
    return sorted(confirmed, key=lambda chosen: -chosen[2].confidence)


def _surer(evidence: Evidence, label: Declared) -> Evidence:
    surer = min(1.0, round(evidence.confidence + CONFIRMED, 2))
    return replace(evidence, confidence=surer, reason=f"{evidence.reason}, {label.by}")


def _by_label(candidates: tuple[Container, ...], label: Declared | None) -> list[_Chosen]:
    """What the label alone says: only where a single container can be meant."""
    profile = next((p for p in PROFILES if label and p.name == label.profile), None)
    named = tuple(c for c in candidates if c.name in SERVER_CONTAINERS) or candidates
    if profile is None or label is None or len(named) != 1:
        return []
    return [(profile, named[0], Evidence(DECLARED, label.by))]


def _clearest(workload: Workload, found: list[_Chosen]) -> _Chosen | Problem:
    best = found[0]
    rivals = [f for f in found if best[2].confidence - f[2].confidence < TOO_CLOSE]
    if settled := [f for f in rivals if f[1].name in SERVER_CONTAINERS]:
        best, rivals = settled[0], settled
    if len({container.name for _, container, _ in rivals}) > 1:
        return Problem(
            "ServerAmbiguous",
            f"{workload.ref} has several containers that look like a model server: "
            f"{_names(container for _, container, _ in rivals)}. Name the one to check in "
            "spec.target.container.",
            "spec.target.container",
        )
    if len({profile.name for profile, _, _ in rivals}) > 1:
        return Problem(
            "ServerAmbiguous",
            f'Container "{best[1].name}" of {workload.ref} looks like '
            f"{' and '.join(sorted({p.title for p, _, _ in rivals}))}. Name one in "
            "spec.server.profile.",
            "spec.server.profile",
        )
    return best


def _port(profile: Profile, container: Container, server: Server) -> tuple[int, str] | Problem:
    if isinstance(server.port, str) and not server.port.isdecimal():
        number = next((p.number for p in container.ports if p.name == server.port), None)
        return (
            (number, server.port)
            if number
            else Problem(
                "PortNotFound",
                f'Container "{container.name}" has no port named "{server.port}"; it declares '
                f"{_ports(container)}. Correct spec.server.port or give a number.",
                "spec.server.port",
            )
        )
    if server.port is not None:
        return int(server.port), ""
    found = profile.port(container)
    return (
        (found, "")
        if found
        else Problem(
            "PortNotFound",
            f'The HTTP port of {profile.title} in container "{container.name}" is not known; the '
            f"container declares {_ports(container)}. Give it in spec.server.port.",
            "spec.server.port",
        )
    )


def _declares(container: Container, port: int | str | None) -> bool:
    return any(port in {p.number, p.name} for p in container.ports)


def _names(containers: Iterable[Container]) -> str:
    return ", ".join(f'"{container.name}"' for container in containers) or "none"


def _ports(container: Container) -> str:
    shown = (f"{p.name} ({p.number})" if p.name else str(p.number) for p in container.ports)
    return ", ".join(shown) or "none"
