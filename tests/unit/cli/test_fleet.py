"""What `ihp status` makes of a cluster that does not let it see everything."""

from typing import Any, cast

import pytest

from inferencehealth.cli.fleet import Scope, look
from inferencehealth.kube.client import Client, Listing
from inferencehealth.kube.errors import ConfigError, Forbidden, NotFound
from inferencehealth.kube.requests import LEASES, POLICIES, REPORTS, Resource
from tests.unit.status.given import a_pod, raw_report

SCOPE = Scope("ml", "", "system")
POLICY = {
    "apiVersion": "inferencehealth.dev/v1alpha1",
    "kind": "InferenceHealthPolicy",
    "metadata": {"name": "p", "namespace": "ml", "generation": 1},
    "spec": {"target": {"selector": {"matchLabels": {"a": "b"}}}},
    "status": {"observedGeneration": 1},
}


class Cluster:
    """Lists what it is given; an error is raised instead."""

    server_time = None

    def __init__(self, objects: dict[Resource, list[Any] | Exception]) -> None:
        self._objects = objects

    async def list(self, resource: Resource, *, project: Any, **_: Any) -> Listing[Any]:
        found = self._objects[resource]
        if isinstance(found, Exception):
            raise found
        return Listing(tuple(map(project, found)), "1")


def cluster(**objects: Any) -> Client:
    given = {
        POLICIES: objects.get("policies", [POLICY]),
        REPORTS: objects.get("reports", []),
        LEASES: objects.get("leases", []),
    }
    return cast("Client", Cluster(given))


async def test_a_cluster_without_our_definitions_is_told_how_to_get_them() -> None:
    missing = NotFound(404, "NotFound", "the server could not find the requested resource")
    with pytest.raises(ConfigError, match=r"kubectl apply --server-side -f crds/"):
        await look(cluster(policies=missing), SCOPE)


async def test_where_leases_may_not_be_read_nothing_is_held_against_checkers_and_it_is_said() -> (
    None
):
    forbidden = Forbidden(403, "Forbidden", "no")
    seen = await look(cluster(reports=[raw_report(a_pod())], leases=forbidden), SCOPE)
    assert seen.nodes("system")[0].verdict == "Ready"
    assert "you may not list Leases in system" in seen.notes[0]


async def test_a_checker_whose_lease_is_not_there_stands_behind_nothing() -> None:
    seen = await look(cluster(reports=[raw_report(a_pod())]), SCOPE)
    (node,) = seen.nodes("system")
    assert (node.verdict, node.reason) == ("Unknown", "CheckerGone")


async def test_reports_of_another_version_are_counted() -> None:
    odd = raw_report(a_pod())
    odd["spec"]["workload"] = 5
    seen = await look(cluster(reports=[odd]), SCOPE)
    assert seen.notes == ("1 reports of another version cannot be read",)
