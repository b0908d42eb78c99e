"""`ihp gates`: the workloads whose pods wait for the operator, and the way out without it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any, Final

from rich.console import Console

from inferencehealth.api.report import Report
from inferencehealth.cli.sources import tell
from inferencehealth.controller.gates import project_closed
from inferencehealth.controller.reading import read_reports
from inferencehealth.kube import config
from inferencehealth.kube.client import Client, connect, whole
from inferencehealth.kube.errors import KubeError, NotFound
from inferencehealth.kube.gates import Gate, PodName, set_gate
from inferencehealth.kube.pods import PodRecord
from inferencehealth.kube.requests import DEPLOYMENTS, PODS, REPORTS, STATEFUL_SETS, Resource
from inferencehealth.probes.gates import gate_operations, has_gate
from inferencehealth.probes.merge import Action
from inferencehealth.workloads import Workload, workload

MANAGER: Final = "ihp"
FAILED: Final = 1
"""Exit code where something could not be removed or opened."""
RESOURCES: Final = (DEPLOYMENTS, STATEFUL_SETS)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What there is of our gates in a cluster or a namespace."""

    templates: tuple[Workload, ...]
    pods: tuple[PodRecord, ...]
    """Pods whose gate is not open."""
    asked_by: tuple[str, ...]
    """Policies, by namespace and name, that ask for gates."""


async def gates(kubeconfig: Path | None, *, namespace: str, remove: bool) -> int:
    """List the gates or, with `remove`, do away with them; returns the exit code.

    Raises KubeError where the cluster can't be asked.
    """
    async with connect(await config.load(kubeconfig)) as client:
        found = await _look(client, namespace)
        for line in told(found):
            Console(highlight=False).print(line, soft_wrap=True)
        if not remove:
            return 0
        if found.asked_by:
            tell(f"where the operator runs it puts them back, for: {', '.join(found.asked_by)}")
        done = [await _remove(client, each) for each in found.templates]
        done += [await _open(client, each) for each in found.pods]
    return 0 if all(done) else FAILED


def told(found: Waiting) -> Sequence[str]:
    """A line for each template with the gate and each pod that waits for it."""
    templates = [
        f"{each.ref} in {each.namespace}: its pods are made with the gate"
        for each in found.templates
    ]
    pods = [f"pod/{each.name} in {each.namespace}: waits for its gate" for each in found.pods]
    return (*templates, *pods)


async def _look(client: Client, namespace: str) -> Waiting:
    templates: list[Workload] = []
    for resource in RESOURCES:
        listed = await client.list(resource, project=whole, namespace=namespace)
        templates += filter(has_gate, (_workload(raw, resource) for raw in listed.items))
    pods = await client.list(PODS, project=project_closed, namespace=namespace)
    closed = tuple(pod for pod in pods.items if pod is not None)
    return Waiting(tuple(templates), closed, await _asking(client, namespace))


def _workload(raw: dict[str, Any], resource: Resource) -> Workload:
    return workload({**raw, "kind": resource.kind, "apiVersion": resource.api_version})


async def _asking(client: Client, namespace: str) -> tuple[str, ...]:
    try:
        listed = await client.list(REPORTS, project=whole, namespace=namespace)
    except NotFound:
        return ()  # our definitions are gone: so is everybody who would put gates back
    return asking_policies(report for report in read_reports(listed.items).values() if report)


def asking_policies(reports: Iterable[Report]) -> tuple[str, ...]:
    """The policies that ask for gates, by namespace and name."""
    found = {
        f"{report.metadata.namespace}/{report.spec.policy}"
        for report in reports
        if report.spec.check and report.spec.check.gate
    }
    return tuple(sorted(found))


async def _remove(client: Client, target: Workload) -> bool:
    """Take the gate out of a template, unless the workload changes meanwhile; says what failed."""
    resource = next(each for each in RESOURCES if each.kind == target.kind)
    guards: list[dict[str, Any]] = [
        {"op": "test", "path": "/metadata/uid", "value": target.uid},
        {"op": "test", "path": "/metadata/generation", "value": target.generation},
    ]
    operations = [*guards, *gate_operations(target, Action.REMOVE)]
    try:
        await client.json_patch(
            resource, target.name, operations, manager=MANAGER, namespace=target.namespace
        )
    except NotFound:
        return True
    except KubeError as error:
        tell(f"{target.ref} in {target.namespace} keeps its gate: {error}")
        return False
    return True


async def _open(client: Client, pod: PodRecord) -> bool:
    """Open the gate of a pod; says what failed."""
    gate = Gate(
        open=True, reason="OpenedByHand", message="opened by ihp gates --remove", since=time()
    )
    try:
        await set_gate(client, PodName(pod.namespace, pod.name, pod.uid), gate, manager=MANAGER)
    except NotFound:
        return True
    except KubeError as error:
        tell(f"pod/{pod.name} in {pod.namespace} still waits: {error}")
        return False
    return True
