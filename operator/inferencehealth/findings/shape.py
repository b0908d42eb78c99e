"""Probes in files that the API server would refuse by their types, before anything reads them.

What comes from the API server has passed this; what a person or a chart wrote may have not.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError

from inferencehealth.api.report import Finding
from inferencehealth.api.target import Selector
from inferencehealth.kubelet import HANDLER_KINDS
from inferencehealth.manifests import as_workload
from inferencehealth.workloads import OWNED_KINDS, Container, Workload

ID: Final = "InvalidProbe"

_LEAST: Final = {
    "initialDelaySeconds": 0,
    "periodSeconds": 0,
    "timeoutSeconds": 0,
    "failureThreshold": 0,
    "successThreshold": 0,
    "terminationGracePeriodSeconds": 1,
}
"""Least value of each number; the API server takes a 0 for its default where that has a sense."""
_MOST: Final = 2**31 - 1
_KNOWN: Final = frozenset(_LEAST) | frozenset(HANDLER_KINDS)


def sound(workload: Workload) -> tuple[Workload, tuple[tuple[str, Finding], ...]]:
    """The workload without the probes that can't be read, and what is wrong with them.

    Each finding comes with the name of its container.
    """
    found: list[tuple[str, Finding]] = []
    kept: list[Container] = []
    for container in workload.containers:
        wrong = dict(_wrong(container))
        found += [(container.name, _finding(container, *each)) for each in wrong.items()]
        raw = {key: value for key, value in container.raw.items() if key not in wrong}
        kept.append(replace(container, raw=raw) if wrong else container)
    return replace(workload, containers=tuple(kept)), tuple(found)


def unsound(raw: Mapping[str, Any]) -> str:
    """What an object of a file has that no plan can be made from, in words; empty: nothing.

    The API server would refuse it as well.
    """
    shaped = as_workload(raw, {})
    if not isinstance(shaped, Workload):
        return shaped or "it is no workload"
    meta, spec = raw["metadata"], raw["spec"]
    replicas = spec.get("replicas")
    labelled = (
        meta,
        (spec.get("template") or shaped.raw["spec"]["template"]).get("metadata") or {},
    )
    checks = {
        "metadata.ownerReferences": (meta.get("ownerReferences") or [])
        == shaped.raw["metadata"]["ownerReferences"],
        "spec.replicas": replicas is None or (isinstance(replicas, int) and replicas >= 0),
        "its labels": all(map(_has_texts, labelled)),
        "spec.selector": _selects(spec.get("selector")),
    }
    wrong = next((field for field, fine in checks.items() if not fine), "")
    if wrong:
        return f"the API server would not accept {wrong}"
    probes = ((c.name, kind, c.raw.get(kind)) for c in shaped.containers for kind in OWNED_KINDS)
    told = (
        f"the {kind} of {name} can't be read: {said}"
        for name, kind, probe in probes
        if probe is not None and (said := unreadable(probe))
    )
    return next(told, "")


def _has_texts(meta: Any) -> bool:
    labels = meta.get("labels") if isinstance(meta, Mapping) else []
    return labels is None or (
        isinstance(labels, Mapping)
        and all(isinstance(word, str) for pair in labels.items() for word in pair)
    )


def _selects(selector: Any) -> bool:
    try:
        Selector.model_validate(selector or {})
    except ValidationError:
        return False
    return True


def complaint(probe: Any) -> str:
    """What the API server would say against the types and ranges of a probe; empty: nothing."""
    return unreadable(probe) or next(_words(probe), "")


def unreadable(probe: Any) -> str:
    """Which of its types keep a probe from being compared with another; empty: none."""
    if not isinstance(probe, Mapping):
        return "it is no mapping"
    return next(_complaints(probe), "")


def _words(probe: Mapping[Any, Any]) -> Iterator[str]:
    words = (probe.get("exec") or {}).get("command") or ()
    if not all(isinstance(word, str) for word in words):
        yield "exec.command has a word that YAML reads as no text; put it in quotes"


def _wrong(container: Container) -> Iterator[tuple[str, str]]:
    for kind in OWNED_KINDS:
        probe = container.raw.get(kind)
        if probe is not None and (said := complaint(probe)):
            yield kind, said


def _complaints(probe: Mapping[Any, Any]) -> Iterator[str]:
    unknown = sorted(str(key) for key in probe if key not in _KNOWN)
    if unknown:
        yield f"it has no field {unknown[0]}"
    for field, least in _LEAST.items():
        value = probe.get(field)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int):
            yield f"{field} is {value!r} and no number"
        elif not least <= value <= _MOST:
            yield f"{field} is {value}"
    for kind in HANDLER_KINDS:
        if (handler := probe.get(kind)) is not None:
            yield from _handler(kind, handler)


def _handler(kind: str, handler: Any) -> Iterator[str]:
    if not isinstance(handler, Mapping):
        yield f"{kind} is no mapping"
        return
    if kind == "exec":
        if not isinstance(handler.get("command"), list):
            yield "exec.command is no list of words"
        return
    port = handler.get("port")
    numeric = isinstance(port, int) and not isinstance(port, bool)
    if not numeric and (kind == "grpc" or not isinstance(port, str) or not port):
        yield f"{kind}.port is {port!r}"
    elif isinstance(port, int) and not 1 <= port <= 65535:
        yield f"{kind}.port is {port}"
    for field in ("path", "host", "scheme", "service"):
        value = handler.get(field)
        if value is not None and not isinstance(value, str):
            yield f"{kind}.{field} is no text"
    yield from _headers(handler.get("httpHeaders"))


def _headers(headers: Any) -> Iterator[str]:
    if headers is None:
        return
    named = isinstance(headers, list) and all(isinstance(one, Mapping) for one in headers)
    if not named or not all(isinstance(one.get("name"), str) for one in headers):
        yield "httpGet.httpHeaders is no list of names and values"


def _finding(container: Container, kind: str, said: str) -> Finding:
    name = kind.removesuffix("Probe")
    return Finding(
        id=ID,
        severity="error",
        container=container.name,
        message=f"The {name} probe of {container.name} can't be read: {said}. The API server "
        "refuses the workload.",
        remedy=f"Correct {kind}.",
    )
