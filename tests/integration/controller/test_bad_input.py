"""Each mistake has a condition and a message that names the object and the remedy."""

from typing import Any

import pytest

from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import DEPLOYMENTS, POLICIES, REPORTS
from tests.integration.awaiting import condition, message, until, until_gone
from tests.integration.objects import container, deployment, policy

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("controller")]


async def test_a_policy_that_selects_nothing_waits_and_says_so(
    client: Client, namespace: str
) -> None:
    await client.create(POLICIES, policy(), namespace=namespace, manager="author")
    found = await until(
        client, POLICIES, namespace, "p", lambda p: condition(p, "Ready")[1] == "NoWorkloads"
    )
    assert condition(found, "Ready")[0] == "Unknown"
    assert "matches no workload" in message(found, "Ready")
    assert found["status"]["observedGeneration"] == 1


async def test_a_port_name_that_does_not_exist_is_named_with_those_that_do(
    client: Client, namespace: str
) -> None:
    await client.create(DEPLOYMENTS, deployment(), namespace=namespace, manager="author")
    await client.create(
        POLICIES, policy(server={"port": "htpp"}), namespace=namespace, manager="author"
    )
    found = await until(
        client, POLICIES, namespace, "p", lambda p: condition(p, "Stalled")[0] == "True"
    )
    assert condition(found, "Stalled")[1] == "PortNotFound"
    assert "htpp" in message(found, "Stalled")
    assert "http" in message(found, "Stalled")
    assert condition(found, "Ready")[0] != "True"


async def test_a_deployment_that_nothing_recognises_is_left_alone_and_named(
    client: Client, namespace: str
) -> None:
    before = await client.create(
        DEPLOYMENTS, deployment("web", image="nginx:1.27"), namespace=namespace
    )
    await client.create(
        POLICIES, policy(probes={"mode": "Apply"}), namespace=namespace, manager="author"
    )
    found = await until(
        client, POLICIES, namespace, "p", lambda p: condition(p, "Stalled")[0] == "True"
    )
    assert condition(found, "Stalled")[1] == "ServerNotRecognised"
    assert "deployment/web" in message(found, "Stalled")
    after = await client.get(DEPLOYMENTS, "web", namespace=namespace)
    assert after["metadata"]["generation"] == before["metadata"]["generation"]


async def test_of_two_policies_the_older_holds_the_workload_and_the_younger_says_so(
    client: Client, namespace: str
) -> None:
    await client.create(DEPLOYMENTS, deployment(), namespace=namespace, manager="author")
    # Of policies created within one second the name decides; both ways "a" is the one that holds.
    await client.create(POLICIES, policy("a"), namespace=namespace, manager="author")
    await client.create(POLICIES, policy("b"), namespace=namespace, manager="author")
    found = await until(
        client, POLICIES, namespace, "b", lambda p: condition(p, "Stalled")[0] == "True"
    )
    assert condition(found, "Stalled")[1] == "WorkloadClaimed"
    assert "deployment/triton by 'a'" in message(found, "Stalled")
    report = await client.get(REPORTS, "deployment-triton", namespace=namespace)
    assert report["spec"]["policy"] == "a"

    await client.delete(POLICIES, "a", namespace=namespace)
    await until(
        client,
        REPORTS,
        namespace,
        "deployment-triton",
        lambda r: r["spec"]["policy"] == "b",
    )
    await until(client, POLICIES, namespace, "b", lambda p: condition(p, "Stalled")[0] == "False")


async def test_contradicting_budgets_are_refused_with_the_numbers(
    client: Client, namespace: str
) -> None:
    await client.create(DEPLOYMENTS, deployment(), namespace=namespace, manager="author")
    spec = policy(probes={"mode": "Apply", "budgets": {"stopTrafficAfter": "30m"}})
    await client.create(POLICIES, spec, namespace=namespace, manager="author")
    found = await until(
        client, POLICIES, namespace, "p", lambda p: condition(p, "Stalled")[0] == "True"
    )
    assert condition(found, "Stalled")[1] == "ContradictingBudgets"
    assert "stopTrafficAfter is 30m" in message(found, "Stalled")
    assert "restartAfter that is longer than 30m" in message(found, "Stalled")
    workload = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
    assert "livenessProbe" not in container(workload)


async def test_a_policy_that_goes_takes_its_reports_and_leaves_the_workload(
    client: Client, namespace: str
) -> None:
    await client.create(DEPLOYMENTS, deployment(), namespace=namespace, manager="author")
    await client.create(POLICIES, policy(), namespace=namespace, manager="author")
    await until(client, REPORTS, namespace, "deployment-triton", lambda r: "status" in r)
    await client.delete(POLICIES, "p", namespace=namespace)
    await until_gone(client, REPORTS, namespace, "deployment-triton")
    workload = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
    assert "inferencehealth" not in str(workload["metadata"].get("annotations"))
    assert "finalizers" not in workload["metadata"]


@pytest.mark.usefixtures("loose_crds")
@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ({"probes": {"mode": "Apply", "shiny": True}}, "spec.probes.shiny"),
        ({"probes": {"mode": "Apply"}, "server": {"profile": "newer"}}, "spec.server.profile"),
    ],
)
async def test_a_spec_of_a_newer_version_is_not_half_understood(
    client: Client, namespace: str, spec: dict[str, Any], named: str
) -> None:
    await client.create(DEPLOYMENTS, deployment(), namespace=namespace, manager="author")
    await client.create(POLICIES, policy(**spec), namespace=namespace, manager="author")
    found = await until(
        client, POLICIES, namespace, "p", lambda p: condition(p, "Stalled")[0] == "True"
    )
    assert condition(found, "Stalled")[1] == "InvalidSpec"
    assert named in message(found, "Stalled")
    workload = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
    assert "livenessProbe" not in container(workload)
