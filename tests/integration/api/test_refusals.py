"""What the API server itself refuses, and whether a person would understand why."""

from typing import Any

import pytest

from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import Invalid
from inferencehealth.kube.requests import POLICIES

pytestmark = pytest.mark.integration

TARGET = {"selector": {"matchLabels": {"tier": "inference"}}}
CUSTOM = {"profile": "custom", "port": 80, "endpoints": {"ready": {"path": "/ready"}}}


CA: dict[str, Any] = {"caFrom": {"configMap": {"name": "authorities"}}}


def https(tls: dict[str, Any]) -> dict[str, Any]:
    return {"server": {"scheme": "HTTPS", "tls": tls}}


CLIP = {"configMapKeyRef": {"name": "clips", "key": "hello.wav"}}


def custom(given: dict[str, Any]) -> dict[str, Any]:
    return canary({"mode": "Custom", "path": "/v1/listen", **given})


def canary(given: dict[str, Any]) -> dict[str, Any]:
    return {"checks": {"canary": given}}


def limits(given: dict[str, Any]) -> dict[str, Any]:
    return {"checks": {"readinessGateLimits": given}}


def window(given: dict[str, Any]) -> dict[str, Any]:
    return {"probes": {"rollout": {"window": given}}}


def endpoint(path: str, **fields: Any) -> dict[str, Any]:
    return {"server": CUSTOM | {"endpoints": {"ready": {"path": path, **fields}}}}


REFUSED = [
    ({"server": {"profile": "trition"}}, "spec.server.profile", 'supported values: "auto"'),
    ({"server": {"profile": "custom", "port": 80}}, "spec.server.endpoints", "needs endpoints"),
    (
        {"server": {"endpoints": {"ready": {"path": "/x"}}}},
        "spec.server.endpoints",
        "endpoints belong to profile custom only",
    ),
    ({"server": CUSTOM | {"port": None}}, "spec.server.port", "profile custom needs port"),
    ({"server": {"port": 0}}, "spec.server.port", "between 1 and 65535"),
    ({"server": {"port": 65536}}, "spec.server.port", "between 1 and 65535"),
    (endpoint("http://other.host/"), "endpoints.ready.path", "should match"),
    (endpoint("//other.host/\r\nX: y"), "endpoints.ready.path", "should match"),
    (endpoint("health"), "endpoints.ready.path", "should match"),
    (
        {"server": CUSTOM | {"endpoints": CUSTOM["endpoints"] | {"model": {"path": "/m"}}}},  # type: ignore[operator]
        "endpoints.model",
        "must say where the model's name goes",
    ),
    (endpoint("/r", method="PUT"), "ready.method", 'supported values: "GET", "POST"'),
    (endpoint("/r", body={"a": 1}), "ready.body", "a body needs method POST"),
    (endpoint("/r", method="POST", body=[1]), "ready.body", "must be of type object"),
    (endpoint("/r", port=0), "ready.port", "between 1 and 65535"),
    (endpoint("/r", loading=[503]), "ready.loading", "must be of type object"),
    (endpoint("/r", loading={}), "ready.loading.status", "Required value"),
    (endpoint("/r", busy={"status": []}), "ready.busy.status", "at least 1 items"),
    (endpoint("/r", asleep={"status": [99]}), "asleep.status[0]", "greater than or equal to 100"),
    (endpoint("/r", failing={"status": [600]}), "failing.status[0]", "less than or equal to 599"),
    (endpoint("/r", silent={"status": [503, 503]}), "silent.status[1]", "Duplicate value"),
    (endpoint("/r", expect={"jsonSchema": "ok"}), "expect.jsonSchema", "must be of type object"),
    *(
        (endpoint("/r", **{state: {"status": [503, 200]}}), "ready.expect", "can't show another")
        for state in ("loading", "busy", "asleep", "failing", "silent")
    ),
    (
        {"probes": {"budgets": {"stopTrafficAfter": "90s", "restartAfter": "60s"}}},
        "spec.probes.budgets.restartAfter",
        "a pod leaves traffic before it is restarted",
    ),
    ({"probes": {"budgets": {"maxStartup": "1s"}}}, "budgets.maxStartup", "between 10s and 24h"),
    ({"probes": {"budgets": {"maxStartup": "ten"}}}, "budgets.maxStartup", "should match"),
    (
        {"probes": {"mode": "apply"}},
        "spec.probes.mode",
        'supported values: "Off", "Recommend", "Initial", "Apply"',
    ),
    ({"probes": {"liveness": {"periodSeconds": 0}}}, "liveness.periodSeconds", "greater than"),
    ({"checks": {"timeout": "20s"}}, "spec.checks.timeout", "not be longer than interval"),
    ({"checks": {"interval": "100ms"}}, "spec.checks.interval", "between 1s and 1h"),
    ({"checks": {"failureThreshold": 0}}, "checks.failureThreshold", "greater than"),
    ({"target": {"selector": {}}}, "spec.target.selector", "name at least one label"),
    ({"server": {"scheme": "HTTPS"}}, "spec.server.tls", "scheme HTTPS needs tls"),
    ({"server": {"tls": {"insecureSkipVerify": True}}}, "server.tls", "belongs to scheme HTTPS"),
    (https({}), "spec.server.tls.caFrom", "either caFrom"),
    (https({"insecureSkipVerify": True, **CA}), "spec.server.tls.caFrom", "either caFrom"),
    (https(CA), "spec.server.tls.serverName", "caFrom needs serverName"),
    (canary({"mode": "Custom"}), "checks.canary.path", "mode Custom needs path"),
    (canary({"path": "/infer"}), "checks.canary.path", "belongs to mode Custom only"),
    (canary({"mode": "Auto", "body": {}}), "checks.canary.body", "in mode Auto the operator"),
    (canary({"bodyText": "a"}), "checks.canary.body", "in mode Auto the operator writes the body"),
    (canary({"mode": "Always"}), "checks.canary.mode", '"Auto", "Off", "Custom"'),
    (canary({"interval": "1s"}), "checks.canary.interval", "between 10s and 24h"),
    (canary({"timeout": "1h"}), "checks.canary.timeout", "between 100ms and 10m"),
    (
        canary({"mode": "Custom", "path": "/x", "method": "GET", "body": {"a": 1}}),
        "checks.canary.body",
        "a body needs method POST",
    ),
    (custom({"body": {}, "bodyText": "a"}), "canary.body", "give one of body, bodyText"),
    (custom({"bodyText": "a", "bodyFrom": CLIP}), "canary.body", "give one of body, bodyText"),
    (custom({"bodyFrom": CLIP, "method": "GET"}), "canary.body", "a body needs method POST"),
    (custom({"multipart": {}}), "canary.multipart", "the file of the form"),
    (custom({"contentType": "audio/wav"}), "canary.contentType", "it says what that is"),
    (
        custom({"bodyFrom": CLIP, "contentType": "audio/wav", "multipart": {}}),
        "canary.contentType",
        "that of its file is multipart.contentType",
    ),
    (custom({"body": {}, "contentType": "text/csv"}), "canary.contentType", "give bodyText"),
    (custom({"bodyText": "a", "contentType": "json"}), "canary.contentType", "should match"),
    (custom({"bodyFrom": {}}), "bodyFrom.configMapKeyRef", "Required value"),
    (custom({"bodyText": "x" * 65_537}), "canary.bodyText", "Too long"),
    (
        custom({"bodyFrom": CLIP, "multipart": {"fields": {str(n): "" for n in range(17)}}}),
        "multipart.fields",
        "at most 16",
    ),
    (canary({"mode": "Custom", "path": "//host/x y"}), "checks.canary.path", "should match"),
    (limits({"failOpenAfter": "1s"}), "failOpenAfter", "between 15s and 1h"),
    (limits({"floor": -1}), "readinessGateLimits.floor", "such as 50%"),
    (limits({"floor": "half"}), "readinessGateLimits.floor", "such as 50%"),
    (window({"start": "22:00", "end": "24:00"}), "rollout.window.end", "should match"),
    (window({"start": "22:00"}), "rollout.window.end", "Required value"),
    (window({"start": "22:00", "end": "04:00", "days": ["Monday"]}), "window.days", "Unsupported"),
    ({"probes": {"rollout": {"maxConcurrent": 0}}}, "rollout.maxConcurrent", "greater than"),
    ({"probes": {"onDelete": "Forget"}}, "spec.probes.onDelete", '"Retain", "Restore"'),
    ({"target": {"kinds": ["DaemonSet"], **TARGET}}, "spec.target.kinds", "Unsupported value"),
    (
        {"target": {"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}},
        "matchExpressions",
        "In and NotIn need values",
    ),
    ({"server": {"models": {"required": [{"name": "a b"}]}}}, "required[0].name", "should match"),
    (
        {"server": {"models": {"required": [{"name": "a"}, {"name": "a"}]}}},
        "models.required",
        "each model, or version of one, is named once",
    ),
]


@pytest.mark.parametrize(("change", "field", "said"), REFUSED, ids=lambda v: str(v)[:60])
async def test_the_api_server_refuses_nonsense_by_field_and_sentence(
    client: Client, namespace: str, change: dict[str, Any], field: str, said: str
) -> None:
    body = {"metadata": {"name": "p"}, "spec": {"target": TARGET, **change}}
    with pytest.raises(Invalid) as refused:
        await client.create(POLICIES, body, namespace=namespace)
    assert field in refused.value.message
    assert said in refused.value.message


async def test_the_smallest_policy_is_accepted_and_filled_in(
    client: Client, namespace: str
) -> None:
    body = {"metadata": {"name": "p"}, "spec": {"target": TARGET}}
    spec = (await client.create(POLICIES, body, namespace=namespace))["spec"]
    assert spec["probes"]["mode"] == "Recommend"
    checks = spec["checks"]
    assert (checks["interval"], checks["timeout"]) == ("10s", "5s")
    assert (checks["failureThreshold"], checks["successThreshold"]) == (3, 1)
    assert (checks["canary"]["mode"], checks["readinessGate"]) == ("Auto", False)
    assert checks["readinessGateLimits"] == {"failOpenAfter": "1m", "floor": 1}
    assert spec["probes"]["rollout"] == {"maxConcurrent": 1, "haltOnFailure": True}
    assert (spec["probes"]["onDelete"], spec["server"]["scheme"]) == ("Retain", "HTTP")
    assert spec["target"]["kinds"] == ["Deployment"]
    assert "endpoints" not in spec["server"]


async def test_a_status_may_show_two_states_where_the_body_tells_them_apart(
    client: Client, namespace: str
) -> None:
    schema = {"properties": {"state": {"const": "AVAILABLE"}}}
    change = endpoint(
        "/r",
        method="POST",
        port="admin",
        body={"probe": {"n": 1}},
        expect={"jsonSchema": schema},
        loading={"status": [200]},
    )
    body = {"metadata": {"name": "p"}, "spec": {"target": TARGET, **change}}
    made = (await client.create(POLICIES, body, namespace=namespace))["spec"]["server"]
    assert made["endpoints"]["ready"]["expect"] == {"status": [200], "jsonSchema": schema}
    assert made["endpoints"]["ready"]["body"] == {"probe": {"n": 1}}
