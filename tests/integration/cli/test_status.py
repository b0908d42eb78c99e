"""`ihp status` on a real API server with the real operator beside it."""

import asyncio
import json
import signal
from typing import Any

import pytest

from e2e.cluster.model import Cluster
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import DEPLOYMENTS, POLICIES
from tests.integration.awaiting import condition, until
from tests.integration.cli.conftest import Server
from tests.integration.cli.ihp import heard, ihp, running
from tests.integration.objects import deployment, policy
from tests.integration.programs import children

pytestmark = pytest.mark.integration


async def seen(cluster: Cluster, namespace: str, *words: str) -> dict[str, Any]:
    """The one policy of the namespace."""
    done = await ihp(
        cluster, namespace, "status", "--system-namespace", namespace, "-o", "json", *words
    )
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["policies"]
    return dict(found)


@pytest.mark.usefixtures("operator")
async def test_a_pod_that_breaks_is_shown_with_its_cause_and_the_next_command(
    cluster: Cluster, client: Client, namespace: str, server: Server
) -> None:
    good = await seen(cluster, namespace)
    assert (good["verdict"], good["ready"]) == ("Ready", "True")
    assert [pod["verdict"] for pod in good["workloads"][0]["pods"]] == ["Ready"]
    server.code = 500
    await until(client, POLICIES, namespace, "p", lambda p: condition(p, "Ready")[0] == "False")
    words = ("status", "p", "--system-namespace", namespace, "--exit-code")
    shown = await ihp(cluster, namespace, *words)
    assert shown.returncode == 1, shown.stderr
    top, workload, pod, command, *_ = shown.stdout.splitlines()
    assert top.startswith(f"{namespace}/p  Broken  Ready=False")
    assert "deployment/model (custom)  Broken" in workload
    assert "pod/model-" in pod
    assert "HTTP 500" in pod or "500" in pod
    assert "→ ihp diagnose pod/model-" in command
    assert "\x1b" not in shown.stdout


async def test_what_nobody_checks_any_more_turns_unknown(
    cluster: Cluster, namespace: str, operator: asyncio.subprocess.Process
) -> None:
    programs = children(operator.pid)
    operator.kill()
    for child in programs.values():
        child.send_signal(signal.SIGKILL)
    async with asyncio.timeout(60):
        while (found := await seen(cluster, namespace))["verdict"] == "Ready":
            pass
    assert (found["ready"], found["reason"]) == ("Unknown", "CheckerGone")
    assert found["workloads"][0]["next"] == [f"kubectl get leases -n {namespace}"]


@pytest.mark.usefixtures("operator")
async def test_watching_tells_each_change_and_ends_by_ctrl_c(
    cluster: Cluster, namespace: str, server: Server
) -> None:
    words = ("status", "-w", "--system-namespace", namespace)
    async with running(cluster, namespace, *words) as watching:
        await heard(watching.stdout, "p  Ready")
        server.code = 500
        await heard(watching.stdout, "p  Broken")
        server.code = 200
        await heard(watching.stdout, "p  Ready")
        watching.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(watching.wait(), 60) == 0


async def test_a_policy_without_a_controller_is_not_called_ready(
    cluster: Cluster, client: Client, namespace: str
) -> None:
    empty = await ihp(cluster, namespace, "status")
    assert (empty.returncode, empty.stdout) == (0, "")
    assert f"no InferenceHealthPolicy in namespace '{namespace}'; -A shows all" in empty.stderr
    await client.create(DEPLOYMENTS, deployment(), namespace=namespace)
    await client.create(POLICIES, policy(), namespace=namespace)
    found = await seen(cluster, namespace)
    assert (found["ready"], found["reason"]) == ("Unknown", "NotReconciled")


async def test_a_policy_that_is_not_there_is_wrong_usage(cluster: Cluster, namespace: str) -> None:
    done = await ihp(cluster, namespace, "status", "nobody")
    assert done.returncode == 2
    assert "no policy 'nobody'" in " ".join(done.stderr.replace("│", " ").split())
