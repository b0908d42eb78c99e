"""What the plan changes in each workload of a manifest: the one brain, at the door of files. Pure.

Workloads are read exactly as the controller reads them from the API server, so that the same
object gets the same probes there and here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from inferencehealth.api.policy import Policy
from inferencehealth.api.probes import Existing, Mode
from inferencehealth.api.report import Startup
from inferencehealth.api.target import WorkloadKind
from inferencehealth.findings.shape import unsound
from inferencehealth.groups import LEADER_WORKER_SET, leaders_at
from inferencehealth.kube.requests import LEADER_WORKER_SETS
from inferencehealth.manifests import TEMPLATE, Document, Path, Unread, is_template, read
from inferencehealth.plan import Plan, ProbePlan, plan
from inferencehealth.plan.choice import policy_for
from inferencehealth.probes.merge import ADVISED, WRITES
from inferencehealth.probes.ownership import containers_field
from inferencehealth.problems import Problem
from inferencehealth.workloads import Container, Workload, workload

TAKEN: Final = WRITES | ADVISED
"""Actions that rendering carries out: it is how a recommendation gets into Git."""

TEMPLATE_AT: Final = ("spec", "template", "spec")
"""Where most workloads keep the pod that they make."""
_KINDS: Final = frozenset(kind.value for kind in WorkloadKind)


@dataclass(frozen=True, slots=True)
class Change:
    """One workload of a document, its plan, and the probes that its server's container gets.

    `at` is the workload's place in its document, `container_at` the container's.
    """

    at: Path
    container_at: Path
    workload: Workload
    plan: Plan
    probes: tuple[ProbePlan, ...]

    @property
    def fields(self) -> dict[str, Any]:
        """The container's fields as they should be."""
        return {probe.kind: probe.wanted for probe in self.probes}


def changes(document: Document, policies: Sequence[Policy]) -> tuple[Change, ...] | Unread:
    """The workloads of a document that a policy is about, in order."""
    objects = read(document)
    if isinstance(objects, Unread):
        return objects
    if any(_is_template(raw) for _, raw in objects):
        return Unread(document.line, TEMPLATE)
    return tuple(_changes(objects, policies))


def changes_of(
    raw: Mapping[str, Any], policies: Sequence[Policy], *, observed: Sequence[Startup] = ()
) -> tuple[Change, ...]:
    """The same for one object, of which it may be known how long its pods took to load."""
    return tuple(_changes([((), raw)], policies, observed))


def with_replace(policy: Policy) -> Policy:
    """The policy, with the author's own probes giving way."""
    probes = policy.spec.probes.model_copy(update={"existing": Existing.REPLACE})
    return policy.model_copy(update={"spec": policy.spec.model_copy(update={"probes": probes})})


def _changes(
    objects: Iterable[tuple[Path, Mapping[str, Any]]],
    policies: Sequence[Policy],
    observed: Sequence[Startup] = (),
) -> Iterator[Change]:
    for at, raw in objects:
        target = _workload(raw)
        if target is None:
            continue
        if wrong := unsound(raw):
            problem = Problem("InvalidManifest", f"{wrong}. Correct it.")
            yield Change(at, (), target, Plan(problems=(problem,)), ())
            continue
        policy = policy_for(target, policies)
        if policy is None or policy.spec.probes.mode is Mode.OFF:
            continue
        planned = plan(policy, target, observed=observed)
        name = planned.detection.container
        container = next((c for c in target.containers if c.name == name), None)
        if container is None:
            yield Change(at, (), target, planned, ())
        else:
            probes = tuple(p for p in planned.probes if p.action in TAKEN and p.wanted)
            if target.kind == LEADER_WORKER_SET and not leaders_at(target.raw):
                probes = ()  # its workers would get them too; a finding says what to write
            yield Change(at, (*at, *_place(target, container)), target, planned, probes)


def _workload(raw: Mapping[str, Any]) -> Workload | None:
    if str(raw.get("kind")) not in _KINDS or not _is_read(str(raw.get("apiVersion", ""))):
        return None
    try:
        return workload(raw)
    except (KeyError, TypeError, AttributeError, ValueError):
        return None  # what the API server would refuse is left as it is


def _is_read(api_version: str) -> bool:
    return api_version.partition("/")[0] in {"apps", LEADER_WORKER_SETS.group}


def _is_template(raw: Mapping[str, Any]) -> bool:
    target = _workload(raw)
    return target is not None and any(
        map(is_template, (target.name, *(container.image for container in target.containers)))
    )


def _place(target: Workload, container: Container) -> Path:
    field = containers_field(container)
    listed = target.raw["spec"]["template"]["spec"][field]
    index = next(i for i, each in enumerate(listed) if each.get("name") == container.name)
    at = leaders_at(target.raw) if target.kind == LEADER_WORKER_SET else TEMPLATE_AT
    return *at, field, index
