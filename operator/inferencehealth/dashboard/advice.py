"""The probes that a workload should have, as a diff, when the page asks: with its user's rights."""

from typing import Any

from inferencehealth.api.policy import Policy
from inferencehealth.api.probes import Mode
from inferencehealth.api.report import Report, Startup
from inferencehealth.controller.reading import read_reports
from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import NotFound
from inferencehealth.kube.requests import (
    DEPLOYMENTS,
    LEADER_WORKER_SETS,
    REPORTS,
    STATEFUL_SETS,
)
from inferencehealth.render.changes import changes_of
from inferencehealth.render.recommendation import as_diff

_RESOURCES = {each.kind: each for each in (DEPLOYMENTS, STATEFUL_SETS, LEADER_WORKER_SETS)}


async def recommendation(client: Client, report: Report, policy: Policy) -> dict[str, Any]:
    """What would change in the report's workload by its policy, and what there is to say about it.

    `diff` is empty where nothing would change. Raises KubeError where the workload can't be read.
    """
    if policy.spec.probes.mode is Mode.OFF:
        return {"diff": "", "notes": ["Its policy has probes.mode Off: nothing is recommended."]}
    target, namespace = report.spec.workload, report.metadata.namespace
    resource = _RESOURCES.get(target.kind)
    if resource is None:
        return {"diff": "", "notes": [f"Nothing is recommended for a {target.kind}."]}
    raw = await client.get(resource, target.name, namespace=namespace)
    raw = {**raw, "kind": resource.kind, "apiVersion": resource.api_version}
    observed = await _startups(client, report)
    (change,) = changes_of(raw, [policy], observed=observed) or (None,)
    if change is None:
        return {"diff": "", "notes": ["Its policy does not select it any more."]}
    notes = [problem.message for problem in change.plan.problems]
    notes += [f"{each.message} {each.remedy}".rstrip() for each in change.plan.findings]
    diff = as_diff(change) if change.probes and not change.plan.problems else ""
    return {"diff": diff, "notes": notes}


async def _startups(client: Client, report: Report) -> tuple[Startup, ...]:
    """How long its pods took to load, which is left out of what is followed."""
    name, namespace = report.metadata.name, report.metadata.namespace
    try:
        found = read_reports([await client.get(REPORTS, name, namespace=namespace)])
    except NotFound:
        return ()
    read: Report | None = found.get(name)
    return read.status.health.startups if read and read.status.health else ()
