"""`ihp diagnose`: finds out why a server does not serve, and says what to do about it."""

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import typer
import yaml
from rich.console import Console
from rich.text import Text

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
from inferencehealth.checks.candidate import NO_ANSWER, RESET
from inferencehealth.checks.steps import Outcome, Peer, Reading, Request, Trust
from inferencehealth.checks.verdicts import SERVING
from inferencehealth.cli.address import Address, is_url, parse_address, peers_at
from inferencehealth.cli.asked import owner_of, parse_target, subject
from inferencehealth.cli.check import (
    COLOURS,
    EXIT_CODES,
    Output,
    Question,
    first_that_listens,
    spec_of,
)
from inferencehealth.controller.reading import read_reports
from inferencehealth.controller.reports import report_name
from inferencehealth.controller.views import SilenceOf, view
from inferencehealth.diagnosis.facts import (
    Facts,
    Listening,
    NameSeen,
    PodSeen,
    PodsSeen,
    PortSeen,
    Told,
)
from inferencehealth.diagnosis.of_answers import UNREACHED
from inferencehealth.diagnosis.procedure import Diagnosis, Mark, diagnose
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
from inferencehealth.profiles.registry import profile_named
from inferencehealth.status.freshness import heard, sign_of_life, silences, unheard
from inferencehealth.workloads import container

PATIENCE: Final = 4
"""Times the timeout that a slow server is given, to tell it from a hung one."""
MOST_PATIENCE: Final = 30.0
KNOCK: Final = 2.0
"""Seconds to find out whether a port listens."""
MAX_WORDS: Final = 300
"""Characters of the kubelet's own words that are shown."""
SWAPPED: Final = frozenset({"TlsFailed", "NotHttp", RESET, "UnexpectedStatus"})
"""Reasons of a check that may come from TLS where plain HTTP is asked, or the reverse."""
MARKS: Final = {Mark.GOOD: "✓", Mark.BAD: "✗"}


@dataclass(frozen=True, slots=True)
class Place:
    """The cluster and namespace of a target; an empty namespace is that of the context.

    `system` is where the operator keeps its Leases.
    """

    kubeconfig: Path | None
    namespace: str
    system: str = SYSTEM_NAMESPACE


def diagnose_target(target: str, question: Question, place: Place, output: Output) -> int:
    """Collect the facts, print the diagnosis; returns the exit code, as of `ihp check`.

    Raises KubeError where the cluster can't be asked or has no such object, and
    typer.BadParameter for a target or profile that can't be used.
    """
    if is_url(target):
        facts = asyncio.run(_of_url(target, question))
    elif question.profile:
        told = "it goes with a URL; the server of a pod is recognised, or named by its policy"
        raise typer.BadParameter(told, param_hint="'--profile'")
    else:
        facts = asyncio.run(_of_cluster(target, place, question.timeout))
    found = diagnose(facts)
    _show(found, output)
    return EXIT_CODES[found.found.verdict]


async def _of_url(target: str, question: Question) -> Facts:
    address = parse_address(target)
    spec = spec_of(question, address.port)
    https = address.scheme is Scheme.HTTPS
    facts = Facts(
        target,
        question.profile,
        address.port,
        timeout=spec.timeout,
        https=https,
        inside=is_inside(),
    )
    name = await _resolve(address)
    if name is not None and name.trouble:
        return replace(facts, name=name)
    peers = peers_at(address, ca_file=question.ca_file, insecure=question.insecure)
    direct = await first_that_listens(spec, peers)
    usual = usual_port(question.profile)
    known = {usual: f"the usual one of {question.profile}"} if usual else {}
    # The last address is the one that counted, unless an earlier one listened.
    peer = peers[-1] if direct.reason == "ConnectionRefused" else await _answering(spec, peers)
    facts = replace(facts, name=name, direct=direct)
    return await _closer(facts, spec, peer, transports.ask, known)


def usual_port(profile: str) -> int | None:
    """The port on which servers of the profile listen where nobody says another."""
    return profile_named(profile).port(container({"name": "server"}))


async def _answering(spec: CheckSpec, peers: Sequence[Peer]) -> Peer:
    """The first of a host's addresses where something listens."""
    for peer in peers[:-1]:
        if await _knock(transports.ask, peer, spec.port) is Listening.YES:
            return peer
    return peers[-1]


async def _resolve(address: Address) -> NameSeen | None:
    try:
        ip_address(address.host)
    except ValueError:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(address.host, address.port)
        except OSError as error:
            return NameSeen(address.host, trouble=error.strerror or str(error))
        return NameSeen(address.host, tuple(dict.fromkeys(str(each[4][0]) for each in found)))
    return None


async def _of_cluster(target: str, place: Place, timeout: float) -> Facts:  # noqa: ASYNC109
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
    return await _closer(facts, spec, peer, ask, _declared(raw))


async def _closer(
    facts: Facts, spec: CheckSpec, peer: Peer, ask: Ask, known: dict[int, str]
) -> Facts:
    """A closer look where the check failed: with more time, at other ports, with other TLS."""
    check = facts.proxied or facts.direct
    reason = check.reason if check else ""
    if reason == NO_ANSWER:
        longer = max(min(PATIENCE * spec.timeout, MOST_PATIENCE), spec.timeout)
        slow = spec.model_copy(update={"timeout": longer})
        return replace(facts, patient=await check_once(slow, peer, ask))
    if reason == "ConnectionRefused":
        others = [number for number in known if number != spec.port]
        seen = [PortSeen(n, await _knock(ask, peer, n), known[n]) for n in others]
        return replace(facts, ports=tuple(seen))
    if reason in SWAPPED:
        other = None if peer.trust is not None else Trust(_unverified())
        return replace(facts, swapped=await check_once(spec, replace(peer, trust=other), ask))
    return facts


def _unverified() -> ssl.SSLContext:
    """Only to find out whether anybody speaks TLS there; nothing that is answered is believed."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _knock(ask: Ask, peer: Peer, port: int) -> Listening:
    answer = await ask(peer, port, Request("/"), timeout=KNOCK)
    if answer.outcome is Outcome.REFUSED:
        return Listening.REFUSED
    silent = {Outcome.CONNECT_TIMEOUT, Outcome.UNREACHABLE}
    return Listening.SILENT if answer.outcome in silent else Listening.YES


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


def _show(found: Diagnosis, output: Output) -> None:
    if output is Output.JSON:
        print(json.dumps(document(found), indent=2))
    elif output is Output.YAML:
        yaml.safe_dump(document(found), sys.stdout, sort_keys=False)
    else:
        _tell(found)


def document(found: Diagnosis) -> dict[str, Any]:
    """The diagnosis as JSON and YAML have it."""
    return {
        "target": found.target,
        "verdict": found.found.verdict.value,
        "cause": found.found.cause.value,
        "message": found.found.summary,
        "evidence": list(found.found.evidence),
        "steps": [
            {"question": each.question, "result": each.mark.value, "message": each.told}
            for each in found.asked
        ],
        "advice": list(found.advice),
        "commands": list(found.commands),
    }


def _tell(found: Diagnosis) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for each in found.asked:
        if each.mark is not Mark.SKIPPED:
            told = f": {each.told}" if each.told else ""
            console.print(Text(f"{MARKS[each.mark]} {each.mark.value:<4}  {each.question}{told}"))
    result = Text(f"{found.target}  ")
    result.append(found.found.verdict.value, style=COLOURS[found.found.verdict])
    result.append(f"  cause: {found.found.cause.value}: {found.found.summary}")
    console.print(result)
    for evidence in found.found.evidence:
        console.print(Text(f"  evidence: {evidence}"))
    for advice in found.advice:
        console.print(Text(f"  do: {advice}"))
    for command in found.commands:
        console.print(Text(f"  next: {command}", style="bold"))
