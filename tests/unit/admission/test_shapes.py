"""New workloads of which the policy alone decides the probes: never others than a look would."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.admission.shapes import Option, chosen, fits, options, shape_of, unborn
from inferencehealth.api.policy import Policy
from inferencehealth.plan import plan
from inferencehealth.profiles.registry import PROFILES
from inferencehealth.workloads import Workload
from tests.unit.admission.given import corpus, initial, probes_of
from tests.unit.plan.given import TRITON, deployment
from tests.unit.profiles.test_any_container import containers

NAMES = [profile.name for profile in PROFILES if profile.name != "custom"]
SERVERS: list[dict[str, Any]] = [
    {"profile": name, **port} for name in NAMES for port in ({}, {"port": 8000}, {"port": "http"})
]
AUTO: dict[str, Any] = {"profile": "auto"}
CUSTOM = {"profile": "custom", "port": 80, "endpoints": {"ready": {"path": "/ready"}}}


def ids(server: dict[str, Any]) -> str:
    return f"{server['profile']}-{server.get('port', 'usual')}"


def agrees(policy: Policy, target: Workload, found: Sequence[Option] | None = None) -> bool:
    """Whether the workload has the shape; then its plan has to say what the rule says."""
    said = chosen(options(policy) if found is None else found, target)
    if said is None:
        return False
    name, rule = said
    planned = plan(policy, target)
    assert planned.detection.container == name
    assert probes_of(planned) == {probe.kind: probe.wanted for probe in rule.probes}
    return True


@pytest.mark.parametrize("server", [AUTO, *SERVERS, CUSTOM], ids=ids)
def test_what_people_write_gets_nothing_but_its_plan(server: dict[str, Any]) -> None:
    policy = initial(server=server)
    found = options(policy)
    for target in corpus():
        agrees(policy, target, found)


@given(st.sampled_from([AUTO, *SERVERS]), st.lists(containers, min_size=1, max_size=2))
def test_whatever_a_container_says_it_gets_nothing_but_its_plan(
    server: dict[str, Any], listed: list[dict[str, Any]]
) -> None:
    agrees(initial(server=server), deployment(*listed))


def test_a_server_that_is_named_is_met_in_many_workloads_that_people_write() -> None:
    met = {
        server["profile"]: sum(
            chosen(options(initial(server=server)), w) is not None for w in corpus()
        )
        for server in (AUTO, {"profile": "triton", "port": 8000}, {"profile": "vllm"}, CUSTOM)
    }
    assert met["triton"] > len(corpus()) / 2
    assert met["vllm"] > 0
    assert met["auto"] > 10
    assert met["custom"] > len(corpus()) / 2


@pytest.mark.parametrize(
    ("server", "why"),
    [
        ({"profile": "grpc", "port": "grpc"}, "its probes need the number of the port"),
        ({"profile": "kserve", "port": 8080}, "its arguments name the model of its readiness"),
    ],
)
def test_where_it_takes_a_look_nothing_is_said_beforehand(server: dict[str, Any], why: str) -> None:
    assert unborn(initial(server=server)) == (), why


def test_models_that_the_policy_names_need_no_look() -> None:
    server = {"profile": "kserve", "port": 8080, "models": {"required": [{"name": "m"}]}}
    (found,) = unborn(initial(server=server))
    readiness = next(p for p in found.branches[0].rule.probes if p.kind == "readinessProbe")
    assert readiness.wanted is not None
    assert "m" in readiness.wanted["httpGet"]["path"]


@pytest.mark.parametrize(
    ("container", "met"),
    [
        ({}, True),
        ({"ports": [{"containerPort": 8000}, {"containerPort": 8001}]}, True),
        ({"args": ["tritonserver", "--model-repository=/models"]}, True),
        ({"ports": [{"containerPort": 9000}]}, False),
        ({"args": ["tritonserver", "--http-port=9000"]}, False),
        ({"args": ["--port", "8000", "--port=8000"]}, True),
        ({"args": ["--port", "8000", "--port", "8001"]}, False),
        ({"args": ["--port"]}, False),
        ({"command": ["sh", "-c", "exec tritonserver --http-port 9000"]}, False),
        ({"args": ["--x", "$(FLAGS)"]}, False),
        ({"env": [{"name": "HTTP_PORT", "value": "1"}]}, False),
        ({"envFrom": [{"configMapRef": {"name": "settings"}}]}, False),
    ],
)
def test_without_a_port_in_the_policy_nothing_may_hint_at_another(
    container: dict[str, Any], met: bool
) -> None:
    target = deployment({"image": TRITON, **container})
    assert agrees(initial(server={"profile": "triton"}), target) is met


@pytest.mark.parametrize(
    ("names", "target", "met"),
    [
        (["server"], "", "server"),
        (["server", "istio-proxy"], "", "server"),
        (["server", "other"], "", ""),
        (["server", "other"], "other", "other"),
        (["server"], "absent", ""),
        (["istio-proxy"], "", ""),
        (["istio-proxy"], "istio-proxy", "istio-proxy"),
    ],
)
def test_the_container_can_only_be_one(names: list[str], target: str, met: str) -> None:
    shape = shape_of(initial(server={"profile": "triton", "port": 8000}, container=target))
    assert shape is not None
    assert fits(shape, deployment(*({"name": name} for name in names))) == met


def test_a_rule_is_made_for_every_kind_and_says_whether_it_replaces() -> None:
    policy = initial(server={"profile": "triton", "port": 8000}, existing="Replace")
    both = policy.model_dump(by_alias=True)
    both["spec"]["target"]["kinds"] = ["Deployment", "StatefulSet"]
    found = unborn(Policy.model_validate(both))
    assert [each.kind for each in found] == ["Deployment", "StatefulSet"]
    assert all(probe.always for branch in found[0].branches for probe in branch.rule.probes)


@pytest.mark.parametrize(
    ("container", "met"),
    [
        ({"image": TRITON}, True),
        ({"image": TRITON, "args": ["tritonserver", "--model-repository=/m"]}, True),
        ({"image": TRITON, "command": ["tritonserver"], "args": ["--model-repository=/m"]}, True),
        ({"image": "reg:5000/nvidia/tritonserver@sha256:00"}, True),
        ({"image": "vllm/vllm-openai:v1", "args": ["--model", "m", "--max-model-len=8"]}, True),
        ({"image": "nvcr.io/nvidia/tritonserver:24.10-py3-sdk"}, False),
        ({"image": TRITON, "command": ["sh", "-c", "tritonserver"]}, False),
        ({"image": TRITON, "args": ["sleep", "infinity"]}, False),
        ({"image": "nginx"}, False),
        ({"image": "vllm/vllm-openai:v1", "args": ["--model", "m", "--port=9"]}, False),
    ],
)
def test_a_server_that_the_policy_does_not_name_is_met_where_its_image_shows_it(
    container: dict[str, Any], met: bool
) -> None:
    assert agrees(initial(), deployment(container)) is met
