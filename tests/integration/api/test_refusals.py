"""What the API server itself refuses, and whether a person would understand why."""

from typing import Any

import pytest

from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import Invalid
from inferencehealth.kube.requests import POLICIES

pytestmark = pytest.mark.integration

TARGET = {"selector": {"matchLabels": {"tier": "inference"}}}
CUSTOM = {"profile": "custom", "port": 80, "endpoints": {"ready": {"path": "/ready"}}}


def endpoint(path: str) -> dict[str, Any]:
    return {"server": CUSTOM | {"endpoints": {"ready": {"path": path}}}}


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
        "must contain {model}",
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
        'supported values: "Off", "Recommend", "Apply"',
    ),
    ({"probes": {"liveness": {"periodSeconds": 0}}}, "liveness.periodSeconds", "greater than"),
    ({"checks": {"timeout": "20s"}}, "spec.checks.timeout", "not be longer than interval"),
    ({"checks": {"interval": "100ms"}}, "spec.checks.interval", "between 1s and 1h"),
    ({"checks": {"failureThreshold": 0}}, "checks.failureThreshold", "greater than"),
    ({"target": {"selector": {}}}, "spec.target.selector", "name at least one label"),
    ({"target": {"kinds": ["DaemonSet"], **TARGET}}, "spec.target.kinds", "Unsupported value"),
    (
        {"target": {"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}},
        "matchExpressions",
        "In and NotIn need values",
    ),
    ({"server": {"models": {"required": [{"name": "a b"}]}}}, "required[0].name", "should match"),
    (
        {"server": {"models": {"required": [{"name": "a"}, {"name": "a"}]}}},
        "models.required[1]",
        "Duplicate value",
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
    assert spec["checks"] == {
        "interval": "10s",
        "timeout": "5s",
        "failureThreshold": 3,
        "successThreshold": 1,
    }
    assert spec["target"]["kinds"] == ["Deployment"]
    assert "endpoints" not in spec["server"]
