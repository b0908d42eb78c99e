"""Advisories about other operators, each as the question whether it could be told of us."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from inferencehealth.admission.server import MAX_BODY, MUTATE, application
from inferencehealth.api.crds import policy_crd
from inferencehealth.checker.podproxy import through_proxy, unfit
from inferencehealth.checks.steps import Outcome, Peer, Request
from inferencehealth.kube.client import connect
from inferencehealth.kube.config import Access, TokenFile
from inferencehealth.kube.errors import Unreachable
from inferencehealth.kube.requests import PODS
from inferencehealth.kube.retries import ONE_SHOT
from inferencehealth.profiles.expectations import matcher, schema_problem
from inferencehealth.profiles.reading import parse_json, parse_object


def fields(schema: Any) -> Iterator[str]:
    """The names of all fields that a schema gives, however deep."""
    if not isinstance(schema, dict):
        return
    for name, below in (schema.get("properties") or {}).items():
        yield name
        yield from fields(below)
    for key in ("items", "additionalProperties"):
        yield from fields(schema.get(key))


LEADS_ELSEWHERE = ("host", "url", "uri", "address", "proxy", "namespace", "file", "serviceaccount")
FINE = {"filename", "hostname"}
"""What a form calls the file that is sent; nothing is opened by that name."""


def test_no_field_of_a_policy_names_a_host_a_url_a_file_or_another_namespace() -> None:
    """CVE-2026-24005 OpenKruise, CVE-2026-8715 Vault Secrets Operator, CVE-2025-29781 Metal3."""
    schema = policy_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    names = {name.lower() for name in fields(schema["properties"]["spec"])}
    assert "path" in names
    assert not {name for name in names - FINE for word in LEADS_ELSEWHERE if name.startswith(word)}


REDOS = {
    "pattern": {"type": "string", "pattern": "^(a+)+$"},
    "nested": {"properties": {"status": {"pattern": "(x+x+)+y"}}},
    "of names": {"patternProperties": {"^(a|a)*$": {}}},
    "in a definition": {"$defs": {"x": {"pattern": "(.*a){30}"}}, "$ref": "#/$defs/x"},
    "in a list": {"anyOf": [{"pattern": "(a*)*b"}]},
    "as a condition": {"if": {"pattern": "(a*)*b"}, "then": {}},
}


@pytest.mark.parametrize("schema", REDOS.values(), ids=REDOS)
def test_no_regular_expression_of_a_tenant_ever_runs(schema: dict[str, Any]) -> None:
    """CVE-2026-40319 Giskard: catastrophic backtracking in Python's re."""
    assert "regular expressions are not supported" in str(schema_problem(schema))
    assert "not usable" in str(matcher(schema)("a" * 60_000 + "!"))


REMOTE = [
    "http://169.254.169.254/latest/meta-data",
    "https://evil.example/schema.json",
    "file:///var/run/secrets/kubernetes.io/serviceaccount/token",
    "urn:evil",
    "//evil.example/x",
    "https://json-schema.org/draft/2020-12/schema",
]


KEYWORDS = ("$ref", "$dynamicRef", "$schema", "$id")


@pytest.mark.parametrize("keyword", KEYWORDS)
@pytest.mark.parametrize("target", REMOTE)
def test_no_schema_is_fetched_from_anywhere(keyword: str, target: str) -> None:
    """A schema's reference is a URL of the tenant's choice."""
    assert schema_problem({"properties": {"x": {keyword: target}}})


def test_a_path_that_leaves_the_pod_does_not_go_through_the_api_servers_proxy() -> None:
    """CVE-2026-22039 Kyverno: a path of the tenant's, under the operator's credentials."""
    peer = Peer("10.0.0.1", namespace="ml", pod="model")
    for path in (
        "/../../../../secrets",
        "/..",
        "/x/../../../y",
        "/%2e%2e/%2e%2e/secrets",
        "/.%2E/secrets",
        "/x/./y",
        "/..%2f..%2fsecrets",
        "/..%5csecrets",
        "/..\\secrets",
        "//secrets",
        "/x//y",
        "/x#/y",
    ):
        answer = unfit(peer, Request(path))
        assert answer is not None, path
        assert answer.outcome is Outcome.UNREACHABLE
    for path in ("/", "/v2/health/ready", "/v1/models/a.b/", "/x?y=../z", "/..hidden"):
        assert unfit(peer, Request(path)) is None, path


def test_a_pods_name_is_never_part_of_a_path() -> None:
    with pytest.raises(ValueError, match="no name of an object"):
        through_proxy(Peer("10.0.0.1", namespace="ml", pod=".."), 80, Request("/"))
    asked = through_proxy(Peer("10.0.0.1", namespace="ml", pod="a/../b"), 80, Request("/"))
    assert "/pods/a%2F..%2Fb:80/proxy/" in asked.path


IMPERSONATION = ["Impersonate-User", "impersonate-group", "IMPERSONATE-UID", "X-Remote-User"]


@pytest.mark.parametrize("name", [*IMPERSONATION, "Authorization"])
def test_no_header_of_a_secret_reaches_the_api_server(name: str) -> None:
    """CVE-2026-23990 Flux Operator: who may say as whom it acts."""
    request = Request("/", headers=((name, "system:admin"),))
    answer = unfit(Peer("10.0.0.1", namespace="ml", pod="model"), request)
    assert answer is not None
    assert answer.outcome is Outcome.UNREACHABLE


async def test_a_token_is_in_no_error_and_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """GHSA-xggc-qprg-x6mw Weave: tokens logged when a connection fails."""
    caplog.set_level(logging.DEBUG)
    token = tmp_path / "token"
    token.write_text("planted-t0ken\n")
    access = Access("http://127.0.0.1:1", "a test", TokenFile(token))
    async with connect(access) as client:
        with pytest.raises(Unreachable) as failed:
            await client.list(PODS, project=dict, namespace="ml", limits=ONE_SHOT)
    assert "planted-t0ken" not in f"{failed.value} {failed.value!r} {caplog.text} {access!r}"


async def test_a_review_without_measure_is_not_read() -> None:
    """CVE-2025-32777, CVE-2026-44247 Volcano: unbounded requests to a webhook."""
    app = application(lambda _: [], lambda: True)
    async with TestClient(TestServer(app)) as client:
        answer = await client.post(MUTATE, data=b"x" * (MAX_BODY + 1))
        assert answer.status == 413


NESTED = {
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "a number of many digits": b"1" * 60_000,
    "an exponent": b"1e999999999",
    "not a number": b"NaN",
    "one name many times": b"{" + b'"a":1,' * 9_000 + b'"a":1}',
}


@pytest.mark.parametrize("body", NESTED.values(), ids=NESTED)
def test_a_body_that_is_a_trap_for_parsers_reads_as_what_it_is_or_nothing(body: bytes) -> None:
    for read in (parse_json, parse_object):
        assert len(json.dumps(read(body))) < len(body) + 100
