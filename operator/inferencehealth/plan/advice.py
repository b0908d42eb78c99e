"""The findings of a plan: what its probes will do that the workload's owner should know."""

from collections.abc import Mapping
from typing import Any

from inferencehealth.api.policy import Policy
from inferencehealth.api.probes import Strategy
from inferencehealth.api.report import CheckSpec, Finding
from inferencehealth.probes.compile import CompiledSet
from inferencehealth.probes.findings import Facts, probe_findings, prospective, same_handler
from inferencehealth.probes.merge import ProbePlan
from inferencehealth.profiles.described import kubelet_can_read
from inferencehealth.profiles.detect import Detected
from inferencehealth.profiles.profile import Handlers, Profile, StaticFinding


def advise(
    *,
    policy: Policy,
    detected: Detected,
    check: CheckSpec,
    handlers: Handlers,
    compiled: CompiledSet,
    probes: tuple[ProbePlan, ...],
) -> tuple[Finding, ...]:
    """All findings about the server's container."""
    startup, liveness, readiness = probes
    profile, container = detected.profile, detected.container.name
    process = policy.spec.probes.liveness.strategy is Strategy.PROCESS
    facts = Facts(
        container=container,
        server=profile.title,
        max_startup=policy.spec.probes.budgets.max_startup or profile.budgets.max_startup,
        startup=startup,
        liveness=liveness,
        readiness=readiness,
        profile_liveness=handlers.process if process else handlers.liveness,
    )
    asks_profile = same_handler(prospective(liveness), handlers.liveness)
    asks_ready = same_handler(prospective(readiness), handlers.readiness)
    static = (
        *(profile.liveness_findings if asks_profile else ()),
        *(trap for path, trap in profile.liveness_traps if _path(prospective(liveness)) == path),
        *(profile.readiness_findings if asks_ready else ()),
        *(profile.unnamed_findings if not check.models.required else ()),
    )
    return (
        *(_finding(one, container) for one in static),
        *probe_findings(facts),
        *_unversioned(detected.profile, check, container),
        *_unreadable(policy, container),
        *_too_late(compiled, container),
    )


def _path(probe: Mapping[str, Any] | None) -> str:
    """The path that a probe asks, without its query; nothing where it is no HTTP probe."""
    asked = (probe or {}).get("httpGet") or {}
    return str(asked.get("path", "")).partition("?")[0]


def _finding(static: StaticFinding, container: str) -> Finding:
    return Finding(
        id=static.id,
        severity=static.severity,
        container=container,
        message=static.message,
        remedy=static.remedy,
    )


def _unversioned(profile: Profile, check: CheckSpec, container: str) -> tuple[Finding, ...]:
    named = [f'"{m.name}" version {m.version}' for m in check.models.required if m.version]
    if profile.tells_versions or not named:
        return ()
    return (
        Finding(
            id="VersionNotChecked",
            severity="info",
            container=container,
            message=f"{profile.title} does not tell versions of a model apart: of {named[0]} only "
            "the name is checked.",
            remedy="Leave the version out of spec.server.models.required.",
        ),
    )


def _unreadable(policy: Policy, container: str) -> tuple[Finding, ...]:
    ends = policy.spec.server.endpoints
    if ends is None or kubelet_can_read(ends.ready):
        return ()
    return (
        Finding(
            id="KubeletCannotReadBody",
            severity="info",
            container=container,
            message="The kubelet asks with GET and sees only whether a status lies between 200 "
            "and 399, so its readiness says less than the operator's own check of "
            f"{ends.ready.path}, which reads the answer as endpoints.ready describes it.",
            remedy="Let the server say to a GET, by a status between 200 and 399 or by 500, "
            "whether it serves, if you can.",
        ),
    )


def _too_late(compiled: CompiledSet, container: str) -> tuple[Finding, ...]:
    if not compiled.too_late:
        return ()
    return (
        Finding(
            id="RestartBeforeTrafficStops",
            severity="warning",
            container=container,
            message=compiled.too_late,
            remedy="Raise failureThreshold or periodSeconds in spec.probes.liveness, or lower "
            "them in spec.probes.readiness.",
        ),
    )
