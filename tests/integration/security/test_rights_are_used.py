"""Every right is used and none is missing: the whole operator under its own accounts, audited."""

import asyncio
import base64
import itertools
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.cluster.model import Cluster
from inferencehealth.admission.keeping import Keeper
from inferencehealth.admission.main import WebhookSettings
from inferencehealth.api.names import (
    CHECKER_MANAGER,
    CONTROLLER_MANAGER,
    READINESS_GATE,
    SYSTEM_NAMESPACE,
    WEBHOOK_MANAGER,
)
from inferencehealth.checker import roster
from inferencehealth.checker.members import CHECKER, Members
from inferencehealth.controller import gates as opening
from inferencehealth.controller.candidate import Terms
from inferencehealth.controller.election import Election
from inferencehealth.controller.gates import FailOpen
from inferencehealth.controller.views import Silence
from inferencehealth.installation.access import Program
from inferencehealth.installation.audit import compare
from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.events import ObjectRef, Recorder
from inferencehealth.kube.leases import lease_body
from inferencehealth.kube.requests import (
    DEPLOYMENTS,
    LEASES,
    MUTATING_POLICIES,
    MUTATING_POLICY_BINDINGS,
    PODS,
    POLICIES,
    REPORTS,
    SECRETS,
    STATEFUL_SETS,
    WEBHOOK_CONFIGURATIONS,
    Resource,
)
from tests.integration.admission.doors import configuration, free_port
from tests.integration.awaiting import until, until_gone
from tests.integration.checker.world import Server
from tests.integration.objects import Raw, container, deployment, policy
from tests.integration.programs import program
from tests.integration.security.accounts import INITIAL, install, kubeconfig_of, kubectl
from tests.integration.security.stage import kubelet

pytestmark = pytest.mark.integration

KEY = "Bearer planted-s3cret-of-the-story"
QUICK = {"interval": "1s", "timeout": "500ms", "failureThreshold": 2}
PATIENCE = 300.0
"""Seconds for one step; generous, because the machine may be busy with other things."""

ELSEWHERE = (
    "controller: list leaderworkersets",
    "controller: watch leaderworkersets",
)
"""Used where LeaderWorkerSet is installed: by the suites in e2e/ecosystem."""


@pytest.fixture(scope="module", params=["newest"])
def minor(request: pytest.FixtureRequest) -> str:
    """Admission policies are served by the newest API server alone."""
    found: str = request.param
    return found


class Keyed(Server):
    """A server that notices a request with the key."""

    def __init__(self) -> None:
        super().__init__()
        self.asked_with_key = asyncio.Event()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if KEY.encode() in head:
            self.asked_with_key.set()
        writer.write(b"HTTP/1.1 %d Any\r\nContent-Length: 0\r\n\r\n" % self.status)
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Keyed]:
    made = Keyed()
    await made.open(0)
    yield made
    made.close()


def custom(port: int) -> Raw:
    return {"profile": "custom", "port": port, "endpoints": {"ready": {"path": "/ready"}}}


def stateful(name: str) -> Raw:
    body = deployment(name, image="registry.example/own-server:1")
    body["spec"]["serviceName"] = name
    return body


async def key_of_a_user(client: Client, cluster: Cluster, namespace: str) -> None:
    """The Secret with a canary's header, and the rights to read it, as docs/checks.md has them."""
    data = {"Authorization": base64.b64encode(KEY.encode()).decode()}
    secret = {"metadata": {"name": "canary-key"}, "data": data}
    await client.create(SECRETS, secret, namespace=namespace, manager="author")
    meta = {"name": "canary-key", "namespace": namespace}
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": meta,
        "rules": [
            {
                "apiGroups": [""],
                "resources": ["secrets"],
                "resourceNames": ["canary-key"],
                "verbs": ["get"],
            }
        ],
    }
    account = {
        "kind": "ServiceAccount",
        "name": Program.CHECKER.account,
        "namespace": SYSTEM_NAMESPACE,
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": meta,
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "Role",
            "name": "canary-key",
        },
        "subjects": [account],
    }
    kubectl(cluster, "apply", "-f", "-", stdin=yaml.safe_dump_all([role, binding]))


async def test_every_right_is_used_and_none_is_missing(  # noqa: PLR0917
    cluster: Cluster,
    client: Client,
    as_controller: Client,
    as_checker: Client,
    namespace: str,
    server: Keyed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert cluster.audit_log is not None, "this cluster writes no audit log"
    audit = cluster.audit_log
    install(cluster, INITIAL)
    for resource, name in ((LEASES, CONTROLLER_MANAGER), (SECRETS, f"{WEBHOOK_MANAGER}-tls")):
        words = ("delete", resource.plural, name, "--namespace", SYSTEM_NAMESPACE)
        kubectl(cluster, *words, "--ignore-not-found")
    before = audit.stat().st_size
    log = tmp_path / "log"
    await key_of_a_user(client, cluster, namespace)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(webhook(cluster, client, namespace, log, tmp_path))
        for which, words in (
            (Program.CONTROLLER, ("controller", "--no-leader-elect")),
            (Program.CHECKER, ("checker", "--identity", "story", "--transport", "direct")),
        ):
            config = kubeconfig_of(cluster, which, tmp_path)
            await stack.enter_async_context(program(*words, kubeconfig=config, log=log))
        await stack.enter_async_context(kubelet(client, namespace, server.host))
        await applied_and_restored(client, namespace, server)
        await joining_rollouts(client, namespace)
    await elected(as_controller)
    await certificates_renewed(cluster, tmp_path)
    await a_checker_that_is_gone(as_controller, as_checker, client, namespace, monkeypatch)
    await said_twice(as_controller, as_checker, namespace)
    with audit.open() as written:
        written.seek(before)
        lines = [line for line in written if is_about(line, namespace)]
    found = compare(
        lines, system_namespace=SYSTEM_NAMESPACE, initial_mode=True, tolerated=ELSEWHERE
    )
    assert found.refused == (), log.read_text()
    assert found.unused == ()
    # What a user granted, and nobody else.
    assert [line.split(" (")[0] for line in found.beyond] == [
        f"checker: get secrets in namespace {namespace}"
    ]
    assert "planted-s3cret" not in log.read_text()


def is_about(line: str, namespace: str) -> bool:
    """Whether the line is the story's: what earlier tests left behind is looked at as well."""
    where = (json.loads(line).get("objectRef") or {}).get("namespace") or ""
    return where in {"", namespace, SYSTEM_NAMESPACE}


@asynccontextmanager
async def webhook(
    cluster: Cluster, client: Client, namespace: str, log: Path, folder: Path
) -> AsyncIterator[None]:
    """The webhook under its account, asked about this namespace only."""
    port = free_port()
    body = configuration(WEBHOOK_MANAGER, port)
    (hook,) = body["webhooks"]
    hook["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    kubectl(cluster, "delete", WEBHOOK_CONFIGURATIONS.plural, WEBHOOK_MANAGER, "--ignore-not-found")
    await client.create(WEBHOOK_CONFIGURATIONS, body, manager="author")
    try:
        words = ("webhook", "--host", "127.0.0.1", "--port", str(port), "--name", "127.0.0.1")
        config = kubeconfig_of(cluster, Program.WEBHOOK, folder)
        async with program(*words, kubeconfig=config, log=log):
            await until_one(
                client,
                WEBHOOK_CONFIGURATIONS,
                WEBHOOK_MANAGER,
                lambda raw: raw["webhooks"][0]["clientConfig"].get("caBundle"),
            )
            yield
    finally:
        await client.delete(WEBHOOK_CONFIGURATIONS, WEBHOOK_MANAGER)


async def until_one(
    client: Client, resource: Resource, name: str, is_so: Callable[[Raw], Any]
) -> Raw:
    """The object without a namespace, once `is_so` holds for it."""
    return await until(client, resource, "", name, is_so, deadline=PATIENCE)


async def applied_and_restored(client: Client, namespace: str, server: Keyed) -> None:
    """Mode Apply with gates and a canary, changed once, its verdict broken once, then let go."""
    workloads = ((DEPLOYMENTS, "deployment"), (STATEFUL_SETS, "statefulset"))
    own = deployment("model", image="registry.example/own-server:1")
    await client.create(DEPLOYMENTS, own, namespace=namespace, manager="author")
    await client.create(STATEFUL_SETS, stateful("model"), namespace=namespace, manager="author")
    asked = {
        "mode": "Custom",
        "path": "/infer",
        "interval": "10s",
        "headersFrom": {"secretRef": {"name": "canary-key"}},
    }
    body = policy(
        server=custom(server.port),
        probes={"mode": "Apply", "onDelete": "Restore"},
        checks=QUICK
        | {"canary": asked, "readinessGate": True, "readinessGateLimits": {"floor": 0}},
    )
    body["spec"]["target"]["kinds"] = ["Deployment", "StatefulSet"]
    await client.create(POLICIES, body, namespace=namespace, manager="author")
    for resource, _ in workloads:
        await until(
            client,
            resource,
            namespace,
            "model",
            lambda raw: "readinessProbe" in container(raw),
            deadline=PATIENCE,
        )
    for verdict, status in (("Ready", 200), ("Broken", 500), ("Ready", 200)):
        server.status = status
        for _, kind in workloads:
            await until(
                client, REPORTS, namespace, f"{kind}-model", said(verdict), deadline=PATIENCE
            )
    await asyncio.wait_for(server.asked_with_key.wait(), PATIENCE)
    change = {"spec": {"checks": {"interval": "2s"}}}
    await client.merge_patch(POLICIES, "p", change, namespace=namespace, manager="author")
    await until(
        client,
        REPORTS,
        namespace,
        "deployment-model",
        lambda raw: raw["spec"]["check"]["interval"] == "2s",
        deadline=PATIENCE,
    )
    await client.delete(POLICIES, "p", namespace=namespace)
    for resource, kind in workloads:
        await until_gone(client, REPORTS, namespace, f"{kind}-model")
        after = await client.get(resource, "model", namespace=namespace)
        assert "readinessProbe" not in container(after)


def said(verdict: str) -> Callable[[Raw], bool]:
    def is_so(raw: Raw) -> bool:
        health = raw.get("status", {}).get("health") or {}
        return bool(health.get("verdict") == verdict)

    return is_so


async def joining_rollouts(client: Client, namespace: str) -> None:
    """Mode Initial: admission policies made, changed, mended, and taken away."""
    body = policy("initial", probes={"mode": "Initial"})
    body["spec"]["target"]["selector"] = {"matchLabels": {"tier": "new"}}
    body["spec"]["server"] = {"profile": "triton"}
    await client.create(POLICIES, body, namespace=namespace, manager="author")
    name = await first_named(client, namespace)
    was = (await client.get(MUTATING_POLICIES, name))["metadata"]["generation"]
    tampered = {"spec": {"policyName": "elsewhere"}}
    await client.merge_patch(MUTATING_POLICY_BINDINGS, name, tampered, manager="author")
    change = {"spec": {"probes": {"liveness": {"periodSeconds": 17}}}}
    await client.merge_patch(POLICIES, "initial", change, namespace=namespace, manager="author")
    await until_one(
        client, MUTATING_POLICIES, name, lambda raw: raw["metadata"]["generation"] > was
    )
    await until_one(
        client,
        MUTATING_POLICY_BINDINGS,
        name,
        lambda raw: raw["spec"]["policyName"] == name,
    )
    await client.delete(POLICIES, "initial", namespace=namespace)
    await until_gone(client, MUTATING_POLICIES, "", name)


async def first_named(client: Client, namespace: str) -> str:
    """The name of the namespace's first admission policy that is bound."""
    label = f"inferencehealth.dev/namespace={namespace}"
    async with asyncio.timeout(PATIENCE):
        for _ in itertools.count():
            listed = await client.list(
                MUTATING_POLICY_BINDINGS, project=whole, label_selector=label
            )
            if listed.items:
                return str(listed.items[0]["metadata"]["name"])
            await asyncio.sleep(0.2)
    raise AssertionError


async def elected(as_controller: Client) -> None:
    """A copy that leads and steps down; not within the program, which ends when a machine is too
    busy to renew in time."""
    patient = Terms(lease=600.0, deadline=300.0, request=100.0)
    election = Election(as_controller, SYSTEM_NAMESPACE, "story", terms=patient, end=pytest.fail)
    await election.win()
    await election.release()


async def certificates_renewed(cluster: Cluster, folder: Path) -> None:
    """The webhook's Secret, written anew years later by its own keeper."""
    from inferencehealth.kube import config  # noqa: PLC0415
    from inferencehealth.kube.client import connect  # noqa: PLC0415

    access = await config.load(kubeconfig_of(cluster, Program.WEBHOOK, folder))
    place = WebhookSettings(names=("127.0.0.1",)).place
    async with connect(access) as as_webhook:
        later = Keeper(as_webhook, place, lambda: datetime.now(UTC) + timedelta(days=4000))
        await later.look()


async def a_checker_that_is_gone(
    as_controller: Client,
    as_checker: Client,
    client: Client,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its gate is opened by the controller, and its Lease deleted by another checker."""
    monkeypatch.setattr(opening, "PERIOD", 0.1)
    labels = {"app": "gone"}
    check = {
        "profile": "custom",
        "container": "server",
        "port": 1,
        "podSelector": {"matchLabels": labels},
        "endpoints": {"ready": {"path": "/ready"}},
        "interval": "10s",
        "timeout": "1s",
        "failureThreshold": 2,
        "successThreshold": 1,
        "startupBudget": "1h",
        "gate": {"failOpenAfter": "15s", "floor": 0},
    }
    workload = {"kind": "Deployment", "name": "gone", "uid": "gone"}
    report = {
        "metadata": {"name": "gone"},
        "spec": {"policy": "gone", "workload": workload, "check": check},
    }
    await client.create(REPORTS, report, namespace=namespace, manager="author")
    health = {"status": {"health": {"checkedBy": "inferencehealth-checker-gone"}}}
    await client.merge_patch(
        REPORTS, "gone", health, namespace=namespace, manager="author", subresource="status"
    )
    pod = {
        "metadata": {"name": "gone", "labels": labels},
        "spec": {
            "automountServiceAccountToken": False,
            "readinessGates": [{"conditionType": READINESS_GATE}],
            "containers": [{"name": "server", "image": "x"}],
        },
    }
    await client.create(PODS, pod, namespace=namespace, manager="author")
    events = Recorder(as_controller, controller="story", instance="story")
    watch = FailOpen(
        as_controller, lambda _: Silence(16.0, "12:00:00 UTC"), events, namespace=namespace
    )
    opened = asyncio.create_task(watch.run())
    try:
        await until(client, PODS, namespace, "gone", is_open, deadline=PATIENCE)
    finally:
        opened.cancel()
    monkeypatch.setattr(roster, "FORGOTTEN", 0.5)
    monkeypatch.setattr(roster, "SETTLE", 0.5)
    name = f"inferencehealth-checker-dead-{os.getpid()}"
    scope = namespace
    dead = lease_body(
        holder=name,
        labels={
            "inferencehealth.dev/member": CHECKER,
            "inferencehealth.dev/scope": scope,
        },
        duration=1,
        now=datetime.now(UTC),
    )
    dead["metadata"]["name"] = name
    await client.create(LEASES, dead, namespace=SYSTEM_NAMESPACE, manager=CHECKER_MANAGER)
    members = Members(
        as_checker,
        name=f"inferencehealth-checker-alive-{os.getpid()}",
        namespace=SYSTEM_NAMESPACE,
        scope=scope,
        shared=lambda _: None,
        unfit=lambda: "",
    )
    running = asyncio.create_task(members.run())
    try:
        await until_gone(client, LEASES, SYSTEM_NAMESPACE, name)
    finally:
        running.cancel()
        await members.leave()


def is_open(pod: Raw) -> bool:
    conditions = pod["status"].get("conditions") or ()
    return any(c["type"] == READINESS_GATE and c["status"] == "True" for c in conditions)


async def said_twice(as_controller: Client, as_checker: Client, namespace: str) -> None:
    """A repetition is counted on its Event."""
    about = ObjectRef("v1", "Pod", namespace, "gone", "gone")
    for who in (as_controller, as_checker):
        events = Recorder(who, controller="story", instance="story")
        for _ in range(2):
            await events.emit(about, type="Normal", reason="Told", note="twice", action="Tell")
