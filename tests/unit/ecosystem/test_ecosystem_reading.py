"""What the suites on other people's controllers read: our messages, the audit log, probes."""

from typing import Any

import pytest
import yaml

from e2e.ecosystem import argocd, cases, writes
from e2e.ecosystem.cases import Case, Phase
from e2e.ecosystem.messages import snippet, told
from e2e.ecosystem.seen import Sight, unlike
from inferencehealth.controller.remedies import remedy


def test_the_snippet_that_we_print_is_the_one_of_the_docs() -> None:
    printed = snippet(remedy("argocd-controller", "Deployment"))
    example = yaml.safe_load(argocd.EXAMPLE.read_text())["spec"]
    assert printed["ignoreDifferences"][0] in example["ignoreDifferences"]
    assert set(printed["syncPolicy"]["syncOptions"]) <= set(example["syncPolicy"]["syncOptions"])


def request(verb: str = "patch", uri: str = "/x", code: int = 200, **about: str) -> dict[str, Any]:
    reference = {"resource": "deployments", "namespace": "ml"} | about
    return {
        "stage": "ResponseComplete",
        "verb": verb,
        "requestURI": uri,
        "responseStatus": {"code": code},
        "userAgent": "inferencehealth/0.1.0",
        "objectRef": reference,
    }


@pytest.mark.parametrize(
    ("event", "counts"),
    [
        (request(), 1),
        (request(verb="get"), 0),
        (request(uri="/x?dryRun=All"), 0),
        (request(code=409), 0),
        (request(resource="leases"), 0),
        (request(resource="events"), 0),
    ],
)
def test_a_write_is_what_changed_something(event: dict[str, Any], counts: int) -> None:
    assert writes.to_anything(writes.count([event]), writes.OURS, "ml") == counts


def test_writes_are_told_apart_by_who_and_where_and_what() -> None:
    counted = writes.count([request(), request(), request(resource="replicasets")])
    assert writes.to_deployments(counted, writes.OURS, "ml") == 2
    assert writes.to_anything(counted, writes.OURS, "ml") == 3
    assert writes.to_deployments(counted, "argocd", "ml") == 0
    assert writes.to_deployments(counted, writes.OURS, "other") == 0


@pytest.mark.parametrize(
    ("found", "wanted", "differ"),
    [
        ({}, {}, []),
        ({"a": {"x": 1, "default": 2}}, {"a": {"x": 1}}, []),
        ({"a": {"x": 1}}, {"a": {"x": 2}}, ["a"]),
        ({"a": {"x": 1}}, {}, ["a"]),
        ({}, {"a": {"x": 1}}, ["a"]),
    ],
)
def test_a_probe_is_as_in_git_but_for_defaults(
    found: dict[str, Any], wanted: dict[str, Any], differ: list[str]
) -> None:
    assert unlike(found, wanted) == differ


def test_a_deployment_is_rolled_out_when_all_its_pods_are_new_and_available() -> None:
    counts = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    raw = {"metadata": {"generation": 3}, "spec": {"replicas": 2}}
    done = raw | {"status": {"observedGeneration": 3, **counts}}
    late = raw | {"status": {"observedGeneration": 2, **counts}}
    short = raw | {"status": {"observedGeneration": 3, **counts, "updatedReplicas": 1}}
    assert [Sight(d, {}, {}, {}).is_rolled_out for d in (done, late, short, {})] == [
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    "case", [*cases.ARGO_CD, *cases.FLUX, cases.EARLY, cases.BROKEN], ids=lambda c: c.name
)
def test_a_policy_is_in_git_until_it_is_reverted(case: Case) -> None:
    there = ["models/policy.yaml" in case.files(phase, 8000) for phase in Phase]
    assert there == [case.policy_first, True, True, False]


def test_what_a_tool_says_is_read_from_conditions_and_the_operation() -> None:
    status = {
        "conditions": [{"message": "one"}],
        "operationState": {"message": "two", "syncResult": {"resources": [{"message": "three"}]}},
    }
    assert told({"status": status}) == "one\ntwo\nthree"
