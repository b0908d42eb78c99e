"""`ihp lint --live`: the workloads of a cluster, each by the policy that holds it there."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from inferencehealth.api.policy import Policy
from inferencehealth.api.report import ReportStatus
from inferencehealth.cli.policies import read_policies as policies_in_files
from inferencehealth.cli.sources import tell
from inferencehealth.controller.reading import read_policies, read_reports
from inferencehealth.kube import config
from inferencehealth.kube.client import Client, connect, whole
from inferencehealth.kube.errors import Forbidden, NotFound
from inferencehealth.kube.requests import (
    DEPLOYMENTS,
    LEADER_WORKER_SETS,
    POLICIES,
    REPORTS,
    STATEFUL_SETS,
    JsonObject,
    Resource,
)
from inferencehealth.kube.workloads import workloads_of
from inferencehealth.lint.linting import Linted, joined, judge, located
from inferencehealth.plan.choice import policy_for
from inferencehealth.workloads import Workload


async def lint_cluster(
    kubeconfig: Path | None, policy_files: Sequence[Path], *, namespace: str
) -> Linted:
    """The findings about a cluster's workloads; "" is every namespace.

    Policies in files take the place of the cluster's. Raises KubeError where the cluster can't be
    asked, and typer.BadParameter for policies that can't be understood.
    """
    given = policies_in_files(policy_files)
    async with connect(await config.load(kubeconfig)) as client:
        policies = given or await _policies(client, namespace)
        told = await _reports(client, namespace)
        targets = [
            one
            for resource in (DEPLOYMENTS, STATEFUL_SETS, LEADER_WORKER_SETS)
            for one in (await workloads_of(client, resource, namespace)).workloads
        ]
    return _lint(targets, policies, told)


_Reports = Mapping[tuple[str, str, str], ReportStatus]
"""What reports say, by namespace, kind and name of their workload."""


def _lint(targets: Iterable[Workload], policies: Sequence[Policy], told: _Reports) -> Linted:
    parts: list[Linted] = []
    ordered = sorted(targets, key=lambda one: (one.namespace, one.kind, one.name))
    for target in ordered:
        status = told.get((target.namespace, target.kind, target.name))
        found = located(target, judge(target, policy_for(target, policies), status))
        for one in found.unread:
            tell(f"left out: {one.why}")
        parts.append(found)
    return joined(parts)


async def _policies(client: Client, namespace: str) -> tuple[Policy, ...]:
    """The cluster's policies, the oldest first, as the operator takes them."""
    policies, _ = read_policies(await _listed(client, POLICIES, namespace))
    return tuple(sorted(policies, key=lambda p: (p.metadata.creation_timestamp, p.metadata.name)))


async def _reports(client: Client, namespace: str) -> _Reports:
    found: dict[tuple[str, str, str], ReportStatus] = {}
    for raw in await _listed(client, REPORTS, namespace):
        for one in read_reports([raw]).values():
            if one is not None:
                about = one.spec.workload
                found[one.metadata.namespace, about.kind, about.name] = one.status
    return found


async def _listed(client: Client, resource: Resource, namespace: str) -> Sequence[JsonObject]:
    """Objects of ours; none where they are not installed, or not for this user to read."""
    try:
        return (await client.list(resource, project=whole, namespace=namespace)).items
    except (NotFound, Forbidden):
        return ()
