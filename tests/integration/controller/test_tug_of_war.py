"""Another tool that rewrites all the time: it wins, in few rounds, and is told the way out.

The rounds are minutes apart, so the reconciler runs here by a clock of the test's own.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from inferencehealth.controller.admission import AdmissionPolicies
from inferencehealth.controller.moments import stamp
from inferencehealth.controller.reconcile import Reconciler
from inferencehealth.controller.views import Silence
from inferencehealth.kube.client import Client
from inferencehealth.kube.events import Recorder
from inferencehealth.kube.requests import DEPLOYMENTS, POLICIES, REPORTS
from tests.integration.awaiting import condition, message, until
from tests.integration.controller.test_rollouts import apply_policy
from tests.integration.objects import Raw, container, deployment

pytestmark = pytest.mark.integration

THEIRS = {"livenessProbe": {"httpGet": {"path": "/healthz", "port": 8000}}}
OURS = "/v2/health/live"


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def now(self) -> str:
        """The time as the reconciler asks for it."""
        return stamp(self.moment)

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.moment += timedelta(seconds=seconds)


def path(raw: Raw) -> str:
    return str(container(raw).get("livenessProbe", {}).get("httpGet", {}).get("path"))


def theirs() -> Raw:
    """The workload as it stands in the other tool's Git; without pods, so that nothing rolls."""
    body = deployment(**THEIRS)
    body["spec"]["replicas"] = 0
    return body


@asynccontextmanager
async def rewriting(client: Client, namespace: str, manager: str) -> AsyncIterator[None]:
    """Another tool that forces its own probe as soon as it is another's, as self-heal does."""

    async def fight() -> None:
        while True:
            await until(
                client,
                DEPLOYMENTS,
                namespace,
                "triton",
                lambda d: path(d) != "/healthz",
                deadline=600,
            )
            await client.apply(
                DEPLOYMENTS, "triton", theirs(), namespace=namespace, manager=manager, force=True
            )

    fighting = asyncio.create_task(fight())
    try:
        yield
    finally:
        fighting.cancel()


async def begin(client: Client, namespace: str, manager: str) -> tuple[Reconciler, Clock]:
    """A workload without pods, made by that manager with a probe of its own."""
    await client.apply(DEPLOYMENTS, "triton", theirs(), namespace=namespace, manager=manager)
    await until(client, DEPLOYMENTS, namespace, "triton", lambda d: d.get("status"))
    clock = Clock()
    return (
        Reconciler(
            client=client,
            events=Recorder(client, controller="test", instance="test"),
            silence_of=lambda _: Silence(0, ""),
            admission=AdmissionPolicies(client),
            now=clock.now,
        ),
        clock,
    )


async def test_a_tug_of_war_ends_after_three_rounds_with_the_snippet_that_solves_it(
    client: Client, namespace: str
) -> None:
    manager = "argocd-controller"
    reconciler, clock = await begin(client, namespace, manager)
    await apply_policy(client, namespace, existing="Replace")
    counts = []
    async with rewriting(client, namespace, manager):
        for _ in range(6):
            await reconciler.namespace(namespace)
            await until(client, DEPLOYMENTS, namespace, "triton", lambda d: path(d) != OURS)
            again = await reconciler.namespace(namespace)
            report = await client.get(REPORTS, "deployment-triton", namespace=namespace)
            counts.append((report["status"]["probes"]["reverts"]["count"], again))
            clock.move(again or 0)
    # The third round is the last: nothing is tried any more, and nobody waits for anything.
    assert [count for count, _ in counts] == [1, 2, 3, 3, 3, 3]
    assert [again for _, again in counts] == [60, 300, None, None, None, None]
    found = await client.get(POLICIES, "p", namespace=namespace)
    assert condition(found, "ProbesConflicted")[0] == "True"
    assert f"{manager!r}" in message(found, "ProbesConflicted")
    assert "managedFieldsManagers: [inferencehealth]" in message(found, "ProbesConflicted")
    assert "RespectIgnoreDifferences=true" in message(found, "ProbesConflicted")
    await until(client, DEPLOYMENTS, namespace, "triton", lambda d: path(d) == "/healthz")
    # The lines can be deleted where they come from: nothing of ours is left in that probe.
    bare = theirs()
    del container(bare)["livenessProbe"]
    after = await client.apply(
        DEPLOYMENTS, "triton", bare, namespace=namespace, manager=manager, force=True
    )
    assert "livenessProbe" not in container(after)


async def test_when_the_policy_changes_the_count_begins_anew(
    client: Client, namespace: str
) -> None:
    reconciler, clock = await begin(client, namespace, "kubectl-edit")
    await apply_policy(client, namespace, existing="Replace")
    async with rewriting(client, namespace, "kubectl-edit"):
        await reconciler.namespace(namespace)
        await until(client, DEPLOYMENTS, namespace, "triton", lambda d: path(d) != OURS)
        await reconciler.namespace(namespace)
        clock.move(9e5)
        await reconciler.namespace(namespace)
    left = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
    assert path(left) == "/healthz"
    # A report in which somebody else holds a field can't lose the rest of it, and begins anew.
    meddled = {"status": {"probes": {"reverts": {"since": "2026-01-01T00:00:00Z"}}}}
    await client.merge_patch(
        REPORTS,
        "deployment-triton",
        meddled,
        namespace=namespace,
        manager="meddler",
        subresource="status",
    )
    change = {"spec": {"probes": {"liveness": {"periodSeconds": 17}}}}
    await client.merge_patch(POLICIES, "p", change, namespace=namespace, manager="author")
    await reconciler.namespace(namespace)
    after = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
    assert container(after)["livenessProbe"]["periodSeconds"] == 17
    report = await client.get(REPORTS, "deployment-triton", namespace=namespace)
    assert "reverts" not in report["status"]["probes"]


async def test_a_field_that_a_tool_keeps_forcing_is_asked_for_once_and_then_left(
    client: Client, namespace: str
) -> None:
    """Without a probe of the author's ours is applied; the API server itself names the holder."""
    reconciler, clock = await begin(client, namespace, "author")
    bare = [{"op": "remove", "path": "/spec/template/spec/containers/0/livenessProbe"}]
    await client.json_patch(DEPLOYMENTS, "triton", bare, namespace=namespace, manager="author")
    await apply_policy(client, namespace)
    await reconciler.namespace(namespace)
    async with rewriting(client, namespace, "kustomize-controller"):
        for _ in range(4):
            await until(client, DEPLOYMENTS, namespace, "triton", lambda d: path(d) != OURS)
            await reconciler.namespace(namespace)
            clock.move(60)
    found = await client.get(POLICIES, "p", namespace=namespace)
    assert condition(found, "ProbesConflicted") == ("True", "Conflicted")
    assert "'kustomize-controller'" in message(found, "ProbesConflicted")
    assert "delete these lines from the manifest in Git" in message(found, "ProbesConflicted")
