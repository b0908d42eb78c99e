"""What `ihp diagnose` learns of a pod or a workload from the cluster and from the server itself."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from inferencehealth.api.names import SYSTEM_NAMESPACE
from inferencehealth.api.report import CheckSpec, Health
from inferencehealth.api.server import Scheme
from inferencehealth.api.target import Selector
from inferencehealth.checker.once import check_once
from inferencehealth.checker.peers import peer_of
from inferencehealth.checker.podproxy import PodProxy
from inferencehealth.checker.references import References
from inferencehealth.checker.rounds import Ask
from inferencehealth.checks import transports
from inferencehealth.checks.steps import Reading
from inferencehealth.checks.verdicts import SERVING
from inferencehealth.cli.asked import owner_of, parse_target, subject
from inferencehealth.cli.facts.closer import look_closer
from inferencehealth.controller.reading import read_reports
from inferencehealth.controller.reports import report_name
from inferencehealth.controller.views import SilenceOf, view
from inferencehealth.diagnosis.facts import (
    Facts,
    PodSeen,
    PodsSeen,
    Told,
)
from inferencehealth.diagnosis.of_answers import UNREACHED
from inferencehealth.kube import config
from inferencehealth.kube.client import Client, connect, whole
from inferencehealth.kube.config import is_inside
from inferencehealth.kube.errors import ApiError, NotFound
from inferencehealth.kube.pods import PodRecord
from inferencehealth.kube.requests import (
    LEASES,
    NETWORK_POLICIES,
    PODS,
    REPORTS,
    JsonObject,
    Resource,
)
from inferencehealth.kube.selectors import matches
from inferencehealth.kube.transport import open_transport
from inferencehealth.problems import Problem
from inferencehealth.status.freshness import heard, sign_of_life, silences, unheard

MAX_WORDS: Final = 300
"""Characters of the kubelet's own words that are shown."""


@dataclass(frozen=True, slots=True)
class Place:
    """The cluster and namespace of a target; an empty namespace is that of the context.

    `system` is where the operator keeps its Leases.
    """

    kubeconfig: Path | None
    namespace: str
    system: str = SYSTEM_NAMESPACE


async def of_cluster(target: str, place: Place, timeout: float) -> Facts:  # noqa: ASYNC109
    """The facts of a pod or workload; of a workload, those of its worst pod.

    Raises KubeError where the cluster can't be asked or has no such object, and typer.BadParameter
    for a target that is neither.
    """
    resource, name = parse_target(target)
    access = await config.load(place.kubeconfig)
    space = place.namespace or access.namespace or "default"
    async with connect(access) as client, open_transport(access) as wire:
        about = await subject(client, resource, name, space)
        ref = "" if resource is PODS else f"{resource.kind.lower()}/{name}"
        pods = await _pods(client, resource, name, space, about.pods) if ref else None
        spec = about.check if isinstance(about.check, CheckSpec) else None
        trouble = about.check.message if isinstance(about.check, Problem) else ""
        facts = Facts(
            target,
            spec.profile if spec else "",
            spec.port if spec else 0,
            timeout=timeout,
            namespace=space,
            workload=ref,
            https=spec is not None and spec.scheme is Scheme.HTTPS,
            inside=is_inside(),
            startup_budget=spec.startup_budget if spec else 0.0,
            pods=pods,
            trouble=trouble,
        )
        health = await _health(client, about.pods, ref, space, place.system)
        record = _worst(about.pods, health)
        if record is None:
            return facts
        if not ref and (owner := owner_of(record)):
            facts = replace(facts, workload=f"{owner[0].lower()}/{owner[1]}")
        raw = await client.get(PODS, record.name, namespace=space)
        seen = _pod(record, raw, spec, client.server_time or datetime.now(UTC))
        facts = replace(facts, pod=seen, told=_told(health, record.name))
        if spec is None or not record.ip:
            return facts
        asking = spec.model_copy(update={"timeout": timeout})
        return await _ask_pod(client, PodProxy(wire), facts, asking, (record, raw))


async def _ask_pod(
    client: Client,
    proxy: PodProxy,
    facts: Facts,
    spec: CheckSpec,
    pod: tuple[PodRecord, JsonObject],
) -> Facts:
    """The deep check of the pod both ways, and what explains its result."""
    record, raw = pod
    peer = await peer_of(spec, record, record.ip, References(client.get))
    if isinstance(peer, Reading):
        return replace(facts, trouble=peer.message)
    direct = await check_once(spec, peer, transports.ask)
    facts = replace(facts, direct=direct)
    ask: Ask = transports.ask
    if direct.reason in UNREACHED:
        proxied = await check_once(spec, peer, proxy.ask)
        policies = await _policies(client, record)
        facts, ask = replace(facts, proxied=proxied, policies=policies), proxy.ask
    return await look_closer(facts, spec, peer, ask, _declared(raw))


async def _pods(
    client: Client, resource: Resource, name: str, namespace: str, pods: Sequence[PodRecord]
) -> PodsSeen:
    """How many pods the workload wants and has, and why there are too few."""
    raw = await client.get(resource, name, namespace=namespace)
    conditions = (raw.get("status") or {}).get("conditions") or ()
    failed = [c for c in conditions if c["type"] == "ReplicaFailure" and c["status"] == "True"]
    return PodsSeen(
        wanted=raw["spec"].get("replicas", 1),
        total=len(pods),
        ready=sum(pod.ready for pod in pods),
        trouble=_words(failed[0].get("message") or "") if failed else "",
    )


def _words(text: str) -> str:
    """What Kubernetes says, fit for a line."""
    return "".join(letter for letter in text if letter.isprintable())[:MAX_WORDS]


def _declared(raw: JsonObject) -> dict[int, str]:
    """The TCP ports that the pod's containers declare, and how they call them."""
    return {
        port["containerPort"]: f"{each['name']}'s {port['name']}" if port.get("name") else ""
        for each in raw["spec"].get("containers") or ()
        for port in each.get("ports") or ()
        if port.get("protocol", "TCP") == "TCP"
    }


def _pod(record: PodRecord, raw: JsonObject, spec: CheckSpec | None, now: datetime) -> PodSeen:
    name = spec.container if spec else record.containers[0].name
    statuses = (raw.get("status") or {}).get("containerStatuses") or ()
    said: JsonObject = next((status for status in statuses if status["name"] == name), {})
    words = ((said.get("state") or {}).get("waiting") or {}).get("message") or ""
    found = record.container(name)
    started = found.started_at if found else None
    return PodSeen(
        record,
        name,
        words=_words(words),
        age=None if started is None else max(0.0, now.timestamp() - started),
    )


async def _health(
    client: Client, pods: Sequence[PodRecord], workload: str, namespace: str, system: str
) -> Health | None:
    """What the operator says of the workload, as far as a checker still stands behind it."""
    owner = tuple(workload.split("/")) if workload else owner_of(pods[0]) if pods else None
    if owner is None:
        return None
    name = report_name(owner[0], owner[1])
    try:
        raw = await client.get(REPORTS, name, namespace=namespace)
    except NotFound:
        return None
    report = read_reports([raw]).get(name)
    if report is None or report.status.health is None:
        return None
    silence_of = await _silence(client, system, report.status.health.checked_by)
    return view(report, silence_of).health


async def _silence(client: Client, system: str, lease: str) -> SilenceOf:
    try:
        sign = sign_of_life(await client.get(LEASES, lease, namespace=system))
    except NotFound:
        sign = None
    except ApiError:
        return unheard
    now = time.monotonic()
    known = {lease: heard(None, sign, server_time=client.server_time, now=now)} if sign else {}
    return silences(known, now)


def _worst(pods: Sequence[PodRecord], health: Health | None) -> PodRecord | None:
    """The pod to look at: the one of which the operator says the worst, else one not ready."""
    serving = {verdict.value for verdict in SERVING}
    bad = [pod.name for pod in (health.pods if health else ()) if pod.verdict not in serving]
    ranks = {name: rank for rank, name in enumerate(bad)}
    return min(
        pods, key=lambda pod: (ranks.get(pod.name, len(ranks)), pod.ready, pod.name), default=None
    )


def _told(health: Health | None, pod: str) -> Told | None:
    if health is None:
        return None
    findings = tuple((one.id, one.message, one.remedy) for one in health.findings)
    for each in health.pods:
        if each.name == pod:
            return Told(each.verdict, each.reason, each.message, findings)
    return Told(health.verdict, health.reason, health.message, findings)


async def _policies(client: Client, pod: PodRecord) -> tuple[str, ...]:
    """The NetworkPolicies that restrict who may reach the pod, as far as we may list them."""
    try:
        listed = await client.list(NETWORK_POLICIES, project=whole, namespace=pod.namespace)
    except ApiError:
        return ()
    return tuple(
        raw["metadata"]["name"]
        for raw in listed.items
        if "Ingress" in (raw["spec"].get("policyTypes") or ("Ingress",))
        and matches(Selector.model_validate(raw["spec"].get("podSelector") or {}), pod.labels)
    )
