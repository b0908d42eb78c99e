"""What is asked of a pod, or of a workload's pods, and which pods those are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import typer

from inferencehealth.api.policy import Policy
from inferencehealth.api.report import CheckSpec, Report, WorkloadRef
from inferencehealth.checker.targets import TEMPLATE_HASH, runs
from inferencehealth.cli.targets import parse_workload
from inferencehealth.controller.claims import claim
from inferencehealth.controller.reading import read_policies, read_reports
from inferencehealth.controller.reports import report_name
from inferencehealth.groups import LEADER_WORKER_SET, SET_NAME
from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.errors import NotFound
from inferencehealth.kube.pods import Controller, PodRecord, project_pod
from inferencehealth.kube.requests import (
    DEPLOYMENTS,
    LEADER_WORKER_SETS,
    PODS,
    POLICIES,
    REPORTS,
    STATEFUL_SETS,
    Resource,
)
from inferencehealth.kube.selectors import query
from inferencehealth.plan import plan
from inferencehealth.plan.default import default_policy
from inferencehealth.problems import Problem
from inferencehealth.workloads import Workload, workload

_POD_WORDS = frozenset({"pod", "pods", "po"})
_RESOURCES = {each.kind: each for each in (DEPLOYMENTS, STATEFUL_SETS, LEADER_WORKER_SETS)}


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be checked: `check` is what is asked of each pod, or why that is not known.

    `source` says who decided what is asked. `pod`: it is a single one, not a workload.
    """

    check: CheckSpec | Problem
    pods: tuple[PodRecord, ...]
    source: str
    pod: bool = False


def parse_target(text: str) -> tuple[Resource, str]:
    """Kind and name of a pod or workload; raises typer.BadParameter."""
    kind, _, name = text.partition("/")
    if kind.lower() in _POD_WORDS and name:
        return PODS, name
    try:
        return parse_workload(text)
    except typer.BadParameter as error:
        told = f"{text!r}: write a URL, pod/NAME, deployment/NAME, statefulset/NAME or lws/NAME"
        raise typer.BadParameter(told, param_hint="TARGET") from error


async def subject(client: Client, resource: Resource, name: str, namespace: str) -> Subject:
    """The pods of the target and what is asked of them.

    Raises KubeError where the cluster can't be asked or has no such object.
    """
    if resource is PODS:
        return await _of_pod(client, name, namespace)
    found = await _workload(client, resource, name, namespace)
    check, source = await _asked(client, found)
    listed = await client.list(
        PODS, project=project_pod, namespace=namespace, label_selector=_selector(found, check)
    )
    ref = WorkloadRef(kind=found.kind, name=found.name, uid=found.uid)
    alive = [pod for pod in listed.items if pod is not None and not pod.deleting]
    own = [pod for pod in alive if runs(ref, pod)]
    return Subject(check, tuple(own or alive), source)


def _selector(found: Workload, check: CheckSpec | Problem) -> str:
    if isinstance(check, CheckSpec):
        return query(check.pod_selector)
    labels = found.selector.get("matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in labels.items())


async def _of_pod(client: Client, name: str, namespace: str) -> Subject:
    raw = await client.get(PODS, name, namespace=namespace)
    record = project_pod(raw)
    if record is None:
        phase = (raw.get("status") or {}).get("phase")
        ended = Problem("PodFinished", f"the pod has ended ({phase}): nothing of it runs")
        return Subject(ended, (), "", pod=True)
    owner = owner_of(record)
    found = None
    if owner is not None:
        try:
            found = await _workload(client, _RESOURCES[owner[0]], owner[1], namespace)
        except NotFound:
            found = None  # the pod outlives what made it
    check, source = await _asked(client, found or _alone(raw))
    return Subject(check, (record,), source, pod=True)


def owner_of(pod: PodRecord) -> Controller | None:
    """Kind and name of the workload that runs the pod; None for any other owner."""
    if pod.controller is None:
        return None
    if leads := pod.labels.get(SET_NAME):
        return LEADER_WORKER_SET, leads
    kind, name = pod.controller
    tail = f"-{pod.labels.get(TEMPLATE_HASH)}"
    if kind == "ReplicaSet" and name.endswith(tail):
        return "Deployment", name.removesuffix(tail)
    return pod.controller if kind in _RESOURCES else None


def _alone(pod: Mapping[str, Any]) -> Workload:
    """A pod that no workload runs, as if it were one."""
    meta = pod["metadata"]
    template = {"metadata": {"labels": meta.get("labels") or {}}, "spec": pod["spec"]}
    return workload(
        {
            "kind": "Pod",
            "metadata": {"name": meta["name"], "namespace": meta["namespace"]},
            "spec": {"selector": {}, "template": template},
        }
    )


async def _workload(client: Client, resource: Resource, name: str, namespace: str) -> Workload:
    raw = await client.get(resource, name, namespace=namespace)
    return workload({**raw, "kind": resource.kind, "apiVersion": resource.api_version})


async def _asked(client: Client, found: Workload) -> tuple[CheckSpec | Problem, str]:
    report = await _report(client, found)
    if report is not None and report.spec.check is not None:
        return report.spec.check, f"as its report says (policy {report.spec.policy})"
    policy = await _policy(client, found)
    made = plan(policy or default_policy(found.namespace), found)
    source = (
        f"as policy {policy.metadata.name} says"
        if policy
        else "by the server that was recognised, as no policy selects it"
    )
    if made.check is None:
        first = made.problems[0] if made.problems else Problem("NotRecognised", "no server in it")
        return first, source
    return made.check, source


async def _report(client: Client, found: Workload) -> Report | None:
    name = report_name(found.kind, found.name)
    try:
        raw = await client.get(REPORTS, name, namespace=found.namespace)
    except NotFound:
        return None
    return read_reports([raw]).get(name)


async def _policy(client: Client, found: Workload) -> Policy | None:
    try:
        listed = await client.list(POLICIES, project=whole, namespace=found.namespace)
    except NotFound:
        return None  # our definitions are not installed: a check needs none
    policies, _ = read_policies(listed.items)
    held = claim(policies, [found]).held
    return next((policy for policy in policies if held[policy.metadata.name]), None)
