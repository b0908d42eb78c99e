"""A thousand workloads under one policy: each has its report, written once, and then rest."""

from datetime import UTC, datetime

import pytest

from inferencehealth.controller.admission import AdmissionPolicies
from inferencehealth.controller.moments import stamp
from inferencehealth.controller.reconcile import Reconciler
from inferencehealth.controller.together import together
from inferencehealth.controller.views import Silence
from inferencehealth.kube.client import Client
from inferencehealth.kube.events import Recorder
from inferencehealth.kube.requests import DEPLOYMENTS, POLICIES, REPORTS
from tests.integration.objects import Raw, deployment, policy

pytestmark = pytest.mark.integration

WORKLOADS = 1_000


def empty(number: int) -> Raw:
    """Without pods: it is the planning that is tried."""
    body = deployment(f"server-{number:04}")
    body["spec"]["replicas"] = 0
    return body


async def versions(client: Client, namespace: str) -> dict[str, tuple[str, int, str]]:
    """Of each report: version, generation, and what it says of its probes."""
    listed = await client.list(REPORTS, project=_version, namespace=namespace)
    return dict(listed.items)


def _version(raw: Raw) -> tuple[str, tuple[str, int, str]]:
    meta = raw["metadata"]
    state = raw["status"]["probes"]["state"]
    return meta["name"], (meta["resourceVersion"], meta["generation"], state)


async def test_a_thousand_workloads_are_planned_in_one_run_and_then_nothing_is_written(
    client: Client, namespace: str
) -> None:
    await together(
        client.create(DEPLOYMENTS, empty(number), namespace=namespace, manager="author")
        for number in range(WORKLOADS)
    )
    await client.create(POLICIES, policy(), namespace=namespace, manager="author")
    reconciler = Reconciler(
        client=client,
        events=Recorder(client, controller="test", instance="test"),
        silence_of=lambda _: Silence(0, ""),
        now=lambda: stamp(datetime.now(UTC)),
        admission=AdmissionPolicies(client),
    )
    await reconciler.namespace(namespace)
    first = await versions(client, namespace)
    assert len(first) == WORKLOADS
    assert {(generation, state) for _, generation, state in first.values()} == {(1, "Recommended")}
    found = await client.get(POLICIES, "p", namespace=namespace)
    assert found["status"]["summary"]["workloads"] == WORKLOADS

    await reconciler.namespace(namespace)
    assert await versions(client, namespace) == first
    again = await client.get(POLICIES, "p", namespace=namespace)
    assert again["metadata"]["resourceVersion"] == found["metadata"]["resourceVersion"]
