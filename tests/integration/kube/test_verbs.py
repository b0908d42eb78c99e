"""What the API server makes of our requests, and we of its answers."""

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.cluster.model import Cluster
from inferencehealth.api.target import Selector
from inferencehealth.kube import config
from inferencehealth.kube.client import Client, connect, whole
from inferencehealth.kube.config import Access
from inferencehealth.kube.errors import (
    ApplyConflict,
    Conflict,
    FieldConflict,
    Forbidden,
    Invalid,
    NotFound,
    Unauthorized,
    Unreachable,
)
from inferencehealth.kube.requests import DEPLOYMENTS, JsonObject, Resource
from inferencehealth.kube.retries import ONE_SHOT
from inferencehealth.kube.selectors import matches, query

pytestmark = pytest.mark.integration

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
FIELD = '.spec.template.spec.containers[name="triton"].readinessProbe.httpGet.path'


def config_map(name: str, labels: dict[str, str] | None = None, **data: str) -> JsonObject:
    return {"metadata": {"name": name, "labels": labels or {}}, "data": data}


def deployment(path: str) -> JsonObject:
    probe = {"httpGet": {"path": path, "port": 8000}}
    container = {"name": "triton", "image": "triton", "readinessProbe": probe}
    return {
        "metadata": {"name": "triton"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "triton"}},
            "template": {
                "metadata": {"labels": {"app": "triton"}},
                "spec": {"containers": [container]},
            },
        },
    }


def probe_only(path: str) -> JsonObject:
    probe = {"httpGet": {"path": path, "port": 8000}}
    containers = [{"name": "triton", "readinessProbe": probe}]
    return {"spec": {"template": {"spec": {"containers": containers}}}}


async def test_an_object_lives_through_every_verb(client: Client, namespace: str) -> None:
    here: dict[str, Any] = {"namespace": namespace}
    made = await client.create(CONFIG_MAPS, config_map("a", x="1"), **here)
    with pytest.raises(Conflict) as exists:
        await client.create(CONFIG_MAPS, config_map("a"), **here)
    assert exists.value.reason == "AlreadyExists"

    await client.merge_patch(CONFIG_MAPS, "a", {"data": {"y": "2"}}, manager="m", **here)
    patch = [{"op": "test", "path": "/data/y", "value": "2"}, {"op": "remove", "path": "/data/x"}]
    await client.json_patch(CONFIG_MAPS, "a", patch, manager="m", **here)
    assert (await client.get(CONFIG_MAPS, "a", **here))["data"] == {"y": "2"}

    with pytest.raises(Invalid):  # the test operation no longer holds
        await client.json_patch(
            CONFIG_MAPS, "a", [{"op": "test", "path": "/data/y", "value": "3"}], manager="m", **here
        )
    with pytest.raises(Conflict) as stale:
        await client.update(CONFIG_MAPS, {**made, "data": {}}, manager="m")
    assert stale.value.reason == "Conflict"
    assert not isinstance(stale.value, ApplyConflict)

    with pytest.raises(Conflict):  # guarded: it is another object
        await client.delete(CONFIG_MAPS, "a", uid="another", **here)
    await client.delete(CONFIG_MAPS, "a", uid=made["metadata"]["uid"], **here)
    with pytest.raises(NotFound):
        await client.get(CONFIG_MAPS, "a", **here)


async def test_a_field_of_an_applier_conflicts_by_name(client: Client, namespace: str) -> None:
    here: dict[str, Any] = {"namespace": namespace}
    await client.apply(DEPLOYMENTS, "triton", deployment("/theirs"), manager="flux", **here)
    with pytest.raises(ApplyConflict) as refused:
        await client.apply(DEPLOYMENTS, "triton", probe_only("/ours"), manager="us", **here)
    assert refused.value.conflicts == (FieldConflict("flux", "Apply", FIELD),)

    await client.apply(DEPLOYMENTS, "triton", probe_only("/ours"), manager="us", force=True, **here)
    kept = await client.get(DEPLOYMENTS, "triton", **here)
    container = kept["spec"]["template"]["spec"]["containers"][0]
    assert container["readinessProbe"]["httpGet"]["path"] == "/ours"


async def test_a_field_of_another_writer_conflicts_by_name(client: Client, namespace: str) -> None:
    here: dict[str, Any] = {"namespace": namespace}
    await client.create(DEPLOYMENTS, deployment("/theirs"), manager="argocd-controller", **here)
    with pytest.raises(ApplyConflict) as refused:
        await client.apply(DEPLOYMENTS, "triton", probe_only("/ours"), manager="us", **here)
    assert refused.value.conflicts == (FieldConflict("argocd-controller", "Update", FIELD),)


async def test_a_dry_run_shows_the_outcome_and_changes_nothing(
    client: Client, namespace: str
) -> None:
    here: dict[str, Any] = {"namespace": namespace}
    before = await client.apply(DEPLOYMENTS, "triton", deployment("/x"), manager="me", **here)
    would = await client.apply(
        DEPLOYMENTS, "triton", deployment("/y"), manager="me", dry_run=True, **here
    )
    assert would["spec"] != before["spec"]
    assert (await client.get(DEPLOYMENTS, "triton", **here))["spec"] == before["spec"]


async def test_an_invalid_object_is_refused_with_its_fields(client: Client, namespace: str) -> None:
    with pytest.raises(Invalid) as refused:
        await client.create(DEPLOYMENTS, {"metadata": {"name": "x"}}, namespace=namespace)
    assert "spec.selector" in {cause.field for cause in refused.value.causes}


async def test_a_list_is_whole_however_small_its_pages(client: Client, namespace: str) -> None:
    for i in range(7):
        await client.create(CONFIG_MAPS, config_map(f"m{i}"), namespace=namespace)
    listing = await client.list(
        CONFIG_MAPS,
        project=lambda raw: str(raw["metadata"]["name"]),
        namespace=namespace,
        field_selector="metadata.name!=kube-root-ca.crt",
        limit=2,
    )
    assert listing.items == tuple(f"m{i}" for i in range(7))
    assert int(listing.resource_version) > 0


async def test_our_selectors_select_what_the_servers_do(client: Client, namespace: str) -> None:
    labelled: dict[str, dict[str, str]] = {
        "none": {},
        "a1": {"a": "1"},
        "a2": {"a": "2"},
        "ab": {"a": "1", "b": ""},
        "b": {"b": "x"},
    }
    for name, labels in labelled.items():
        await client.create(CONFIG_MAPS, config_map(name, labels), namespace=namespace)
    asked: list[dict[str, Any]] = [
        {"matchLabels": {"a": "1"}},
        *(
            {"matchExpressions": [{"key": key, "operator": operator, "values": values}]}
            for key, operator, values in [
                ("a", "In", ["1", "2"]),
                ("a", "NotIn", ["1"]),
                ("b", "Exists", []),
                ("b", "DoesNotExist", []),
                ("b", "In", [""]),
            ]
        ),
        {
            "matchLabels": {"a": "1"},
            "matchExpressions": [{"key": "b", "operator": "DoesNotExist", "values": []}],
        },
    ]
    for raw in asked:
        selector = Selector.model_validate(raw)
        listing = await client.list(
            CONFIG_MAPS,
            project=lambda found: found["metadata"]["name"],
            namespace=namespace,
            label_selector=query(selector),
        )
        theirs = set(listing.items) - {"kube-root-ca.crt"}
        assert theirs == {n for n, labels in labelled.items() if matches(selector, labels)}, raw


async def with_token(cluster: Cluster, token: str, folder: Path) -> Access:
    """The access of somebody who has only this token."""
    content = yaml.safe_load(cluster.kubeconfig.read_text())
    content["users"][0]["user"] = {"token": token}
    (folder / "kubeconfig").write_text(yaml.safe_dump(content))
    return await config.load(folder / "kubeconfig")


async def test_who_may_not_is_told_so(
    client: Client, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    await client.apply(SERVICE_ACCOUNTS, "nobody", {}, manager="me", namespace=namespace)
    words = ["--kubeconfig", str(cluster.kubeconfig), "-n", namespace, "create", "token", "nobody"]
    asking = await asyncio.create_subprocess_exec(
        str(cluster.kubectl), *words, stdout=asyncio.subprocess.PIPE
    )
    token, _ = await asking.communicate()
    async with connect(await with_token(cluster, token.decode().strip(), tmp_path)) as limited:
        with pytest.raises(Forbidden, match=r"nobody.* cannot list resource"):
            await limited.list(DEPLOYMENTS, project=whole, namespace=namespace)


async def test_who_is_unknown_is_told_so(cluster: Cluster, tmp_path: Path) -> None:
    async with connect(await with_token(cluster, "invented", tmp_path)) as unknown:
        with pytest.raises(Unauthorized):
            await unknown.list(DEPLOYMENTS, project=whole)


async def test_a_server_with_a_foreign_certificate_is_not_spoken_to(access: Access) -> None:
    async with connect(replace(access, tls=ssl.create_default_context())) as client:
        with pytest.raises(Unreachable, match="certificate is not trusted"):
            await client.list(DEPLOYMENTS, project=whole, limits=ONE_SHOT)
