"""Other people's tools, rules and objects: we lose every fight in few rounds, and say to whom."""

import uuid

import pytest

from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.errors import ApiError
from inferencehealth.kube.requests import DEPLOYMENTS, NAMESPACES, POLICIES, REPORTS, Resource
from tests.integration.awaiting import condition, message, until, until_gone
from tests.integration.controller.kubelet import kubelet
from tests.integration.controller.test_rollouts import (
    OWN,
    apply_policy,
    deploy,
    has_ours,
    state,
)
from tests.integration.objects import container, deployment, policy

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("controller")]

RULES = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingadmissionpolicies",
    "ValidatingAdmissionPolicy",
    False,
)
BINDINGS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingadmissionpolicybindings",
    "ValidatingAdmissionPolicyBinding",
    False,
)
LIMITS = Resource("", "v1", "limitranges", "LimitRange")


async def test_an_admission_policy_that_refuses_our_patch_is_quoted(
    client: Client, namespace: str
) -> None:
    rule = {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                {
                    "apiGroups": ["apps"],
                    "apiVersions": ["v1"],
                    "operations": ["UPDATE"],
                    "resources": ["deployments"],
                }
            ],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        },
        "validations": [
            {
                "expression": "!has(object.spec.template.spec.containers[0].startupProbe)",
                "message": "no startup probes here",
            }
        ],
    }
    await client.create(RULES, {"metadata": {"name": namespace}, "spec": rule})
    bound = {"policyName": namespace, "validationActions": ["Deny"]}
    await client.create(BINDINGS, {"metadata": {"name": namespace}, "spec": bound})
    try:
        body = deployment()
        await client.create(DEPLOYMENTS, body, namespace=namespace, manager="author")
        while not await _refuses(client, namespace):
            continue  # the API server takes a moment to know a new rule
        await apply_policy(client, namespace)
        found = await until(
            client,
            POLICIES,
            namespace,
            "p",
            lambda p: condition(p, "ProbesConflicted") == ("True", "Refused"),
        )
    finally:
        await client.delete(BINDINGS, namespace)
        await client.delete(RULES, namespace)
    assert "no startup probes here" in message(found, "ProbesConflicted")


async def _refuses(client: Client, namespace: str) -> bool:
    probe = {"name": "server", "startupProbe": OWN}
    body = {"spec": {"template": {"spec": {"containers": [probe]}}}}
    try:
        await client.apply(
            DEPLOYMENTS, "triton", body, namespace=namespace, manager="t", dry_run=True
        )
    except ApiError:
        return True
    return False


async def test_writers_in_between_cost_a_try_and_nothing_else(
    client: Client, namespace: str
) -> None:
    """resourceVersions change all the time; what is guarded is the generation and the uid."""

    async def scribble() -> None:
        for number in range(100):  # endless, it would keep the Deployment's own controller out too
            note = {"metadata": {"annotations": {"note": str(number)}}}
            await client.merge_patch(
                DEPLOYMENTS, "triton", note, namespace=namespace, manager="scribbler"
            )

    async with kubelet(client, namespace):
        created = await deploy(client, namespace, probes={"livenessProbe": OWN})
        await apply_policy(client, namespace, existing="Replace", onDelete="Restore")
        await scribble()
        await until(
            client, REPORTS, namespace, "deployment-triton", lambda r: state(r)[1] == "Done"
        )
        await client.delete(POLICIES, "p", namespace=namespace)
        await scribble()
        await until_gone(client, REPORTS, namespace, "deployment-triton")
        after = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
    assert after["spec"] == created["spec"]


async def test_of_many_containers_only_the_servers_is_touched(
    client: Client, namespace: str
) -> None:
    body = deployment()
    pod = body["spec"]["template"]["spec"]
    pod["containers"] = [
        {"name": "proxy", "image": "envoy:1", "ports": [{"containerPort": 8080}]},
        *pod["containers"],
        {"name": "metrics", "image": "exporter:1", "livenessProbe": OWN},
    ]
    pod["initContainers"] = [
        {"name": "fetch", "image": "fetcher:1"},
        {"name": "sidecar", "image": "redis:7", "restartPolicy": "Always", "readinessProbe": OWN},
    ]
    created = await client.create(DEPLOYMENTS, body, namespace=namespace, manager="author")
    await apply_policy(client, namespace)
    after = await until(
        client,
        DEPLOYMENTS,
        namespace,
        "triton",
        lambda d: "startupProbe" in d["spec"]["template"]["spec"]["containers"][1],
    )
    spec, before = after["spec"]["template"]["spec"], created["spec"]["template"]["spec"]
    server = spec["containers"][1]
    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert "httpGet" in server.pop(kind)
    assert spec == before


async def test_a_limit_range_and_unicode_are_nobodys_trouble(
    client: Client, namespace: str
) -> None:
    limits = {"limits": [{"type": "Container", "default": {"memory": "1Gi"}}]}
    await client.create(
        LIMITS, {"metadata": {"name": "l"}, "spec": limits}, namespace=namespace, manager="author"
    )
    body = deployment(env=[{"name": "GREETING", "value": "Grüße, 世界 🚀"}], args=["--größe=∞"])
    body["metadata"]["annotations"] = {"beschreibung": "モデル\n\u2028'\"\\"}
    created = await client.create(DEPLOYMENTS, body, namespace=namespace, manager="author")
    await apply_policy(client, namespace)
    after = await until(client, DEPLOYMENTS, namespace, "triton", has_ours)
    assert container(after)["env"] == container(created)["env"]
    assert container(after)["args"] == container(created)["args"]
    assert after["metadata"]["annotations"]["beschreibung"] == "モデル\n\u2028'\"\\"


async def test_the_longest_names_have_their_report_and_their_status(client: Client) -> None:
    namespace = f"test-{uuid.uuid4().hex[:8]}-".ljust(63, "n")
    await client.create(NAMESPACES, {"metadata": {"name": namespace}})
    name = "d" * 253
    body = deployment()
    body["metadata"]["name"] = name
    body["spec"]["replicas"] = 0
    long = "c" * 63
    body["spec"]["template"]["spec"]["containers"][0]["name"] = long
    try:
        await client.create(DEPLOYMENTS, body, namespace=namespace, manager="author")
        spec = policy("p" * 253, probes={"mode": "Apply"})
        await client.create(POLICIES, spec, namespace=namespace, manager="author")
        found = await until(
            client,
            POLICIES,
            namespace,
            "p" * 253,
            lambda p: condition(p, "ProbesInjected")[0] == "True",
        )
        (report,) = (await client.list(REPORTS, project=whole, namespace=namespace)).items
        after = await client.get(DEPLOYMENTS, name, namespace=namespace)
    finally:
        await client.delete(NAMESPACES, namespace)
    assert found["status"]["summary"]["workloads"] == 1
    assert len(report["metadata"]["name"]) <= 253
    assert has_ours(after)


async def test_a_namespace_that_is_being_deleted_is_left_to_go(client: Client) -> None:
    namespace = f"test-{uuid.uuid4().hex[:8]}"
    await client.create(NAMESPACES, {"metadata": {"name": namespace}})
    held = deployment()
    held["metadata"]["finalizers"] = ["example.com/slow"]
    await client.create(DEPLOYMENTS, held, namespace=namespace, manager="author")
    await apply_policy(client, namespace, onDelete="Restore")
    await until(client, REPORTS, namespace, "deployment-triton", lambda r: "status" in r)
    await client.delete(NAMESPACES, namespace)
    await until_gone(client, REPORTS, namespace, "deployment-triton")
    await until_gone(client, POLICIES, namespace, "p")
    await client.merge_patch(
        DEPLOYMENTS,
        "triton",
        {"metadata": {"finalizers": None}},
        namespace=namespace,
        manager="author",
    )
    await until_gone(client, NAMESPACES, "", namespace)
