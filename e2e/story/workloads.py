"""Workloads and policies onto the stage: the manifests of the real servers, some things altered."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from e2e.cluster.model import Cluster
from e2e.story.stage import Audience, Nobody, Stage, kubectl, relative

Document = dict[str, Any]
Alter = Callable[[Document], None]

MANIFESTS = Path(__file__).resolve().parents[1] / "servers" / "manifests"
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
POLICIES = Path(__file__).parent / "policies"
"""The examples again, with the models of the stage and with times for which nobody has to wait."""


def documents(file: Path) -> list[Document]:
    """The objects of a YAML file."""
    return [document for document in YAML(typ="safe").load_all(file) if document]


def fresh_namespace(cluster: Cluster, name: str, audience: Audience | None = None) -> Stage:
    """An empty namespace: one of that name is deleted first, with all that is in it."""
    kubectl(cluster, "delete", "namespace", name, "--ignore-not-found", "--wait")
    kubectl(cluster, "create", "namespace", name)
    stage = Stage(cluster, name, audience or Nobody())
    # Without its default account the namespace takes no pods yet.
    stage.eventually(
        f"service account default in namespace {name}",
        lambda: stage.items("serviceaccounts"),
        bool,
        within=30,
        show=lambda _: "none",
    )
    return stage


def deploy(stage: Stage, server: str, *alterations: Alter) -> None:
    """Create a server's objects from e2e/servers/manifests, each of them altered."""
    file = MANIFESTS / f"{server}.yaml"
    objects = documents(file)
    for document in objects:
        for alter in alterations:
            alter(document)
    stage.apply(objects, called=relative(file))


def apply_policy(stage: Stage, file: Path, *alterations: Alter) -> None:
    """Apply a policy from a file."""
    objects = documents(file)
    for document in objects:
        for alter in alterations:
            alter(document)
    stage.apply(objects, called=relative(file))


def set_mode(stage: Stage, policy: str, mode: str) -> None:
    """Say what the operator shall do about probes: Off, Recommend or Apply."""
    _patch(stage, policy, f'{{"spec":{{"probes":{{"mode":"{mode}"}}}}}}')


def require_models(stage: Stage, policy: str, models: Sequence[str]) -> None:
    """Say which models have to serve."""
    names = ",".join(f'{{"name":"{name}"}}' for name in models)
    _patch(stage, policy, f'{{"spec":{{"server":{{"models":{{"required":[{names}]}}}}}}}}')


def environment(deployment: str, values: Mapping[str, str]) -> Alter:
    """Set environment variables of a Deployment's first container."""

    def alter(document: Document) -> None:
        if document["kind"] == "Deployment" and document["metadata"]["name"] == deployment:
            container = _containers(document)[0]
            kept = [e for e in container.get("env", []) if e["name"] not in values]
            container["env"] = kept + [{"name": n, "value": v} for n, v in values.items()]

    return alter


def probes_of_author(deployment: str, probes: Mapping[str, Any]) -> Alter:
    """Give a Deployment's first container probes, as its author would have."""

    def alter(document: Document) -> None:
        if document["kind"] == "Deployment" and document["metadata"]["name"] == deployment:
            _containers(document)[0].update(probes)

    return alter


def spec_of_policy(path: Sequence[str], value: Any) -> Alter:
    """Set one field below a policy's spec."""

    def alter(document: Document) -> None:
        place = document["spec"]
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = value

    return alter


def renamed(name: str) -> Alter:
    """The same objects under another name, which is also their label app."""

    def alter(document: Document) -> None:
        labels = document["metadata"]["labels"] | {"app": name}
        document["metadata"] |= {"name": name, "labels": labels}
        spec = document["spec"]
        if document["kind"] == "Service":
            spec["selector"] = {"app": name}
        else:
            spec["selector"] = {"matchLabels": {"app": name}}
            spec["template"]["metadata"]["labels"] |= {"app": name}

    return alter


def _patch(stage: Stage, policy: str, patch: str) -> None:
    stage.act("patch", "ihp", policy, "--type=merge", "--patch", patch)


def _containers(document: Document) -> list[Document]:
    found: list[Document] = document["spec"]["template"]["spec"]["containers"]
    return found
