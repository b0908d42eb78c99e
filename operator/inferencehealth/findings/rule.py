"""From the facts of one plan to findings: what rules look at, what they say, and their text.

A rule carries its own documentation; docs/findings.md is made from it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from inferencehealth.api.policy import Policy
from inferencehealth.api.probes import Strategy
from inferencehealth.api.report import CheckSpec, Finding
from inferencehealth.kubelet import HANDLER_KINDS, Handler, handler_kind, same_probe
from inferencehealth.probes.compile import CompiledSet
from inferencehealth.probes.effect import effective, prospective
from inferencehealth.probes.merge import WRITES, Action, ProbePlan
from inferencehealth.profiles.profile import Handlers, Profile
from inferencehealth.workloads import Container, Workload

Severity = Literal["error", "warning", "info"]
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "info")
"""From worst to mildest. Error: it will kill pods that work, send traffic to pods that don't
serve, or the API server refuses it. Warning: trouble is likely. Info: advice."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What findings about one workload are made of.

    `observed` is how long loading was seen to take, in seconds; None where nobody has looked.
    """

    workload: Workload
    container: Container
    profile: Profile
    port: int
    policy: Policy
    check: CheckSpec
    handlers: Handlers
    compiled: CompiledSet
    probes: tuple[ProbePlan, ...]
    observed: float | None = None

    @property
    def startup(self) -> ProbePlan:
        """The startup probe, as planned."""
        return self.probes[0]

    @property
    def liveness(self) -> ProbePlan:
        """The liveness probe, as planned."""
        return self.probes[1]

    @property
    def readiness(self) -> ProbePlan:
        """The readiness probe, as planned."""
        return self.probes[2]

    @property
    def server(self) -> str:
        """The server's name, for a sentence."""
        return self.profile.title

    @property
    def max_startup(self) -> float:
        """Seconds that a pod may take to load: the policy's word, else the profile's."""
        asked = self.policy.spec.probes.budgets.max_startup
        return float(asked or self.profile.budgets.max_startup)

    @property
    def wanted_liveness(self) -> Handler:
        """The liveness handler by the policy's strategy."""
        process = self.policy.spec.probes.liveness.strategy is Strategy.PROCESS
        return self.handlers.process if process else self.handlers.liveness


@dataclass(frozen=True, slots=True)
class Hit:
    """One case of a rule. What is left empty is the rule's own."""

    message: str
    remedy: str = ""
    severity: Severity | None = None


Find = Callable[[Facts], Iterable[Hit]]


def found_elsewhere(_facts: Facts) -> tuple[Hit, ...]:
    """For findings that another part of the operator makes."""
    return ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of finding: what it says, why it matters, what to do, and a manifest that has it.

    `example` is YAML: a container, a whole workload, or the fields of a policy's spec with a
    container below `container`.
    """

    id: str
    severity: Severity
    what: str
    why: str
    remedy: str
    example: str = ""
    find: Find = found_elsewhere
    other_severities: tuple[Severity, ...] = ()
    """Severities that single cases have instead."""
    of_workload: bool = False
    """Whether it is about the workload and not about the server's container."""


def findings(rules: Iterable[Rule], facts: Facts) -> Iterator[Finding]:
    """All findings of these rules, in their order."""
    for rule in rules:
        for hit in rule.find(facts):
            yield Finding(
                id=rule.id,
                severity=hit.severity or rule.severity,
                container="" if rule.of_workload else facts.container.name,
                message=hit.message,
                remedy=hit.remedy or rule.remedy,
            )


def is_authors(probe: ProbePlan) -> bool:
    """Whether the probe in effect was written by the workload's author, and not as we would."""
    stays = probe.action not in WRITES and probe.action is not Action.IN_PLACE
    return stays and not probe.ours and not same_probe(probe.existing, probe.wanted)


def authors(facts: Facts) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The author's own probes that stay in effect, each with its name ("liveness")."""
    for probe in facts.probes:
        if probe.existing and is_authors(probe):
            yield name_of(probe), probe.existing


def name_of(probe: ProbePlan) -> str:
    """The probe's name in a sentence."""
    return probe.kind.removesuffix("Probe")


def path_of(probe: Mapping[str, Any] | None) -> str:
    """The path that a probe asks, without its query; nothing where it is no HTTP probe."""
    if handler_kind(probe or {}) != "httpGet":
        return ""
    asked = (probe or {})["httpGet"]
    return str(asked.get("path") or "/").partition("?")[0]


def same_handler(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    """Whether two probes ask the same thing, whatever their numbers."""
    if not one or not other:
        return False
    kind = handler_kind(one)
    if kind != handler_kind(other) or kind not in HANDLER_KINDS:
        return False
    return path_of(one) == path_of(other) if kind == "httpGet" else bool(one[kind] == other[kind])


def described(probe: Mapping[str, Any]) -> str:
    """A probe in a few words: "GET /health every 10s, timeout 5s, failureThreshold 3"."""
    kind = handler_kind(probe)
    handler = probe.get(kind) or {}
    asked = {
        "httpGet": f"GET {handler.get('path', '/')} on port {handler.get('port')}",
        "tcpSocket": f"TCP on port {handler.get('port')}",
        "grpc": f"gRPC health on port {handler.get('port')}",
        "exec": f"exec {' '.join(map(str, handler.get('command') or ()))}",
    }.get(kind, kind)
    return (
        f"{asked} every {probe.get('periodSeconds')}s, timeout {probe.get('timeoutSeconds')}s, "
        f"failureThreshold {probe.get('failureThreshold')}"
    )


__all__ = [
    "SEVERITIES",
    "Facts",
    "Find",
    "Hit",
    "Rule",
    "Severity",
    "authors",
    "described",
    "effective",
    "findings",
    "found_elsewhere",
    "is_authors",
    "name_of",
    "path_of",
    "prospective",
    "same_handler",
]
