"""`ihp dashboard` on a real API server with the real operator beside it."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from e2e.cluster.kubectl import kubectl
from e2e.cluster.model import Cluster
from tests.integration.cli.conftest import Server
from tests.integration.cli.ihp import PATIENCE, heard, ihp, running

pytestmark = pytest.mark.integration

WORDS = ("dashboard", "--no-browser", "--system-namespace")


async def events(stream: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    async for line in stream.content:
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: "))


async def until_verdict(stream: aiohttp.ClientResponse, verdict: str) -> dict[str, Any]:
    """The first row of a workload with that verdict."""
    async with asyncio.timeout(PATIENCE):
        async for told in events(stream):
            for row in told["workloads"]:
                if row["verdict"] == verdict:
                    return dict(row)
    pytest.fail(f"no workload was ever {verdict}")


@pytest.mark.usefixtures("operator")
async def test_a_pod_that_breaks_is_told_to_the_page_and_ctrl_c_ends_it_at_once(
    cluster: Cluster, namespace: str, server: Server
) -> None:
    async with running(cluster, namespace, *WORDS, namespace) as program:
        address = (await heard(program.stdout, "http://127.0.0.1:"))[-1].strip()
        async with aiohttp.ClientSession() as session, session.get(f"{address}events") as stream:
            good = await until_verdict(stream, "Ready")
            assert good["workload"] == "deployment/model"
            server.code = 500
            bad = await until_verdict(stream, "Broken")
            assert [verdict for _, verdict in bad["timeline"]] == ["Ready", "Broken"]
            async with session.get(f"{address}workloads/{bad['key']}") as answer:
                (pod,) = (await answer.json())["pods"]
            assert pod["verdict"] == "Broken"
            assert pod["next"][0].startswith("ihp diagnose pod/model-"), pod
            async with session.get(f"{address}recommendations/{bad['key']}") as answer:
                assert "+readinessProbe:" in (await answer.json())["diff"]
            program.send_signal(signal.SIGINT)
            async with asyncio.timeout(PATIENCE):
                assert await program.wait() == 0


def without_rights(cluster: Cluster, namespace: str, folder: Path) -> Cluster:
    """The cluster as the namespace's default account reaches it."""
    token = kubectl(cluster, "-n", namespace, "create", "token", "default").strip()
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    for user in config["users"]:
        user["user"] = {"token": token}
    found = folder / "kubeconfig"
    found.write_text(yaml.safe_dump(config))
    return replace(cluster, kubeconfig=found)


async def test_who_may_not_read_policies_is_told_so_in_a_line(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    nobody = without_rights(cluster, namespace, tmp_path)
    told = await ihp(nobody, namespace, *WORDS, namespace)
    assert told.returncode == 2
    assert "inferencehealth" in told.stderr
    assert "Traceback" not in told.stderr
    assert told.stdout == ""
