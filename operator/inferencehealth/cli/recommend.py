"""`ihp recommend`: the probes that a running workload should have, ready to use."""

import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from rich.console import Console
from rich.text import Text

from inferencehealth.api.policy import Policy
from inferencehealth.api.report import Report, Startup
from inferencehealth.cli.sources import tell
from inferencehealth.cli.targets import parse_workload
from inferencehealth.controller.claims import claim
from inferencehealth.controller.reading import read_policies, read_reports
from inferencehealth.controller.reports import report_name
from inferencehealth.kube import config
from inferencehealth.kube.client import Client, connect, whole
from inferencehealth.kube.errors import NotFound
from inferencehealth.kube.requests import POLICIES, REPORTS, JsonObject
from inferencehealth.plan.default import default_policy
from inferencehealth.render.changes import Change, changes_of, with_replace
from inferencehealth.render.recommendation import as_diff, as_patch, as_snippet
from inferencehealth.workloads import Workload, workload

NOTHING = 1
"""Exit code where there is nothing to recommend because something stands in the way."""


class Output(StrEnum):
    """How the recommendation is printed."""

    DIFF = "diff"
    YAML = "yaml"
    PATCH = "patch"


async def recommend(
    target: str, kubeconfig: Path | None, *, namespace: str, replace: bool, output: Output
) -> int:
    """Print what the workload's policy, or the default one, recommends; returns the exit code.

    Raises KubeError where the cluster can't be asked or has no such workload, and
    typer.BadParameter for a target that is no workload.
    """
    resource, name = parse_workload(target)
    access = await config.load(kubeconfig)
    space = namespace or access.namespace or "default"
    async with connect(access) as client:
        raw = await client.get(resource, name, namespace=space)
        raw = {**raw, "kind": resource.kind, "apiVersion": resource.api_version}
        policy = await policy_of(client, workload(raw))
        startups = await _startups(client, workload(raw))
    if policy is None:
        tell(f"no policy selects {target}; recommended as without any word in a policy")
    chosen = policy or default_policy(space)
    return _show(raw, with_replace(chosen) if replace else chosen, startups, output)


async def policy_of(client: Client, target: Workload) -> Policy | None:
    """The policy that holds the workload; None where none selects it."""
    try:
        listed = await client.list(POLICIES, project=whole, namespace=target.namespace)
    except NotFound:
        return None  # our definitions are not installed: advice needs none
    policies, _ = read_policies(listed.items)
    held = claim(policies, [target]).held
    return next((policy for policy in policies if held[policy.metadata.name]), None)


async def _startups(client: Client, target: Workload) -> tuple[Startup, ...]:
    """How long its pods were seen to load, as its report has it."""
    name = report_name(target.kind, target.name)
    try:
        found = read_reports([await client.get(REPORTS, name, namespace=target.namespace)])
    except NotFound:
        return ()
    report: Report | None = found.get(name)
    health = report.status.health if report else None
    return health.startups if health else ()


def _show(raw: JsonObject, policy: Policy, startups: Iterable[Startup], output: Output) -> int:
    (change,) = changes_of(raw, [policy], observed=tuple(startups)) or (None,)
    if change is None:
        tell("its policy has probes.mode Off: nothing is recommended")
        return 0
    for problem in change.plan.problems:
        tell(problem.message)
    for finding in change.plan.findings:
        tell(f"{finding.severity}: {finding.id}: {finding.message} {finding.remedy}".rstrip())
    if change.plan.problems:
        return NOTHING
    if not change.probes:
        tell(f"{change.workload.ref}: nothing to recommend, its probes are as they should be")
        return 0
    _print(change, output)
    return 0


def _print(change: Change, output: Output) -> None:
    if output is Output.PATCH:
        print(as_patch(change))
    elif output is Output.YAML:
        sys.stdout.write(as_snippet(change))
    else:
        _diff(as_diff(change))


def _diff(text: str) -> None:
    console = Console(highlight=False, soft_wrap=True)
    styles = {"+": "green", "-": "red", "@": "cyan"}
    for line in text.splitlines():
        bold = "bold" if line.startswith(("+++", "---")) else styles.get(line[:1], "")
        console.print(Text(line, style=bold))
