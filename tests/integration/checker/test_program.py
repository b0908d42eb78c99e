"""The checker as a process of its own, as its pod runs it."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import aiohttp
import pytest

from e2e.cluster.model import Cluster
from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import NotFound
from inferencehealth.kube.requests import LEASES

from .world import LEASE, PATIENCE, Server, make_pod, make_report, said

pytestmark = pytest.mark.integration


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def page(port: int, path: str) -> str:
    url = f"http://127.0.0.1:{port}{path}"
    async with aiohttp.ClientSession(raise_for_status=True) as session, session.get(url) as answer:
        return await answer.text()


async def test_the_program_checks_and_leaves_in_order_when_told_to(
    cluster: Cluster, client: Client, namespace: str, server: Server, tmp_path: Path
) -> None:
    await make_report(client, namespace, "triton", server.port)
    await make_pod(client, namespace, "triton-0", server.host, app="triton")
    port = free_port()
    words = ["--namespace", namespace, "--system-namespace", namespace, "--identity", "test"]
    words += ["--listen", f"127.0.0.1:{port}"]
    log = tmp_path / "log"
    with log.open("w") as sink:
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "inferencehealth.cli", "checker", *words),
            stderr=sink,
            env=os.environ | {"KUBECONFIG": str(cluster.kubeconfig)},
        )
        try:
            await said(client, namespace, "triton", verdict="Ready", checkedBy=LEASE)
            assert 'inferencehealth_verdicts{verdict="Ready"} 1.0' in await page(port, "/metrics")
            assert await page(port, "/livez") == await page(port, "/readyz") == "ok\n"
        finally:
            program.send_signal(signal.SIGTERM)
            code = await asyncio.wait_for(program.wait(), PATIENCE)
    assert code == 0, log.read_text()
    with pytest.raises(NotFound):
        await client.get(LEASES, LEASE, namespace=namespace)
