"""What the API server lets our service accounts do to workloads and pods, beyond what RBAC says."""

import asyncio
import itertools
from contextlib import suppress
from copy import deepcopy
from typing import Any

import pytest

from inferencehealth.api.names import FIELD_MANAGER, READINESS_GATE
from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import ApiError, Conflict, Forbidden, Invalid
from inferencehealth.kube.gates import Gate, PodName, set_gate
from inferencehealth.kube.requests import DEPLOYMENTS, PODS, STATEFUL_SETS, Resource
from inferencehealth.kube.retries import Limits

pytestmark = pytest.mark.integration

Raw = dict[str, Any]
DEADLINE = 180.0
"""Seconds; generous, because the machine may be busy with other things."""

SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
PATIENT = Limits(attempt=120.0, retry_for=0.0)

PROBE = {"httpGet": {"path": "/v2/health/live", "port": 8000}, "periodSeconds": 7}
SERVER = "/spec/template/spec/containers/0"
SIDECAR = "/spec/template/spec/initContainers/0"
POD_SPEC = "/spec/template/spec"

REFUSED = {
    "another image": {"op": "replace", "path": f"{SERVER}/image", "value": "evil:1"},
    "a command": {"op": "add", "path": f"{SERVER}/command", "value": ["/bin/evil"]},
    "arguments": {"op": "replace", "path": f"{SERVER}/args", "value": ["--evil"]},
    "a further variable": {
        "op": "add",
        "path": f"{SERVER}/env/-",
        "value": {"name": "LD_PRELOAD", "value": "/evil.so"},
    },
    "another value of a variable": {"op": "replace", "path": f"{SERVER}/env/0/value", "value": "x"},
    "variables of a Secret": {
        "op": "add",
        "path": f"{SERVER}/envFrom",
        "value": [{"secretRef": {"name": "keys"}}],
    },
    "another port": {"op": "replace", "path": f"{SERVER}/ports/0/containerPort", "value": 9},
    "more resources": {
        "op": "add",
        "path": f"{SERVER}/resources",
        "value": {"limits": {"cpu": "64"}},
    },
    "privileges": {"op": "add", "path": f"{SERVER}/securityContext", "value": {"privileged": True}},
    "a hook": {
        "op": "add",
        "path": f"{SERVER}/lifecycle",
        "value": {"preStop": {"exec": {"command": ["/bin/evil"]}}},
    },
    "a mount": {
        "op": "add",
        "path": f"{SERVER}/volumeMounts",
        "value": [{"name": "data", "mountPath": "/evil"}],
    },
    "another pull policy": {"op": "add", "path": f"{SERVER}/imagePullPolicy", "value": "Always"},
    "a container": {
        "op": "add",
        "path": f"{POD_SPEC}/containers/-",
        "value": {"name": "evil", "image": "evil:1"},
    },
    "no sidecar": {"op": "remove", "path": SIDECAR},
    "a further init container": {
        "op": "add",
        "path": f"{POD_SPEC}/initContainers/-",
        "value": {"name": "evil", "image": "evil:1"},
    },
    "another image of a sidecar": {"op": "replace", "path": f"{SIDECAR}/image", "value": "evil:1"},
    "a container renamed": {"op": "replace", "path": f"{SERVER}/name", "value": "other"},
    "a volume": {
        "op": "add",
        "path": f"{POD_SPEC}/volumes/-",
        "value": {"name": "evil", "hostPath": {"path": "/"}},
    },
    "another service account": {
        "op": "add",
        "path": f"{POD_SPEC}/serviceAccountName",
        "value": "admin",
    },
    "the node's network": {"op": "add", "path": f"{POD_SPEC}/hostNetwork", "value": True},
    "a pull secret": {
        "op": "add",
        "path": f"{POD_SPEC}/imagePullSecrets",
        "value": [{"name": "evil"}],
    },
    "another node": {"op": "add", "path": f"{POD_SPEC}/nodeName", "value": "master"},
    "somebody else's gate": {
        "op": "add",
        "path": f"{POD_SPEC}/readinessGates",
        "value": [{"conditionType": "example.com/other"}],
    },
    "a label of the pods": {
        "op": "add",
        "path": "/spec/template/metadata/labels/evil",
        "value": "x",
    },
    "a restart": {
        "op": "add",
        "path": "/spec/template/metadata/annotations",
        "value": {"kubectl.kubernetes.io/restartedAt": "now"},
    },
    "a label": {"op": "add", "path": "/metadata/labels/evil", "value": "x"},
    "an annotation": {"op": "add", "path": "/metadata/annotations", "value": {"evil": "x"}},
    "a finalizer": {"op": "add", "path": "/metadata/finalizers", "value": ["example.com/evil"]},
    "an owner": {
        "op": "add",
        "path": "/metadata/ownerReferences",
        "value": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "y"}],
    },
    "no replicas": {"op": "replace", "path": "/spec/replicas", "value": 0},
    "more replicas": {"op": "replace", "path": "/spec/replicas", "value": 99},
    "history": {"op": "add", "path": "/spec/revisionHistoryLimit", "value": 0},
}
"""What a stolen token would be used for; each of them alone."""

ALLOWED = {
    **{
        f"{kind} of the {who}": {"op": "add", "path": f"{where}/{kind}", "value": PROBE}
        for kind in ("startupProbe", "livenessProbe", "readinessProbe")
        for who, where in (("server", SERVER), ("sidecar", SIDECAR))
    },
    "our gate": {
        "op": "add",
        "path": f"{POD_SPEC}/readinessGates",
        "value": [{"conditionType": READINESS_GATE}],
    },
}


def workload() -> Raw:
    return {
        "metadata": {"name": "model", "labels": {"tier": "inference"}},
        "spec": {
            "replicas": 1,
            "serviceName": "model",
            "selector": {"matchLabels": {"app": "model"}},
            "template": {
                "metadata": {"labels": {"app": "model"}},
                "spec": {
                    "initContainers": [
                        {"name": "side", "image": "side:1", "restartPolicy": "Always"}
                    ],
                    "containers": [
                        {
                            "name": "server",
                            "image": "server:1",
                            "args": ["--serve"],
                            "env": [{"name": "MODEL", "value": "resnet50"}],
                            "ports": [{"containerPort": 8000}],
                        }
                    ],
                    "volumes": [{"name": "data", "emptyDir": {}}],
                },
            },
        },
    }


async def made(client: Client, resource: Resource, namespace: str, body: Raw | None = None) -> Raw:
    body = deepcopy(body or workload())
    if resource is DEPLOYMENTS:
        body["spec"].pop("serviceName", None)
    return await client.create(resource, body, namespace=namespace, manager="author")


async def in_force(as_controller: Client, resource: Resource, namespace: str) -> None:
    """Return once the API server enforces the restraint: it takes a moment to learn a policy.

    Each attempt writes another value: what an attempt wrote before that moment, written again,
    would change nothing, and what changes nothing is allowed."""
    async with asyncio.timeout(DEADLINE):
        for attempt in itertools.count():
            label = {"op": "add", "path": "/metadata/labels/attempt", "value": str(attempt)}
            try:
                await as_controller.json_patch(
                    resource, "model", [label], namespace=namespace, manager=FIELD_MANAGER
                )
            except (Forbidden, Invalid) as refused:
                if "nothing else" in refused.message:
                    return
            await asyncio.sleep(0)


@pytest.mark.parametrize("resource", [DEPLOYMENTS, STATEFUL_SETS], ids=lambda r: r.kind)
async def test_with_the_controllers_token_nothing_but_probes_can_be_changed(
    client: Client, as_controller: Client, namespace: str, resource: Resource
) -> None:
    await made(client, resource, namespace)
    await in_force(as_controller, resource, namespace)
    before = await client.get(resource, "model", namespace=namespace)
    passed = []
    for what, operation in REFUSED.items():
        try:
            await as_controller.json_patch(
                resource, "model", [operation], namespace=namespace, manager=FIELD_MANAGER
            )
            passed.append(what)
        except (Forbidden, Invalid):
            continue
    after = await client.get(resource, "model", namespace=namespace)
    assert passed == []
    assert after["spec"] == before["spec"]


@pytest.mark.parametrize("what", REFUSED)
async def test_the_restraint_and_no_other_rule_refuses(
    client: Client, as_controller: Client, namespace: str, what: str
) -> None:
    """The same writes as an administrator pass, or are refused for another reason by both."""
    await made(client, DEPLOYMENTS, namespace)
    await in_force(as_controller, DEPLOYMENTS, namespace)
    with pytest.raises(ApiError) as refused:
        await as_controller.json_patch(
            DEPLOYMENTS, "model", [REFUSED[what]], namespace=namespace, manager=FIELD_MANAGER
        )
    assert "the operator changes probes and its own readiness gate, nothing else" in str(
        refused.value
    )
    await client.json_patch(
        DEPLOYMENTS, "model", [REFUSED[what]], namespace=namespace, manager="author"
    )


@pytest.mark.parametrize("resource", [DEPLOYMENTS, STATEFUL_SETS], ids=lambda r: r.kind)
async def test_probes_and_our_gate_can_be_written_and_taken_back(
    client: Client, as_controller: Client, namespace: str, resource: Resource
) -> None:
    await made(client, resource, namespace)
    await in_force(as_controller, resource, namespace)
    for operation in ALLOWED.values():
        await as_controller.json_patch(
            resource, "model", [operation], namespace=namespace, manager=FIELD_MANAGER
        )
    for operation in ALLOWED.values():
        undo = [{"op": "remove", "path": operation["path"]}]
        after = await as_controller.json_patch(
            resource, "model", undo, namespace=namespace, manager=FIELD_MANAGER
        )
    assert "readinessGates" not in after["spec"]["template"]["spec"]


async def test_server_side_apply_is_held_to_the_same(
    client: Client, as_controller: Client, namespace: str
) -> None:
    await made(client, DEPLOYMENTS, namespace)
    await in_force(as_controller, DEPLOYMENTS, namespace)
    server: Raw = {"name": "server", "livenessProbe": PROBE}
    body: Raw = {"spec": {"template": {"spec": {"containers": [server]}}}}

    async def apply(name: str = "model") -> Raw:
        return await as_controller.apply(
            DEPLOYMENTS, name, body, namespace=namespace, manager=FIELD_MANAGER, force=True
        )

    assert "livenessProbe" in (await apply())["spec"]["template"]["spec"]["containers"][0]
    server["image"] = "evil:1"
    with pytest.raises(Invalid, match="image, command, env and all else of containers stay"):
        await apply()
    del server["image"]
    body["metadata"] = {"labels": {"evil": "x"}}
    with pytest.raises(Invalid, match="labels, annotations"):
        await apply()


async def test_the_claim_on_probes_can_be_given_up(
    client: Client, as_controller: Client, namespace: str
) -> None:
    await made(client, DEPLOYMENTS, namespace)
    await in_force(as_controller, DEPLOYMENTS, namespace)
    operation = ALLOWED["livenessProbe of the server"]
    raw = await as_controller.json_patch(
        DEPLOYMENTS, "model", [operation], namespace=namespace, manager=FIELD_MANAGER
    )
    assert FIELD_MANAGER in managers(raw)
    after = await without_our_entry(as_controller, raw)
    assert FIELD_MANAGER not in managers(after)


def managers(raw: Raw) -> set[str]:
    return {entry["manager"] for entry in raw["metadata"]["managedFields"]}


async def without_our_entry(as_controller: Client, raw: Raw) -> Raw:
    """Write a Deployment's list of owners without us; again, if its status was written between."""
    name, namespace = raw["metadata"]["name"], raw["metadata"]["namespace"]
    async with asyncio.timeout(DEADLINE):
        while True:
            meta = raw["metadata"]
            kept = [entry for entry in meta["managedFields"] if entry["manager"] != FIELD_MANAGER]
            body = {"metadata": {"resourceVersion": meta["resourceVersion"], "managedFields": kept}}
            try:
                return await as_controller.merge_patch(
                    DEPLOYMENTS, name, body, namespace=namespace, manager=FIELD_MANAGER
                )
            except Conflict:
                raw = await as_controller.get(DEPLOYMENTS, name, namespace=namespace)


async def test_a_large_workload_stays_within_what_an_expression_may_cost(
    client: Client, as_controller: Client, namespace: str
) -> None:
    """Twenty containers of 100 variables each; also forty of 200, near the 1.5 MiB that etcd takes
    of an object with all its owners, stay within (tried once: it takes seconds)."""
    body = workload()
    variables = [{"name": f"VARIABLE_{n}", "value": "x" * 40} for n in range(100)]
    body["spec"]["template"]["spec"]["containers"] += [
        {"name": f"extra-{n}", "image": "extra:1", "env": variables} for n in range(19)
    ]
    await made(client, DEPLOYMENTS, namespace, body)
    await in_force(as_controller, DEPLOYMENTS, namespace)
    await as_controller.json_patch(
        DEPLOYMENTS,
        "model",
        [ALLOWED["livenessProbe of the server"]],
        namespace=namespace,
        manager=FIELD_MANAGER,
        limits=PATIENT,
    )
    last = f"{POD_SPEC}/containers/19/env/99/value"
    with pytest.raises(Invalid, match="env and all else of containers stay"):
        await as_controller.json_patch(
            DEPLOYMENTS,
            "model",
            [{"op": "replace", "path": last, "value": "evil"}],
            namespace=namespace,
            manager=FIELD_MANAGER,
            limits=PATIENT,
        )


async def test_workloads_are_neither_made_nor_deleted_nor_scaled(
    client: Client, as_controller: Client, namespace: str
) -> None:
    await made(client, DEPLOYMENTS, namespace)
    body = workload()
    del body["spec"]["serviceName"]
    body["metadata"]["name"] = "another"
    with pytest.raises(Forbidden):
        await as_controller.create(DEPLOYMENTS, body, namespace=namespace)
    with pytest.raises(Forbidden):
        await as_controller.delete(DEPLOYMENTS, "model", namespace=namespace)
    with pytest.raises(Forbidden):
        await as_controller.merge_patch(
            DEPLOYMENTS,
            "model",
            {"spec": {"replicas": 0}},
            namespace=namespace,
            manager=FIELD_MANAGER,
            subresource="scale",
        )


async def test_other_people_are_not_restrained(client: Client, namespace: str) -> None:
    await made(client, DEPLOYMENTS, namespace)
    after = await client.json_patch(
        DEPLOYMENTS, "model", [REFUSED["another image"]], namespace=namespace, manager="author"
    )
    assert after["spec"]["template"]["spec"]["containers"][0]["image"] == "evil:1"


# Pods


async def a_pod(client: Client, namespace: str) -> PodName:
    # On 1.35 no controller runs that would make it.
    with suppress(Conflict):
        account = {"metadata": {"name": "default"}}
        await client.create(SERVICE_ACCOUNTS, account, namespace=namespace)
    pod = await client.create(
        PODS,
        {
            "metadata": {"name": "model", "labels": {"app": "model"}},
            "spec": {
                "containers": [{"name": "server", "image": "server:1"}],
                "readinessGates": [{"conditionType": READINESS_GATE}],
            },
        },
        namespace=namespace,
        manager="author",
    )
    return PodName(namespace, "model", pod["metadata"]["uid"])


STATUS = {
    "another address": {"podIP": "10.0.0.9", "podIPs": [{"ip": "10.0.0.9"}]},
    "another phase": {"phase": "Failed"},
    "readiness itself": {"conditions": [{"type": "Ready", "status": "True"}]},
    "a condition of somebody else's": {
        "conditions": [{"type": "example.com/other", "status": "True"}]
    },
    "a message": {"message": "evil"},
    "a container's state": {
        "containerStatuses": [
            {
                "name": "server",
                "ready": True,
                "restartCount": 9,
                "image": "x",
                "imageID": "x",
            }
        ]
    },
}


async def test_a_gate_is_all_that_the_checker_can_set_on_a_pod(
    client: Client, as_controller: Client, as_checker: Client, namespace: str
) -> None:
    await made(client, DEPLOYMENTS, namespace)
    await in_force(as_controller, DEPLOYMENTS, namespace)
    pod = await a_pod(client, namespace)
    for who, manager in ((as_checker, "checker"), (as_controller, "controller")):
        for opened in (True, False):
            gate = Gate(open=opened, reason="Tested", message="", since=1_700_000_000.0)
            await set_gate(who, pod, gate, manager=manager)
        for status in STATUS.values():
            with pytest.raises(ApiError, match="of a pod's status, nothing else"):
                await who.apply(
                    PODS,
                    "model",
                    {"status": status},
                    namespace=namespace,
                    manager="evil",
                    force=True,
                    subresource="status",
                )


async def test_the_checker_can_change_nothing_else_of_a_pod(
    client: Client, as_checker: Client, namespace: str
) -> None:
    await a_pod(client, namespace)
    with pytest.raises(Forbidden):
        await as_checker.merge_patch(
            PODS,
            "model",
            {"metadata": {"labels": {"evil": "x"}}},
            namespace=namespace,
            manager="evil",
        )
    with pytest.raises(Forbidden):
        await as_checker.delete(PODS, "model", namespace=namespace)
