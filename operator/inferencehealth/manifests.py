"""Workloads out of manifests: YAML or JSON text to values, for commands that need no cluster.

Every document of a file is read for itself, so a template or a slip in one does not hide the
others. Nothing is executed or looked up; sizes are bounded.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from inferencehealth.settings import Settings, config_maps, with_settings
from inferencehealth.workloads import Container, Workload, workload

MAX_TEXT = 32 * 1024 * 1024
"""Bytes of one file; a rendered chart with its definitions has a few million."""
MAX_DEPTH = 200
"""Collections within each other; a pod template has about ten levels, and so have definitions."""
MAX_NAME = 100
"""Characters of a name in a message."""
MAX_LISTS = 5
"""Lists within lists of objects."""

Path = tuple[str | int, ...]
"""Keys and indices from the root of a document to a part of it."""

_POD_SPECS: Mapping[str, tuple[str, ...]] = {
    "DaemonSet": ("template", "spec"),
    "Deployment": ("template", "spec"),
    "InferenceService": ("predictor",),
    "LeaderWorkerSet": ("leaderWorkerTemplate", "leaderTemplate", "spec"),
    "Pod": (),
    "RayCluster": ("headGroupSpec", "template", "spec"),
    "RayService": ("rayClusterConfig", "headGroupSpec", "template", "spec"),
    "ReplicaSet": ("template", "spec"),
    "ReplicationController": ("template", "spec"),
    "Rollout": ("template", "spec"),
    "StatefulSet": ("template", "spec"),
}
"""Where below `spec` a kind keeps the pod that serves."""

_KEPT: Mapping[str, type] = {
    "podManagementPolicy": str,
    "replicas": int,
    "strategy": Mapping,
    "updateStrategy": Mapping,
}
"""Fields of a workload's spec that say how it replaces its pods, and their types."""

_ONE_TEMPLATE = ("leaderWorkerTemplate", "workerTemplate", "spec")
"""Of a LeaderWorkerSet without a template for leaders: they are made like workers."""

_PLACEHOLDER = re.compile(r"\{\{|\{%|<no value>")
_EMPTY = re.compile(r"(?:---)?(?:\s|[#%][^\n]*(?:\n|$))*")
"""A document of nothing but comments and directives."""
_DEFINITION = re.compile(r"^kind: *CustomResourceDefinition *$", re.MULTILINE)
"""Definitions are the largest documents of a chart, with megabytes of schema and no workload."""
_DEEP_INDENT = re.compile(r"^[ \t?:-]{200}", re.MULTILINE)
_SEPARATOR = re.compile(r"^---(?=\s|$)", re.MULTILINE)


TEMPLATE = "it is a template with placeholders; render it first"
"""Why a document of a chart that nobody has rendered is not read."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A document that could not be read, and why. `line` is where it begins in its file."""

    line: int
    why: str


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file: the line and the offset where it begins, and its text."""

    line: int
    start: int
    text: str


def workloads_in(text: str) -> tuple[tuple[Workload, ...], tuple[Unread, ...]]:
    """The workloads of a file's text in order, and the documents that are none for a reason.

    Documents of other kinds are passed over in silence. Never raises.
    """
    if len(text) > MAX_TEXT:
        return (), (Unread(1, f"it has more than {MAX_TEXT // 1024 // 1024} MiB"),)
    found: list[Workload] = []
    unread: list[Unread] = []
    objects: list[tuple[int, Mapping[str, Any]]] = []
    for document in documents(text):
        parsed = read(document)
        if isinstance(parsed, Unread):
            unread.append(parsed)
        else:
            objects += [(document.line, one) for _, one in parsed]
    settings = config_maps(one for _, one in objects)
    for line, one in objects:
        value = as_workload(one, settings)
        if isinstance(value, str):
            unread.append(Unread(line, value))
        elif value:
            found.append(value)
    return tuple(found), tuple(sorted(unread, key=lambda told: told.line))


def documents(text: str) -> Iterator[Document]:
    """The documents of a file's text; those of nothing but comments are left out."""
    start = 0
    for end in (*(match.start() for match in _SEPARATOR.finditer(text)), len(text)):
        part = text[start:end]
        if _EMPTY.fullmatch(part) is None:
            yield Document(text.count("\n", 0, start) + 1, start, part)
        start = end


def read(document: Document) -> tuple[tuple[Path, Mapping[str, Any]], ...] | Unread:
    """The object of a document, or those of a list of objects, each with its place in it."""
    if _DEFINITION.search(document.text):
        return ()
    try:
        if _too_deep(document.text):
            return Unread(document.line, "it nests too deeply")
        parsed = yaml.load(document.text, Loader=_LOADER)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        return Unread(document.line, _why(document.text, error))
    return tuple(_objects(parsed))


def is_template(text: Any) -> bool:
    """Whether a text has placeholders that a tool like Helm should have filled in."""
    return isinstance(text, str) and bool(_PLACEHOLDER.search(text))


def _objects(parsed: Any, at: Path = ()) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    if not isinstance(parsed, Mapping):
        return
    items = parsed.get("items")
    if isinstance(items, list) and str(parsed.get("kind", "")).endswith("List"):
        for index, item in enumerate(items if len(at) < 2 * MAX_LISTS else ()):
            yield from _objects(item, (*at, "items", index))
    else:
        yield at, parsed


def as_workload(parsed: Mapping[str, Any], settings: Settings) -> Workload | str | None:
    """The workload that an object is, what is wrong with it, or nothing for other kinds.

    `settings` are the ConfigMaps beside it.
    """
    kind, spec = parsed.get("kind"), parsed.get("spec")
    if not isinstance(kind, str) or not isinstance(spec, Mapping):
        return None
    pod = _below(spec, ("template", "spec")) if _is_knative(parsed) else _pod_spec(kind, spec)
    if not isinstance(pod, Mapping) or not isinstance(pod.get("containers"), list):
        return None
    if not pod["containers"]:
        return None
    return _value(kind, parsed, {**pod, "containers": with_settings(pod["containers"], settings)})


def _pod_spec(kind: str, spec: Mapping[str, Any]) -> Any:
    path = _POD_SPECS.get(kind)
    if path is None:
        return None
    found = _below(spec, path)
    return found or (_below(spec, _ONE_TEMPLATE) if kind == "LeaderWorkerSet" else None)


def _is_knative(parsed: Mapping[str, Any]) -> bool:
    group = str(parsed.get("apiVersion", "")).partition("/")[0]
    return parsed.get("kind") == "Service" and group == "serving.knative.dev"


def _below(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _value(kind: str, raw: Mapping[str, Any], pod: Mapping[str, Any]) -> Workload | str:
    """The workload in the one shape that detection knows, or what is wrong with it."""
    meta = raw.get("metadata")
    name = meta.get("name") if isinstance(meta, Mapping) else None
    name = name or (meta.get("generateName") if isinstance(meta, Mapping) else None)
    if not isinstance(meta, Mapping) or not isinstance(name, str):
        return f"its {kind} has no name"
    images = [c.get("image") for c in pod["containers"] if isinstance(c, Mapping)]
    if any(map(is_template, (name, *images))):
        return TEMPLATE
    labels, spec = _pod_labels(kind, raw), raw["spec"]
    shaped = {
        "apiVersion": str(raw.get("apiVersion", "")),
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": _text(meta.get("namespace")),
            "labels": _texts(meta.get("labels")),
            "ownerReferences": _owners(meta.get("ownerReferences")),
        },
        "spec": {
            **{key: spec[key] for key, kept in _KEPT.items() if isinstance(spec.get(key), kept)},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    try:
        value = workload(shaped)
    except (KeyError, TypeError, AttributeError, ValueError):
        value = None
    if value is None or not all(map(_sound, value.containers)) or not _sound_gates(pod):
        return f"its {kind} {name[:MAX_NAME]} is no {kind} that the API server would accept"
    return value


def _owners(value: Any) -> list[Mapping[str, Any]]:
    listed = value if isinstance(value, list) else []
    return [
        one
        for one in listed
        if isinstance(one, Mapping)
        and isinstance(one.get("kind"), str)
        and isinstance(one.get("name"), str)
    ]


def _sound_gates(pod: Mapping[str, Any]) -> bool:
    gates = pod.get("readinessGates") or []
    return isinstance(gates, list) and all(isinstance(gate, Mapping) for gate in gates)


def _sound(container: Container) -> bool:
    """Whether the fields that are read have the types that the API server makes sure of."""
    texts = (container.name, container.image, *container.env, *(p.name for p in container.ports))
    lists = (container.raw.get("command"), container.raw.get("args"))
    names = [entry.get("name") for entry in container.raw.get("env") or ()]
    hooks = container.raw.get("lifecycle")
    return (
        all(isinstance(text, str) for text in (*texts, *names))
        and all(words is None or isinstance(words, list) for words in lists)
        and (hooks is None or isinstance(hooks, Mapping))
    )


def _pod_labels(kind: str, raw: Mapping[str, Any]) -> dict[str, str]:
    path = _POD_SPECS.get(kind, ("template", "spec"))[:-1]
    return _texts(_below(raw["spec"], (*path, "metadata", "labels")) if path else None)


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        return {}
    return {str(k): str(v) for k, v in value.items() if isinstance(v, str | int | float)}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _why(text: str, error: Exception) -> str:
    if is_template(text):
        return TEMPLATE
    problem = getattr(error, "problem", None) or getattr(error, "reason", None)
    return f"it is no YAML: {problem}" if problem else "it is no YAML"


def _too_deep(text: str) -> bool:
    """Whether collections nest so deeply that building them would run out of stack."""
    if text.count("[") + text.count("{") <= MAX_DEPTH and not _DEEP_INDENT.search(text):
        return False
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return False


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
