"""Loads that a checker reports become a startup budget, and no rollout more than is needed."""

from typing import Any

import pytest

from inferencehealth.api.names import CHECKER_MANAGER
from inferencehealth.api.report import Health, Startup
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import DEPLOYMENTS, POLICIES, REPORTS
from inferencehealth.kubelet import numbers_of, startup_allowance
from tests.integration.awaiting import until
from tests.integration.objects import TRITON, container, deployment, policy

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("controller")]

NAME = "deployment-triton"


async def observe(client: Client, namespace: str, *, count: int, p90: float) -> None:
    """Say what a checker would have seen."""
    seen = Startup(image=TRITON, count=count, p50=p90, p90=p90, max=p90)
    health = Health(verdict="Ready", startups=(seen,))
    await client.apply(
        REPORTS,
        NAME,
        {"status": {"health": health.manifest()}},
        namespace=namespace,
        manager=CHECKER_MANAGER,
        subresource="status",
        force=True,
    )


async def told(client: Client, namespace: str, words: str) -> None:
    """Until the report gives these words as the reason of the startup probe."""

    def is_so(raw: dict[str, Any]) -> bool:
        startup = raw.get("status", {}).get("probes", {}).get("startup") or {}
        return startup.get("state") == "Injected" and words in startup.get("reason", "")

    await until(client, REPORTS, namespace, NAME, is_so)


async def test_slow_loads_raise_the_startup_budget_and_similar_ones_change_nothing(
    client: Client, namespace: str
) -> None:
    body = deployment()
    body["spec"]["replicas"] = 0  # nobody runs pods here, so a rollout would never end
    await client.create(DEPLOYMENTS, body, namespace=namespace, manager="author")
    await client.create(
        POLICIES, policy(probes={"mode": "Apply"}), namespace=namespace, manager="author"
    )
    await told(client, namespace, "not restarted during the first 10m")

    await observe(client, namespace, count=6, p90=560)
    await told(client, namespace, "startup 14m: p90 of 6 observed loads is 9m20s × 1.5")
    raised = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
    assert startup_allowance(numbers_of(container(raised)["startupProbe"])) == 840

    await observe(client, namespace, count=7, p90=640)
    await told(client, namespace, "p90 of 7 observed loads is 10m40s")
    same = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
    assert same["metadata"]["generation"] == raised["metadata"]["generation"]

    await observe(client, namespace, count=8, p90=800)
    await told(client, namespace, "startup 20m: p90 of 8 observed loads is 13m20s × 1.5")
    last = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
    assert last["metadata"]["generation"] == raised["metadata"]["generation"] + 1
