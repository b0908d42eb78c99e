"""`ihp diagnose` of pods and workloads on a real API server; the tests play the kubelet."""

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from e2e.cluster.model import Cluster
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import DEPLOYMENTS, NETWORK_POLICIES, PODS, POLICIES
from tests.integration.awaiting import until
from tests.integration.cli.conftest import ADDRESS, Server
from tests.integration.cli.ihp import ihp
from tests.integration.objects import Raw, deployment, policy

pytestmark = pytest.mark.integration

STARTED = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}


async def deployed(client: Client, namespace: str, port: int, **container: Any) -> str:
    """A Deployment with a policy for the server on that port; gives the name of its one pod."""
    custom = {"profile": "custom", "port": port, "endpoints": {"ready": {"path": "/ready"}}}
    await client.create(POLICIES, policy(server=custom), namespace=namespace)
    body = deployment("model", image="registry.example/own-server:1", **container)
    await client.create(DEPLOYMENTS, body, namespace=namespace)
    await until(client, DEPLOYMENTS, namespace, "model", lambda d: d["status"].get("replicas") == 1)
    found = await client.list(PODS, project=lambda raw: raw, namespace=namespace)
    return str(found.items[0]["metadata"]["name"])


async def kubelet_says(
    client: Client,
    namespace: str,
    pod: str,
    *,
    ready: bool = True,
    state: Raw | None = None,
) -> None:
    """The status of the pod as a kubelet would write it."""
    container = {
        "name": "server",
        "image": "x",
        "imageID": "",
        "ready": ready,
        "started": ready,
        "restartCount": 0,
        "state": state or STARTED,
    }
    status = {
        "phase": "Running",
        "podIP": ADDRESS,
        "podIPs": [{"ip": ADDRESS}],
        "conditions": [{"type": "Ready", "status": str(ready)}],
        "containerStatuses": [container],
    }
    await client.merge_patch(
        PODS, pod, {"status": status}, manager="k", namespace=namespace, subresource="status"
    )


async def diagnose(
    cluster: Cluster, namespace: str, target: str = "deployment/model"
) -> tuple[int, dict[str, Any]]:
    done = await ihp(cluster, namespace, "diagnose", target, "--timeout", "1s", "-o", "json")
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, found


@contextmanager
def not_taking_connections() -> Iterator[int]:
    """A port where connections are neither taken nor refused, as behind a NetworkPolicy.

    Linux drops attempts to connect once the queue of a listener is full.
    """
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind((ADDRESS, 0))
        listening.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


async def test_a_pod_that_serves_gets_no_traffic_where_the_kubelet_disagrees(
    cluster: Cluster, client: Client, namespace: str, server: Server
) -> None:
    pod = await deployed(client, namespace, server.port)
    await kubelet_says(client, namespace, pod)
    code, found = await diagnose(cluster, namespace)
    assert (code, found["cause"]) == (0, "Nothing")
    await kubelet_says(client, namespace, pod, ready=False)
    code, found = await diagnose(cluster, namespace, f"pod/{pod}")
    assert (code, found["cause"]) == (0, "KubeletDisagrees")
    assert f"ihp recommend deployment/model -n {namespace}" in found["commands"]


async def test_a_server_that_fails_in_traffic_is_broken(
    cluster: Cluster, client: Client, namespace: str, server: Server
) -> None:
    server.code = 500
    await kubelet_says(client, namespace, await deployed(client, namespace, server.port))
    code, found = await diagnose(cluster, namespace)
    assert (code, found["cause"]) == (1, "Server")
    assert any("traffic still goes there" in evidence for evidence in found["evidence"])


async def test_the_declared_port_that_listens_is_named(
    cluster: Cluster, client: Client, namespace: str, server: Server
) -> None:
    with socket.socket() as free:
        free.bind((ADDRESS, 0))
        ports = [{"name": "real", "containerPort": server.port}]
        pod = await deployed(client, namespace, free.getsockname()[1], ports=ports)
        await kubelet_says(client, namespace, pod)
        code, found = await diagnose(cluster, namespace)
    assert (code, found["cause"]) == (1, "WrongPort")
    assert f"{server.port} (server's real) listens" in found["message"]


async def test_what_only_the_kubelet_reaches_is_kept_from_us(
    cluster: Cluster, client: Client, namespace: str
) -> None:
    deny = {"metadata": {"name": "deny-all"}, "spec": {"podSelector": {}}}
    egress = {"podSelector": {}, "policyTypes": ["Egress"]}
    other = {"podSelector": {"matchLabels": {"app": "other"}}}
    await asyncio.gather(
        client.create(NETWORK_POLICIES, deny, namespace=namespace),
        client.create(
            NETWORK_POLICIES, {"metadata": {"name": "out"}, "spec": egress}, namespace=namespace
        ),
        client.create(
            NETWORK_POLICIES, {"metadata": {"name": "other"}, "spec": other}, namespace=namespace
        ),
    )
    with not_taking_connections() as port:
        await kubelet_says(client, namespace, await deployed(client, namespace, port))
        code, found = await diagnose(cluster, namespace)
    assert (code, found["cause"]) == (4, "NetworkPolicy")
    assert found["evidence"] == ["NetworkPolicy deny-all restricts who may reach it"]


async def test_an_image_that_cannot_be_pulled_is_told_in_the_kubelets_words(
    cluster: Cluster, client: Client, namespace: str
) -> None:
    pod = await deployed(client, namespace, 8000)
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "manifest unknown"}}
    await kubelet_says(client, namespace, pod, ready=False, state=waiting)
    code, found = await diagnose(cluster, namespace)
    assert (code, found["cause"]) == (1, "Image")
    assert "manifest unknown" in found["message"]
    assert found["commands"] == [f"kubectl describe pod {pod} -n {namespace}"]


async def test_a_workload_without_pods_says_why(
    cluster: Cluster, client: Client, namespace: str
) -> None:
    body = deployment()
    body["spec"]["replicas"] = 0
    await client.create(DEPLOYMENTS, body, namespace=namespace)
    code, found = await diagnose(cluster, namespace, "deployment/triton")
    assert (code, found["cause"], found["message"]) == (4, "NoPods", "no replicas are wanted")


async def test_what_is_not_there_is_one_line(cluster: Cluster, namespace: str) -> None:
    done = await ihp(cluster, namespace, "diagnose", "deployment/nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert '"nowhere" not found' in done.stderr
    assert "Traceback" not in done.stderr
