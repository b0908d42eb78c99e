"""What a tenant who may write policies can't even ask for: the API server's own answer."""

from typing import Any

import pytest

from inferencehealth.installation.access import CRDS
from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import Invalid
from inferencehealth.kube.requests import POLICIES
from tests.integration.objects import policy

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module", params=["newest"])
def minor(request: pytest.FixtureRequest) -> str:
    """The newest API server alone: what it reads is our definition."""
    found: str = request.param
    return found


Spec = dict[str, Any]


def endpoint(**given: Any) -> Spec:
    ready = {"path": "/ready"} | given
    return {"server": {"profile": "custom", "port": 8000, "endpoints": {"ready": ready}}}


def canary(**given: Any) -> Spec:
    return {"checks": {"canary": {"mode": "Custom", "path": "/infer", "method": "POST"} | given}}


def key(name: str) -> Spec:
    return canary(headersFrom={"secretRef": {"name": name}})


def authority(**given: str) -> Spec:
    trusted = {"configMap": {"name": "authorities"} | given}
    return {"server": {"scheme": "HTTPS", "tls": {"caFrom": trusted, "serverName": "x"}}}


def tls(name: str) -> Spec:
    return {"server": {"scheme": "HTTPS", "tls": {"insecureSkipVerify": True, "serverName": name}}}


PATHS = {
    "an address": "http://169.254.169.254/latest/meta-data",
    "another scheme": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:6379/_INFO",
    "a host": "evil.example/",
    "an account": "user@evil.example/",
    "an asterisk": "*",
    "a backslash first": "\\\\evil.example\\x",
    "a line": "/x\r\nHost: evil",
    "a line feed": "/x\nX: y",
    "a second request": "/x HTTP/1.1\r\n\r\nDELETE /",
    "a blank": "/x y",
    "a tab": "/x\ty",
    "an escape": "/\x1b[2J",
    "a letter beyond ASCII": "/é",
    "what folds to a line feed": "/\u010a",
    "a full-width slash": "/\uff0fevil",
    "a bidirectional mark": "/\u202e",
    "two kilobytes": "/" + "x" * 2048,
}
NAMES = {
    "another namespace": "kube-system/admin",
    "the parent": "..",
    "a way up": "../../kube-system/secrets/admin",
    "an escaped slash": "..%2f..%2fadmin",
    "a query": "key?watch=true",
    "a fragment": "key#x",
    "a blank": "ke y",
    "capitals": "Admin",
    "nothing": "",
    "all": "*",
    "a line": "key\nx",
    "too much": "x" * 300,
}

REFUSED: dict[str, tuple[Spec, str]] = {
    **{f"path: {what}": (endpoint(path=path), "path") for what, path in PATHS.items()},
    **{f"canary's path: {what}": (canary(path=path), "path") for what, path in PATHS.items()},
    **{f"Secret: {what}": (key(name), "secretRef.name") for what, name in NAMES.items()},
    **{f"ConfigMap: {what}": (authority(name=name), "name") for what, name in NAMES.items()},
    "ConfigMap's key: a way up": (authority(key="../ca.crt"), "key"),
    "ConfigMap's key: a file": (authority(key="/etc/ssl/key.pem"), "key"),
    **{
        f"method {method}": (endpoint(method=method), "method")
        for method in ("CONNECT", "TRACE", "DELETE", "PUT", "PATCH", "get", "GET /x", "")
    },
    **{f"port {port}": (endpoint(port=port), "port") for port in (0, -1, 65536, 99999999)},
    "scheme file": ({"server": {"scheme": "file"}}, "scheme"),
    "scheme with a host": ({"server": {"scheme": "http://evil"}}, "scheme"),
    "server name: a line": (tls("x\r\ny"), "serverName"),
    "server name: an address with a path": (tls("evil/x"), "serverName"),
    "a thousand statuses": (endpoint(expect={"status": list(range(100, 599))}), "status"),
    "a status beyond HTTP": (endpoint(expect={"status": [0]}), "status"),
    "a check each millisecond": ({"checks": {"interval": "1ms"}}, "interval"),
    "a canary each millisecond": (canary(interval="1ms"), "interval"),
    "a canary without an end": (canary(timeout="24h"), "timeout"),
    "a check without an end": ({"checks": {"timeout": "24h"}}, "timeout"),
    "a gate that never opens": (
        {"checks": {"readinessGateLimits": {"failOpenAfter": "8760h"}}},
        "failOpenAfter",
    ),
    "every workload": ({"target": {"selector": {}}}, "selector"),
    "pods of others": (
        {"target": {"selector": {"matchLabels": {"a": "b"}}, "kinds": ["DaemonSet"]}},
        "kinds",
    ),
    "a container's name: a path": (
        {"target": {"selector": {"matchLabels": {"a": "b"}}, "container": "../x" * 20}},
        "container",
    ),
    "a model's name: a line": (
        {"server": {"models": {"required": [{"name": "x\r\ny"}]}}},
        "name",
    ),
    "a model's version: a way up": (
        {"server": {"models": {"required": [{"name": "x", "version": "../y"}]}}},
        "version",
    ),
    "ten thousand models": (
        {"server": {"models": {"required": [{"name": f"m{n}"} for n in range(10_000)]}}},
        "required",
    ),
}


@pytest.mark.parametrize(("spec", "field"), REFUSED.values(), ids=REFUSED)
async def test_a_policy_that_asks_for_more_than_it_may_is_refused_by_its_field(
    client: Client, namespace: str, spec: Spec, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await client.create(POLICIES, policy(**spec), namespace=namespace, manager="tenant")
    told = [cause.field for cause in refused.value.causes]
    assert any(field in where for where in told), refused.value.message


HOST = {"host": "169.254.169.254"}
DROPPED: dict[str, Spec] = {
    "a host of an endpoint": endpoint(**HOST),
    "an address of an endpoint": endpoint(url="http://169.254.169.254/"),
    "headers of an endpoint": endpoint(headers=[{"name": "Host", "value": "evil"}]),
    "a proxy": endpoint(proxy="http://evil:3128"),
    "redirects": endpoint(followRedirects=True),
    "a host of a canary": canary(**HOST),
    "headers of a canary": canary(headers={"Metadata-Flavor": "Google"}),
    "another namespace of a Secret": canary(
        headersFrom={"secretRef": {"name": "key", "namespace": "kube-system"}}
    ),
    "a file of the checker": canary(
        headersFrom={"file": "/var/run/secrets/token"} | {"secretRef": {"name": "key"}}
    ),
    "the checker's own token": canary(useServiceAccountToken=True),
    "another namespace of a ConfigMap": authority(namespace="kube-system"),
    "another namespace of workloads": {
        "target": {"selector": {"matchLabels": {"a": "b"}}, "namespaces": ["kube-system"]}
    },
    "a service account": {"serviceAccountName": "admin"},
}


@pytest.mark.parametrize("spec", DROPPED.values(), ids=DROPPED)
async def test_a_field_that_would_lead_elsewhere_does_not_exist(
    client: Client, namespace: str, spec: Spec
) -> None:
    """CVE-2026-24005 OpenKruise, CVE-2025-29781 Metal3, GHSA-fcxq-v2r3-cc8h ESO."""
    made = await client.create(POLICIES, policy(**spec), namespace=namespace, manager="tenant")
    kept = str(made["spec"])
    for word in (
        "169.254",
        "kube-system",
        "/var/run",
        "evil",
        "followRedirects",
        "useServiceAccountToken",
        "Metadata-Flavor",
        "serviceAccountName",
    ):
        assert word not in kept


async def test_a_policy_can_refer_to_nothing_outside_its_namespace(client: Client) -> None:
    """No reference of the definition has a field for a namespace."""
    definition = await client.get(CRDS, "inferencehealthpolicies.inferencehealth.dev")
    spec = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert not {name for name in _fields(spec) if "namespace" in name.lower()}


def _fields(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return set().union(*map(_fields, schema))
    if not isinstance(schema, dict):
        return set()
    properties = schema.get("properties")
    found = set(properties) if isinstance(properties, dict) else set()
    return found.union(*map(_fields, schema.values()))
