"""`ihp check` of pods and workloads on a real API server: who is asked, what and which way."""

import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from e2e.cluster.model import Cluster
from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.requests import CONFIG_MAPS, DEPLOYMENTS, PODS, POLICIES
from tests.integration.checker.world import Server as Listener
from tests.integration.checker.world import make_pod, set_pod
from tests.integration.cli.conftest import ADDRESS, Server
from tests.integration.cli.ihp import ihp
from tests.integration.objects import deployment, policy
from tests.integration.pods import run_pod

pytestmark = pytest.mark.integration


async def checked(
    cluster: Cluster, namespace: str, target: str, *words: str
) -> tuple[int, dict[str, Any]]:
    done = await ihp(cluster, namespace, "check", target, "-o", "json", *words)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.usefixtures("operator")
async def test_each_pod_is_asked_what_its_report_says(
    cluster: Cluster, namespace: str, server: Server
) -> None:
    code, found = await checked(cluster, namespace, "deployment/model")
    assert (code, found["verdict"], found["message"]) == (0, "Ready", "1 of 1 pods serve")
    (pod,) = found["pods"]
    assert (pod["verdict"], pod["way"]) == ("Ready", "direct")
    assert pod["steps"][0]["request"] == f"GET :{server.port}/ready"
    server.code = 500
    code, alone = await checked(cluster, namespace, pod["target"])
    assert (code, alone["verdict"], alone["target"]) == (1, "Broken", pod["target"])
    assert alone["steps"][0]["status"] == 500
    assert alone.keys() == pod.keys()
    told = await ihp(cluster, namespace, "check", "deploy/model")
    assert "asked as its report says (policy p)" in told.stdout
    assert "asked at its own address" in told.stdout


async def test_without_a_policy_the_server_that_is_recognised_is_asked(
    cluster: Cluster, client: Client, namespace: str
) -> None:
    await client.create(DEPLOYMENTS, deployment(), namespace=namespace)
    await run_pod(client, namespace, ADDRESS)
    code, found = await checked(cluster, namespace, "deployment/triton", "--transport", "direct")
    assert (code, found["verdict"], found["reason"]) == (1, "Broken", "ConnectionRefused")
    assert found["pods"][0]["steps"][0]["request"] == "GET :8000/v2/health/live"


async def test_what_kubernetes_knows_of_a_pod_is_not_asked(
    cluster: Cluster, client: Client, namespace: str
) -> None:
    await client.create(DEPLOYMENTS, deployment(), namespace=namespace)
    await run_pod(client, namespace, ADDRESS)
    (pod,) = (await client.list(PODS, project=whole, namespace=namespace)).items
    crashing = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "ready": False}
    await set_pod(client, pod, ADDRESS, **crashing)
    code, found = await checked(cluster, namespace, f"pod/{pod['metadata']['name']}")
    assert (code, found["verdict"], found["reason"]) == (1, "Broken", "CrashLoopBackOff")
    assert (found["steps"], found["way"]) == ([], "")


async def test_a_pod_of_nobody_in_which_no_server_is_recognised_is_unknown(
    cluster: Cluster, client: Client, namespace: str
) -> None:
    await make_pod(client, namespace, "bare", ADDRESS, app="a")
    code, found = await checked(cluster, namespace, "pod/bare")
    assert (code, found["verdict"], found["reason"]) == (4, "Unknown", "ServerNotRecognised")


async def test_a_workload_without_pods_and_one_that_is_not_there(
    cluster: Cluster, client: Client, namespace: str
) -> None:
    body = deployment()
    body["spec"]["replicas"] = 0
    await client.create(DEPLOYMENTS, body, namespace=namespace)
    code, found = await checked(cluster, namespace, "deployment/triton")
    assert (code, found["reason"], found["pods"]) == (4, "NoPods", [])
    gone = await ihp(cluster, namespace, "check", "pod/gone")
    assert (gone.returncode, gone.stdout) == (2, "")
    assert '"gone" not found' in gone.stderr


@pytest.fixture
def address() -> str:
    """An address of this machine that the proxy takes for a pod's: it refuses loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(("203.0.113.1", 9))  # sends nothing: only the route is looked up
        except OSError:
            pytest.skip("this machine has no address besides loopback")
        return str(asked.getsockname()[0])


async def test_a_pod_is_asked_through_the_api_server_where_that_is_wanted(
    cluster: Cluster, client: Client, namespace: str, address: str
) -> None:
    listener = Listener()
    listener.host = address
    await listener.open(0)
    body = deployment("any", ports=[{"containerPort": listener.port, "name": "http"}])
    await client.create(DEPLOYMENTS, body, namespace=namespace)
    await run_pod(client, namespace, address)
    code, found = await checked(cluster, namespace, "deployment/any", "--transport", "proxy")
    listener.close()
    assert (code, found["verdict"]) == (0, "Ready"), found
    assert found["pods"][0]["way"] == "proxy"
    assert listener.asked > 0


class Engine:
    """Ready whatever happens, and infers for who sends the clip."""

    async def ready(self, _: web.Request) -> web.Response:
        """The endpoint that is always green."""
        return web.Response()

    async def infer(self, request: web.Request) -> web.Response:
        """Fails unless the body is the clip."""
        return web.Response(status=200 if await request.read() == b"RIFF" else 500)


@pytest.fixture
async def engine() -> AsyncIterator[int]:
    """The port of an engine at the pod's address."""
    app, behind = web.Application(), Engine()
    app.router.add_get("/ready", behind.ready)
    app.router.add_post("/infer", behind.infer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, ADDRESS, 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


@pytest.mark.parametrize(
    ("clip", "code", "verdict", "said"),
    [
        ("RIFF", 0, "Ready", "canary: Serves"),
        ("noise", 1, "Broken", "answered 500, expected 200"),
        (None, 4, "Unknown", "ConfigMap clip does not exist"),
    ],
)
async def test_the_policys_own_canary_is_sent_from_a_shell(
    cluster: Cluster,
    client: Client,
    namespace: str,
    engine: int,
    *,
    clip: str | None,
    code: int,
    verdict: str,
    said: str,
) -> None:
    if clip is not None:
        data = {"metadata": {"name": "clip"}, "data": {"a.wav": clip}}
        await client.create(CONFIG_MAPS, data, namespace=namespace)
    server = {"profile": "custom", "port": engine, "endpoints": {"ready": {"path": "/ready"}}}
    body_from = {"configMapKeyRef": {"name": "clip", "key": "a.wav"}}
    canary = {"mode": "Custom", "path": "/infer", "bodyFrom": body_from}
    asked = policy(server=server, checks={"canary": canary})
    await client.create(POLICIES, asked, namespace=namespace)
    workload = deployment("model", image="registry.example/own-server:1")
    await client.create(DEPLOYMENTS, workload, namespace=namespace)
    await run_pod(client, namespace, ADDRESS)
    words = ("check", "deployment/model", "--transport", "direct")
    plain = await ihp(cluster, namespace, *words)
    assert plain.returncode == 0, plain.stderr
    assert "was not asked to infer anything; --canary asks it" in plain.stdout
    done = await ihp(cluster, namespace, *words, "--canary")
    assert done.returncode == code, done.stdout
    told = " ".join(done.stdout.split())
    assert said in told
    assert verdict in told
    assert "was not asked" not in told
