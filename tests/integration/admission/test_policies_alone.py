"""Admission policies as the API server evaluates them, with failurePolicy Fail: so it tells."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from e2e.cluster.model import Cluster
from inferencehealth.admission.shapes import chosen, options
from inferencehealth.api.policy import Policy
from inferencehealth.controller.admission import LEARNING, AdmissionPolicies
from inferencehealth.controller.reading import Unreadable
from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.errors import Invalid
from inferencehealth.kube.requests import (
    DEPLOYMENTS,
    MUTATING_POLICIES,
    MUTATING_POLICY_BINDINGS,
    POLICIES,
)
from inferencehealth.workloads import Workload, workload
from tests.integration.admission.doors import (
    Raw,
    attempt,
    initial,
    open_for,
    probed,
    running,
    with_policy,
)
from tests.integration.objects import container, deployment
from tests.unit.admission.given import corpus

pytestmark = [pytest.mark.integration]

SEEN = ("name", "image", "command", "args", "env", "ports")
"""What detection sees of a container, and what needs nothing else to be accepted."""

Enforce = Callable[[Policy, Iterable[Workload]], Awaitable[None]]


@pytest.fixture(scope="module")
def door_name() -> str:
    return "policies"


@pytest.fixture
async def enforce(client: Client, namespace: str) -> AsyncIterator[Enforce]:
    """Puts a policy of ours in force without a controller; taken back with the test."""
    admission = AdmissionPolicies(client, failure="Fail")

    async def put(policy: Policy, held: Iterable[Workload]) -> None:
        by_name = {policy.metadata.name: tuple(held)}
        await admission.bring_in_line(namespace, [policy], [], by_name, {})

    yield put
    await admission.bring_in_line(namespace, [], [], {}, {})


def read(namespace: str, raw: Raw) -> Policy:
    """A policy of ours as it would be read."""
    meta = {**raw["metadata"], "namespace": namespace}
    head = {"apiVersion": "inferencehealth.dev/v1alpha1", "kind": "InferenceHealthPolicy"}
    return Policy.model_validate({**raw, **head, "metadata": meta})


def as_deployment(number: int, containers: Iterable[Raw]) -> Raw:
    """A Deployment of these containers, reduced to what detection sees."""
    body = deployment(f"w{number}")
    body["spec"]["template"]["spec"]["containers"] = [
        {"image": "none", **{key: each[key] for key in SEEN if each.get(key)}}
        for each in containers
    ]
    return body


def valued(raw: Raw) -> Workload:
    return workload({**raw, "kind": "Deployment", "apiVersion": "apps/v1"})


@pytest.mark.parametrize(
    ("server", "target"),
    [
        ({}, ""),
        ({"profile": "triton", "port": 8000}, ""),
        ({"profile": "vllm"}, ""),
        ({"profile": "litserve", "port": "http"}, ""),
        ({"profile": "triton", "port": 8000}, "kserve-container"),
    ],
    ids=["by image", "port", "usual port", "named port", "named container"],
)
async def test_the_api_server_sees_the_shape_of_new_workloads_as_we_do(
    client: Client, namespace: str, enforce: Enforce, server: dict[str, Any], target: str
) -> None:
    raw = initial()
    raw["spec"]["server"] = server
    raw["spec"]["target"]["container"] = target
    policy = read(namespace, raw)
    said = options(policy)
    bodies = [
        as_deployment(n, [c.raw for c in each.containers if not c.sidecar])
        for n, each in enumerate(corpus())
        if each.kind in ("Deployment", "StatefulSet")
    ]
    met = {
        body["metadata"]["name"]: found[0] if (found := chosen(said, valued(body))) else ""
        for body in bodies
    }
    assert any(met.values())
    assert not all(met.values())
    await enforce(policy, [])
    first = next(body for body in bodies if met[body["metadata"]["name"]])
    await open_for(client, namespace, lambda d: any(map(_has_probe, _containers(d))), first)
    for body in bodies:
        found = await attempt(client, namespace, body)
        given = [c["name"] for c in _containers(found) if _has_probe(c)]
        expected = met[body["metadata"]["name"]]
        assert given == ([expected] if expected else []), body


def _containers(raw: Raw) -> list[Raw]:
    found: list[Raw] = raw["spec"]["template"]["spec"]["containers"]
    return found


def _has_probe(raw: Raw) -> bool:
    return "livenessProbe" in raw


PLAIN = {
    "image": "registry.example/serve:1",
    "command": ["tritonserver"],
    "args": ["--model-repository=/m"],
}
"""Recognised by its command alone: nothing is said about such workloads before they are there."""


@pytest.mark.parametrize(
    ("change", "joins"),
    [
        ({"image": "registry.example/serve:2"}, True),
        ({"image": "registry.example/serve@sha256:" + "0" * 64}, True),
        ({"env": [{"name": "BUILD", "value": "17"}]}, True),
        ({"image": "vllm/vllm-openai:2"}, False),
        ({"image": "registry.example/serve-fork:2"}, False),
        ({"args": ["--http-port=9000"]}, False),
        ({"command": ["python3", "-m", "vllm"]}, False),
        ({"ports": [{"containerPort": 9000}]}, False),
        ({"name": "renamed"}, False),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
async def test_a_known_plan_joins_only_a_container_that_is_still_as_it_was_planned_for(
    client: Client, namespace: str, enforce: Enforce, change: Raw, *, joins: bool
) -> None:
    made = await client.create(
        DEPLOYMENTS, deployment(**PLAIN), namespace=namespace, manager="attempt"
    )
    raw = initial()
    raw["spec"]["server"] = {}
    await enforce(read(namespace, raw), [valued(made)])
    restart = deployment(**PLAIN)
    restart["spec"]["template"]["metadata"]["annotations"] = {"restarted": "now"}
    await open_for(client, namespace, probed, restart)
    changed = await attempt(client, namespace, deployment(**{**PLAIN, **change}))
    assert any(map(_has_probe, _containers(changed))) is joins


async def test_whatever_stands_in_a_command_is_held_on_to_to_the_letter(
    client: Client, namespace: str, enforce: Enforce
) -> None:
    awkward = {
        **PLAIN,
        "args": ["--a='\"\\\n\t", "--b=ü😀\u2028${X} $(Y) %s {{z}}", "--c=\x7f"],
        "env": [
            {"name": "EMPTY"},
            {"name": "FROM", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
    }
    made = await client.create(
        DEPLOYMENTS, deployment(**awkward), namespace=namespace, manager="attempt"
    )
    raw = initial()
    raw["spec"]["server"] = {}
    await enforce(read(namespace, raw), [valued(made)])
    restart = deployment(**awkward)
    restart["spec"]["template"]["metadata"]["annotations"] = {"restarted": "now"}
    await open_for(client, namespace, probed, restart)


async def test_hundreds_of_workloads_under_one_policy_stay_within_the_limits(
    client: Client, namespace: str, enforce: Enforce
) -> None:
    words = [f"--option-{n}=" + "x" * 90 for n in range(9)]
    bodies = [
        deployment(f"w{n}", **{**PLAIN, "args": [f"--model-repository=/{n}", *words]})
        for n in range(200)
    ]
    raw = initial()
    raw["spec"]["server"] = {}
    await enforce(read(namespace, raw), map(valued, bodies))
    label = f"inferencehealth.dev/namespace={namespace}"
    found = await client.list(MUTATING_POLICIES, project=whole, label_selector=label)
    assert 3 < len(found.items) < 20
    for body in (bodies[0], bodies[-1]):
        await open_for(client, namespace, probed, body)
    other = deployment("w0", **{**PLAIN, "args": ["--model-repository=/1", *words]})
    assert not probed(await attempt(client, namespace, other))


async def test_while_nothing_changes_nothing_is_written(
    client: Client, namespace: str, enforce: Enforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await client.create(DEPLOYMENTS, deployment(), namespace=namespace, manager="author")
    policy = read(namespace, initial())
    await enforce(policy, [valued(made)])
    assert await _versions(client, namespace)
    # An apply that changes nothing would leave the same version, and still be a write.
    monkeypatch.setattr(client, "apply", None)
    await enforce(policy, [valued(made)])


async def test_what_nothing_needs_any_more_is_deleted(
    client: Client, namespace: str, enforce: Enforce
) -> None:
    policy = read(namespace, initial())
    await enforce(policy, [])
    assert await _versions(client, namespace)
    recommend = initial(probes={"mode": "Recommend"})
    await enforce(read(namespace, recommend), [])
    assert await _versions(client, namespace) == {}


async def test_a_policy_that_can_not_be_read_now_keeps_what_it_had(
    client: Client, namespace: str
) -> None:
    admission = AdmissionPolicies(client, failure="Fail")
    policy = read(namespace, initial())
    await admission.bring_in_line(namespace, [policy], [], {}, {})
    before = await _versions(client, namespace)
    assert before
    doubtful = Unreadable(policy.metadata, policy.status, "made by a newer version", None)
    await admission.bring_in_line(namespace, [], [doubtful], {}, {})
    assert await _versions(client, namespace) == before
    await admission.bring_in_line(namespace, [], [], {}, {})
    assert await _versions(client, namespace) == {}


async def test_a_rule_for_newcomers_counts_as_new_for_some_seconds_after_it_was_written(
    client: Client, namespace: str
) -> None:
    now = 1000.0
    admission = AdmissionPolicies(client, failure="Fail", clock=lambda: now)
    policy = read(namespace, initial())
    mine = (namespace, policy.metadata.name)
    assert admission.learning(*mine) == 0
    await admission.bring_in_line(namespace, [policy], [], {}, {})
    assert admission.learning(*mine) == LEARNING
    now += 1
    await admission.bring_in_line(namespace, [policy], [], {}, {})
    assert admission.learning(*mine) == LEARNING - 1
    now += LEARNING
    assert admission.learning(*mine) == 0
    await admission.bring_in_line(namespace, [], [], {}, {})
    now -= LEARNING
    assert admission.learning(*mine) == 0


async def test_a_rule_that_the_api_server_refuses_is_nothing_to_wait_for(
    client: Client, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: Any, **__: Any) -> Raw:
        raise Invalid(422, "Invalid", "too expensive")

    monkeypatch.setattr(Client, "apply", refuse)
    admission = AdmissionPolicies(client, failure="Fail")
    policy = read(namespace, initial())
    await admission.bring_in_line(namespace, [policy], [], {}, {})
    assert admission.learning(namespace, policy.metadata.name) == 0


async def _versions(client: Client, namespace: str) -> dict[tuple[str, str], str]:
    label = f"inferencehealth.dev/namespace={namespace}"
    return {
        (resource.kind, raw["metadata"]["name"]): raw["metadata"]["resourceVersion"]
        for resource in (MUTATING_POLICIES, MUTATING_POLICY_BINDINGS)
        for raw in (await client.list(resource, project=whole, label_selector=label)).items
    }


async def test_whoever_changes_the_template_after_us_finds_the_probes_where_they_belong(
    client: Client, namespace: str, enforce: Enforce
) -> None:
    name = f"zz-{namespace}"
    spec = {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "IfNeeded",
        "matchConstraints": {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "resourceRules": [
                {
                    "apiGroups": ["apps"],
                    "apiVersions": ["v1"],
                    "resources": ["deployments"],
                    "operations": ["CREATE", "UPDATE"],
                }
            ],
        },
        "mutations": [
            {
                "patchType": "JSONPatch",
                "jsonPatch": {
                    "expression": "object.spec.template.spec.containers.exists(c, c.name == 'mesh')"
                    " ? [] : [JSONPatch{op: 'add', path: '/spec/template/spec/containers/0', "
                    "value: Object.spec.template.spec.containers{name: 'mesh', image: 'proxyv2'}}]"
                },
            }
        ],
    }
    await enforce(read(namespace, initial()), [])
    await client.create(MUTATING_POLICIES, {"metadata": {"name": name}, "spec": spec})
    binding = {"metadata": {"name": name}, "spec": {"policyName": name}}
    await client.create(MUTATING_POLICY_BINDINGS, binding)
    try:
        await open_for(
            client,
            namespace,
            lambda d: len(_containers(d)) == 2 and any(map(_has_probe, _containers(d))),
        )
        mesh, server = _containers(await attempt(client, namespace, deployment()))
        assert (mesh["name"], server["name"]) == ("mesh", "server")
        assert not _has_probe(mesh)
        assert _has_probe(server)
    finally:
        await client.delete(MUTATING_POLICY_BINDINGS, name)
        await client.delete(MUTATING_POLICIES, name)


async def test_the_policies_work_on_without_the_controller_and_go_when_it_is_back(
    cluster: Cluster, client: Client, namespace: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with running(cluster, log, "controller"):
        await with_policy(client, namespace)
    made = await client.create(DEPLOYMENTS, deployment(), namespace=namespace, manager="author")
    assert probed(made)
    await client.delete(POLICIES, "p", namespace=namespace)
    assert probed(await attempt(client, namespace, deployment("meanwhile")))
    with running(cluster, log, "controller"):
        async with asyncio.timeout(60):
            await open_for(client, namespace, lambda d: not probed(d))
    assert container(made)["livenessProbe"]
