"""From workloads and policies to findings with their places: the one brain, asked for advice. Pure.

Without a policy a workload is judged as it stands. With one, it is judged as it will be once the
policy has been carried out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from inferencehealth.api.policy import Policy
from inferencehealth.api.probes import Mode
from inferencehealth.api.report import Finding, ReportStatus
from inferencehealth.findings.catalogue import anchor
from inferencehealth.findings.rule import SEVERITIES, Severity
from inferencehealth.findings.shape import sound
from inferencehealth.lint.places import Lines, lines
from inferencehealth.manifests import (
    MAX_TEXT,
    Document,
    Path,
    Unread,
    as_workload,
    documents,
    read,
)
from inferencehealth.plan import plan
from inferencehealth.plan.choice import policy_for
from inferencehealth.plan.default import default_policy
from inferencehealth.settings import Settings, config_maps
from inferencehealth.workloads import Workload

_OF_ABSENCE: Final = frozenset(
    {"NoProbes", "NoReadinessProbe", "NoLivenessProbe", "NoStartupProbe"}
)
"""Findings that would be wrong of a probe which is there but can't be read."""


@dataclass(frozen=True, slots=True)
class Located:
    """A finding and its place. `file` is empty for a cluster, `line` 0 where none is known."""

    finding: Finding
    kind: str
    namespace: str
    name: str
    file: str = ""
    line: int = 0

    @property
    def ref(self) -> str:
        """The workload, as a person calls it: deployment/ml/triton."""
        return "/".join(part for part in (self.kind.lower(), self.namespace, self.name) if part)

    def as_object(self) -> dict[str, Any]:
        """The finding as an object of the JSON output; its keys stay as they are."""
        return {
            "id": self.finding.id,
            "severity": self.finding.severity,
            "kind": self.kind,
            "name": self.name,
            "namespace": self.namespace,
            "container": self.finding.container,
            "message": self.finding.message,
            "remedy": self.finding.remedy,
            "file": self.file,
            "line": self.line,
            "docs": anchor(self.finding.id),
        }


@dataclass(frozen=True, slots=True)
class Linted:
    """What came out of some workloads. `judged` are their refs with file, in order."""

    findings: tuple[Located, ...] = ()
    judged: tuple[tuple[str, str], ...] = ()
    others: int = 0
    """Workloads in which no model server was recognised."""
    unread: tuple[Unread, ...] = ()
    objects: int = 0
    """Objects of any kind that could be read."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The findings about one workload; `left_out` says why it could not be judged."""

    findings: tuple[Finding, ...] = ()
    left_out: str = ""
    is_server: bool = True


def judge(target: Workload, policy: Policy | None, status: ReportStatus | None = None) -> Judged:
    """What there is to say about a workload, by its policy or, without one, as it stands.

    `status` is what its report says in a cluster: whose probes are ours, how long pods load.
    """
    clean, refused = sound(target)
    before = status or ReportStatus()
    startups = before.health.startups if before.health else ()
    planned = plan(policy or _as_it_stands(), clean, before.probes, startups)
    if planned.problems and policy is None:
        first = planned.problems[0]
        is_server = first.reason not in {"ServerNotRecognised", "ContainerNotFound"}
        return Judged(left_out=first.message, is_server=is_server)
    problems = tuple(
        Finding(id=one.reason, severity="error", message=one.message) for one in planned.problems
    )
    own = tuple(one for name, one in refused if name == planned.detection.container)
    rest = (one for one in planned.findings if not own or one.id not in _OF_ABSENCE)
    return Judged((*problems, *own, *rest))


def lint_text(file: str, text: str, policies: Sequence[Policy]) -> Linted:
    """The findings about the workloads in a file's text, in their order. Never raises."""
    if len(text) > MAX_TEXT:
        return Linted(unread=(Unread(1, f"it has more than {MAX_TEXT >> 20} MiB"),))
    parsed: list[tuple[Document, tuple[tuple[Path, Mapping[str, Any]], ...]]] = []
    unread: list[Unread] = []
    for document in documents(text):
        objects = read(document)
        if isinstance(objects, Unread):
            unread.append(objects)
        else:
            parsed.append((document, objects))
    settings = config_maps(raw for _, objects in parsed for _, raw in objects)
    parts = [_document(file, *each, settings, policies) for each in parsed]
    return joined([*parts, Linted(unread=tuple(unread))])


def joined(parts: Iterable[Linted]) -> Linted:
    """Several results as one."""
    listed = tuple(parts)
    return Linted(
        findings=tuple(one for part in listed for one in part.findings),
        judged=tuple(one for part in listed for one in part.judged),
        others=sum(part.others for part in listed),
        unread=tuple(
            sorted((one for part in listed for one in part.unread), key=lambda one: one.line)
        ),
        objects=sum(part.objects for part in listed),
    )


def at_least(findings: Iterable[Located], severity: Severity) -> tuple[Located, ...]:
    """Those findings that are as bad as that, or worse."""
    allowed = SEVERITIES[: SEVERITIES.index(severity) + 1]
    return tuple(one for one in findings if one.finding.severity in allowed)


def located(target: Workload, judged: Judged, file: str = "", at: Lines | None = None) -> Linted:
    """The findings about one workload with their place."""
    if judged.left_out:
        told = at.of("") if at else 0
        reason = f"{target.ref}: {judged.left_out}"
        return Linted(
            others=0 if judged.is_server else 1,
            unread=(Unread(told, reason),) if judged.is_server else (),
        )
    found = tuple(
        Located(
            finding=one,
            kind=target.kind,
            namespace=target.namespace,
            name=target.name,
            file=file,
            line=at.of(one.container) if at else 0,
        )
        for one in judged.findings
    )
    return Linted(findings=found, judged=((_ref(target), file),))


def _document(
    file: str,
    document: Document,
    objects: Sequence[tuple[Path, Mapping[str, Any]]],
    settings: Settings,
    policies: Sequence[Policy],
) -> Linted:
    parts = [Linted(objects=len(objects))]
    for at, raw in objects:
        target = as_workload(raw, settings)
        if isinstance(target, str):
            parts.append(Linted(unread=(Unread(document.line, target),)))
        elif target is not None:
            judged = judge(target, policy_for(target, policies))
            places = lines(document, at) if judged.findings or judged.left_out else None
            parts.append(located(target, judged, file, places))
    return joined(parts)


def _ref(target: Workload) -> str:
    return "/".join(part for part in (target.kind.lower(), target.namespace, target.name) if part)


def _as_it_stands() -> Policy:
    """The default policy, with nothing of it carried out."""
    policy = default_policy()
    probes = policy.spec.probes.model_copy(update={"mode": Mode.RECOMMEND})
    return policy.model_copy(update={"spec": policy.spec.model_copy(update={"probes": probes})})
