"""LeaderWorkerSets in a cluster that has no such kind, and gets it later."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from e2e.cluster.model import Cluster
from inferencehealth.groups import SET_NAME, WORKER_INDEX
from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import Invalid
from inferencehealth.kube.requests import DEPLOYMENTS, LEADER_WORKER_SETS, POLICIES, REPORTS
from tests.integration.awaiting import message, until
from tests.integration.controller.conftest import CRD
from tests.integration.objects import TRITON, Raw, deployment, policy
from tests.integration.programs import program

KINDS = {
    "kinds": ["Deployment", "LeaderWorkerSet"],
    "selector": {"matchLabels": {"tier": "inference"}},
}
LOOKED_FOR = 120.0
"""Seconds; the operator looks for the kind every half minute."""


def definition() -> Raw:
    """The kind as far as anybody here looks at it."""
    loose = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    kind = LEADER_WORKER_SETS
    return {
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "scope": "Namespaced",
            "names": {"plural": kind.plural, "kind": kind.kind, "singular": "leaderworkerset"},
            "versions": [
                {
                    "name": kind.version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": loose},
                }
            ],
        },
    }


def a_set() -> Raw:
    """Two groups of a leader and a worker."""
    pod = {"spec": {"containers": [{"name": "server", "image": TRITON}]}}
    templates = {"size": 2, "leaderTemplate": pod, "workerTemplate": pod}
    return {
        "metadata": {"name": "llama", "labels": {"tier": "inference"}},
        "spec": {"replicas": 2, "leaderWorkerTemplate": templates},
    }


@pytest.fixture
async def kind(client: Client) -> AsyncIterator[Raw]:
    """A definition to be created; gone at the end."""
    made = definition()
    yield made
    await client.delete(CRD, made["metadata"]["name"])


async def test_a_kind_that_comes_later_is_followed_and_its_absence_holds_nothing_up(
    cluster: Cluster, client: Client, namespace: str, kind: Raw, tmp_path: Path
) -> None:
    await client.create(DEPLOYMENTS, deployment(), namespace=namespace, manager="author")
    await client.create(POLICIES, policy(target=KINDS), namespace=namespace, manager="author")
    only_sets = policy("sets", target=KINDS | {"kinds": ["LeaderWorkerSet"]})
    await client.create(POLICIES, only_sets, namespace=namespace, manager="author")
    words = ("controller", "--namespace", namespace, "--system-namespace", namespace)
    async with program(*words, kubeconfig=cluster.kubeconfig, log=tmp_path / "log"):
        await until(client, REPORTS, namespace, "deployment-triton", bool)
        await until(client, POLICIES, namespace, "sets", lacks_the_kind)
        await client.create(CRD, kind, manager="author")
        await until(
            client,
            POLICIES,
            namespace,
            "sets",
            lambda raw: not lacks_the_kind(raw),
            deadline=LOOKED_FOR,
        )
        await client.create(LEADER_WORKER_SETS, a_set(), namespace=namespace, manager="author")
        name = "leaderworkerset-llama"
        report = await until(client, REPORTS, namespace, name, bool, deadline=LOOKED_FOR)
        check = report["spec"]["check"]
        assert check["groupSize"] == 2
        leaders = {SET_NAME: "llama", WORKER_INDEX: "0"}
        assert check["podSelector"]["matchLabels"] == leaders
        planned = await until(
            client, REPORTS, namespace, name, lambda r: r.get("status", {}).get("desiredPods")
        )
        assert planned["status"]["desiredPods"] == 2, "groups are counted"


def lacks_the_kind(raw: Raw) -> bool:
    return message(raw, "Ready").startswith("this cluster has no kind LeaderWorkerSet")


async def test_mode_apply_is_refused_for_them(client: Client, namespace: str) -> None:
    body = policy(target=KINDS, probes={"mode": "Apply"})
    with pytest.raises(Invalid, match="mode Apply does not change LeaderWorkerSets"):
        await client.create(POLICIES, body, namespace=namespace, manager="author")
    body["spec"]["probes"] = {"mode": "Initial"}
    await client.create(POLICIES, body, namespace=namespace, manager="author")
