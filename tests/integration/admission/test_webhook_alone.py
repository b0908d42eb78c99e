"""The webhook when things around it change: replicas, certificates, others' webhooks."""

import base64
import json
import ssl
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from e2e.cluster.model import Cluster
from inferencehealth.admission.certificates import from_secret, renewed
from inferencehealth.admission.claimants import claimant
from inferencehealth.admission.keeping import Folder, Keeper, Place, load
from inferencehealth.admission.review import Record, decide
from inferencehealth.admission.server import application, serving
from inferencehealth.installation.access import Program
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import (
    DEPLOYMENTS,
    POLICIES,
    SECRETS,
    WEBHOOK_CONFIGURATIONS,
)
from tests.integration.admission.doors import (
    SYSTEM,
    Raw,
    attempt,
    configuration,
    free_port,
    initial,
    kubectl,
    open_for,
    probed,
    running,
    try_kubectl,
    until_kubectl,
)
from tests.integration.objects import deployment
from tests.integration.security.accounts import MANIFESTS, install, kubeconfig_of

pytestmark = [pytest.mark.integration]

HERE = "127.0.0.1"
RIGHTS = MANIFESTS / "base" / "rbac" / "webhook.yaml"


@pytest.fixture(scope="module")
def door_name() -> str:
    return "webhook"


@asynccontextmanager
async def configured(client: Client, body: Raw) -> AsyncIterator[str]:
    """The webhook configuration, as long as the block runs."""
    name: str = body["metadata"]["name"]
    await client.create(WEBHOOK_CONFIGURATIONS, body)
    try:
        yield name
    finally:
        await client.delete(WEBHOOK_CONFIGURATIONS, name)


def only(body: Raw, namespace: str) -> Raw:
    """The configuration for one namespace alone, so that tests do not meet each other."""
    (webhook,) = body["webhooks"]
    webhook["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    return body


def ours(namespace: str) -> web.Application:
    """A webhook that knows one policy, of that namespace."""
    raw = initial()
    head = {"apiVersion": "inferencehealth.dev/v1alpha1", "kind": "InferenceHealthPolicy"}
    known = claimant({**raw, **head, "metadata": {"name": "p", "namespace": namespace}})
    assert known is not None
    return application(
        lambda asked: decide(asked, lambda _: [known], lambda _: Record()), lambda: True
    )


def meddler() -> web.Application:
    """A webhook of somebody else that puts a container in front of all others."""

    async def mutate(request: web.Request) -> web.Response:
        asked = (await request.json())["request"]
        listed = asked["object"]["spec"]["template"]["spec"]["containers"]
        mesh = {"name": "mesh", "image": "istio-proxy"}
        operations = [{"op": "add", "path": "/spec/template/spec/containers/0", "value": mesh}]
        response: Raw = {"uid": asked["uid"], "allowed": True}
        if listed[0]["name"] != "mesh":
            patch = base64.b64encode(json.dumps(operations).encode()).decode()
            response |= {"patchType": "JSONPatch", "patch": patch}
        return web.json_response(
            {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
        )

    app = web.Application()
    app.router.add_post("/mutate", mutate)
    return app


async def test_without_an_answer_writes_go_through_as_they_are(
    cluster: Cluster, client: Client, namespace: str, tmp_path: Path
) -> None:
    await client.create(POLICIES, initial(), namespace=namespace, manager="author")
    name, port = f"gone-{namespace}", free_port()
    words = ["--host", HERE, "--port", str(port), "--name", HERE, "--configuration", name]
    async with configured(client, only(configuration(name, port), namespace)):
        with running(cluster, tmp_path / "log", "webhook", *words):
            await open_for(client, namespace, probed)
        made = await client.create(DEPLOYMENTS, deployment(), namespace=namespace, manager="author")
        assert not probed(made)
        # Two replicas on one Secret; and the next rollout is met again.
        with (
            running(cluster, tmp_path / "log", "webhook", *words),
            running(
                cluster,
                tmp_path / "log",
                "webhook",
                *["--host", HERE, "--port", "0", "--name", HERE, "--configuration", name],
            ),
        ):
            await open_for(client, namespace, probed)
            kubectl(cluster, "rollout", "restart", "-n", namespace, "deployment/triton")
            after = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
            assert probed(after)


async def test_the_rights_in_the_manifests_are_enough_and_are_those_of_nothing_else(
    cluster: Cluster, client: Client, namespace: str, tmp_path: Path
) -> None:
    install(cluster, RIGHTS)
    own = replace(cluster, kubeconfig=kubeconfig_of(cluster, Program.WEBHOOK, tmp_path))
    # The API server takes a moment to learn rights. Without them the program ends and says so, and
    # would be started again by a kubelet, of which there is none here.
    asked = ("auth", "can-i", "get", "secret/inferencehealth-webhook-tls", "--namespace", SYSTEM)
    until_kubectl(lambda said: said.stdout.strip() == "yes", own, *asked)
    await client.create(POLICIES, initial(), namespace=namespace, manager="author")
    port = free_port()
    body = only(configuration("inferencehealth-webhook", port), namespace)
    words = ["--host", HERE, "--port", str(port), "--name", HERE]
    async with configured(client, body):
        with running(own, tmp_path / "log", "webhook", *words):
            await open_for(client, namespace, probed)
    for verb, what in (("get", "secrets"), ("patch", "deployments"), ("list", "pods")):
        said = try_kubectl(own, "auth", "can-i", verb, what, "--namespace", namespace)
        assert said.stdout.strip() == "no"


async def test_whoever_changes_the_template_after_us_finds_the_probes_where_they_belong(
    client: Client, namespace: str
) -> None:
    async with AsyncExitStack() as stack:
        for prefix, app in (("aa", ours(namespace)), ("zz", meddler())):
            material = renewed(None, [HERE], datetime.now(UTC))
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            load(tls, material.serving.certificate, material.serving.key)
            port = await stack.enter_async_context(serving(app, tls, host=HERE, port=0))
            body = configuration(f"{prefix}-{namespace}", port, material.bundle)
            body["webhooks"][0]["failurePolicy"] = "Fail"
            await stack.enter_async_context(configured(client, only(body, namespace)))
        await open_for(
            client,
            namespace,
            lambda d: (
                [
                    (c["name"], "livenessProbe" in c)
                    for c in d["spec"]["template"]["spec"]["containers"]
                ]
                == [("mesh", False), ("server", True)]
            ),
        )


async def test_certificate_and_authority_are_renewed_while_the_api_server_goes_on_asking(
    client: Client, namespace: str
) -> None:
    now = datetime.now(UTC)
    clock = now
    name = f"renewed-{namespace}"
    place = Place(namespace, "webhook-tls", name, [HERE])
    keeper = Keeper(client, place, lambda: clock)
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(
            serving(ours(namespace), keeper.tls, host=HERE, port=0)
        )
        body = only(configuration(name, port), namespace)
        body["webhooks"][0]["failurePolicy"] = "Fail"
        await stack.enter_async_context(configured(client, body))
        issuers, bundles = [], []
        # The first authority is due by now; the second one stands beside it for two hours.
        for clock in (now - timedelta(days=490), now - timedelta(hours=2), now):
            await keeper.look()
            secret = await client.get(SECRETS, "webhook-tls", namespace=namespace)
            data = {key: base64.b64decode(value) for key, value in secret["data"].items()}
            material = from_secret(data)
            assert material is not None
            issuers.append(material.serving.parsed.issuer)
            bundles.append(len(material.authorities))
            found = await client.get(WEBHOOK_CONFIGURATIONS, name)
            trusted = found["webhooks"][0]["clientConfig"]["caBundle"]
            assert base64.b64decode(trusted) == material.bundle
            if clock > now - timedelta(days=1):
                await open_for(client, namespace, probed)
        assert bundles == [1, 2, 2]
        assert issuers[0] == issuers[1] != issuers[2]


async def test_replicas_that_start_together_share_one_certificate(
    client: Client, namespace: str
) -> None:
    place = Place(namespace, "shared-tls", "none", [HERE])
    keepers = [Keeper(client, place, lambda: datetime.now(UTC)) for _ in range(4)]
    for keeper in keepers:
        await keeper.look()
    secret = await client.get(SECRETS, "shared-tls", namespace=namespace)
    await keepers[0].look()
    after = await client.get(SECRETS, "shared-tls", namespace=namespace)
    assert after["metadata"]["resourceVersion"] == secret["metadata"]["resourceVersion"]


async def test_a_secret_that_somebody_spoiled_is_made_anew(client: Client, namespace: str) -> None:
    place = Place(namespace, "spoiled-tls", "none", [HERE])
    keeper = Keeper(client, place, lambda: datetime.now(UTC))
    await keeper.look()
    patch = {"data": {"tls.key": base64.b64encode(b"rubbish").decode()}}
    await client.merge_patch(SECRETS, "spoiled-tls", patch, namespace=namespace, manager="somebody")
    await keeper.look()
    secret = await client.get(SECRETS, "spoiled-tls", namespace=namespace)
    data = {key: base64.b64decode(value) for key, value in secret["data"].items()}
    assert from_secret(data) is not None


async def test_certificates_of_somebody_else_are_served_and_read_anew(
    client: Client, namespace: str, tmp_path: Path
) -> None:
    material = renewed(None, [HERE], datetime.now(UTC))
    (tmp_path / "tls.crt").write_bytes(material.serving.certificate)
    (tmp_path / "tls.key").write_bytes(material.serving.key)
    folder = Folder(tmp_path)
    await folder.look()
    async with serving(ours(namespace), folder.tls, host=HERE, port=0) as port:
        body = only(configuration(f"mounted-{namespace}", port, material.bundle), namespace)
        async with configured(client, body):
            await open_for(client, namespace, probed)
            assert not probed(await attempt(client, namespace, _unselected()))


def _unselected() -> Raw:
    body = deployment(f"w-{uuid.uuid4().hex[:6]}")
    body["metadata"]["labels"] = {"tier": "web"}
    return body
