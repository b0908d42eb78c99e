"""What the owner of a workload should know about its probes, whoever wrote them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from inferencehealth.api.durations import format_duration
from inferencehealth.api.report import Finding
from inferencehealth.kubelet import HANDLER_KINDS, handler_kind, numbers_of, startup_allowance
from inferencehealth.probes.merge import WRITES, Action, ProbePlan
from inferencehealth.probes.owners import field_of, owner_of, to_paste
from inferencehealth.workloads import Container, Workload


@dataclass(frozen=True, slots=True)
class Facts:
    """What findings about one container are made of; `max_startup` in seconds."""

    container: str
    server: str
    max_startup: float
    startup: ProbePlan
    liveness: ProbePlan
    readiness: ProbePlan
    profile_liveness: Mapping[str, Any]
    """The liveness handler that the profile gives by the policy's strategy."""


def effective(probe: ProbePlan) -> dict[str, Any] | None:
    """The probe that the pod will live with if the owner does nothing more."""
    return probe.wanted if probe.action in WRITES else probe.existing


def prospective(probe: ProbePlan) -> dict[str, Any] | None:
    """The probe in effect or, where there is none, the one that the owner is advised to take."""
    return effective(probe) or (probe.wanted if probe.action is Action.RECOMMEND else None)


def probe_findings(facts: Facts) -> tuple[Finding, ...]:
    """All findings about the probes that are or will be in place."""
    return (*_hang(facts), *_same(facts), *_startup(facts))


def owned_by_controller(
    workload: Workload,
    container: Container | None = None,
    probes: Iterable[ProbePlan] = (),
) -> tuple[Finding, ...]:
    """A workload that another controller makes is reported on but not edited.

    With its server's container and the planned probes, the remedy has them as YAML for the owner.
    """
    owner = owner_of(workload)
    if owner is None:
        return ()
    advised = {p.kind: p.wanted for p in probes if p.action is Action.RECOMMEND and p.wanted}
    snippet = to_paste(owner, workload, container, advised) if container else ""
    return (
        Finding(
            id="OwnedByController",
            severity="info",
            container=container.name if container else "",
            message=f"{workload.ref} is made by {owner}, which would undo our probes; it "
            "is checked, and its probes are only recommended.",
            remedy=f"Put the recommended probes into {owner}: {field_of(owner)}"
            + (f":\n{snippet}" if snippet else "."),
        ),
    )


def same_handler(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    """Whether two probes ask the same thing, whatever their numbers."""
    if not one or not other:
        return False
    kind = handler_kind(one)
    if kind != handler_kind(other) or kind not in HANDLER_KINDS:
        return False
    mine, theirs = one[kind], other[kind]
    return bool(mine.get("path") == theirs.get("path") if kind == "httpGet" else mine == theirs)


def _hang(facts: Facts) -> Iterator[Finding]:
    if handler_kind(prospective(facts.liveness) or {}) == "tcpSocket":
        yield Finding(
            id="LivenessCannotSeeHang",
            severity="warning",
            container=facts.container,
            message="The liveness probe only opens a TCP connection, which the system accepts "
            "for a hung process as well: a hang is never noticed.",
            remedy="Give an HTTP path that answers as long as the process works "
            "(spec.server.endpoints.live for profile custom).",
        )


def _same(facts: Facts) -> Iterator[Finding]:
    live = effective(facts.liveness)
    if facts.liveness.action is not Action.KEEP or same_handler(live, facts.profile_liveness):
        return
    if same_handler(live, effective(facts.readiness)):
        yield Finding(
            id="LivenessSameAsReadiness",
            severity="warning",
            container=facts.container,
            message="The author's liveness probe asks the same as the readiness probe, so a pod "
            f"that only can't serve yet or for now is restarted, and {facts.server} loads again.",
            remedy="Let liveness ask what only a dead or hung process fails: take the probe in "
            "`wanted`, by hand or with spec.probes.existing: Replace.",
        )


def _startup(facts: Facts) -> Iterator[Finding]:
    startup, live = effective(facts.startup), effective(facts.liveness)
    asked = format_duration(facts.max_startup)
    if startup:
        allowed = startup_allowance(numbers_of(startup))
        if facts.startup.action is Action.KEEP and allowed < facts.max_startup:
            yield Finding(
                id="StartupBelowBudget",
                severity="warning",
                container=facts.container,
                message="The author's startup probe lets the kubelet restart a loading pod after "
                f"{format_duration(allowed)}; {facts.server} may need {asked}.",
                remedy="Raise its failureThreshold, or set spec.probes.existing: Replace.",
            )
        return
    if live is None:
        return
    allowed = startup_allowance(numbers_of(live))
    if allowed < facts.max_startup:
        yield Finding(
            id="NoStartupProbe",
            severity="warning",
            container=facts.container,
            message="Without a startup probe the liveness probe restarts a loading pod after "
            f"{format_duration(allowed)}; {facts.server} may need {asked}.",
            remedy="Take the recommended startup probe, or set spec.probes.budgets.maxStartup.",
        )
