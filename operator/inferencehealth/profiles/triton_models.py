"""What Triton's repository index and model answers mean together: the fold of a Triton round.

The ready path of a model says only yes or no; the index says why not. The fold joins them, so
that a pod that serves all it has to serve is not called broken for a model nobody needs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from inferencehealth.api.report import CheckSpec
from inferencehealth.api.server import RequiredModel
from inferencehealth.checks.steps import Answer, Item, Reading, Sign
from inferencehealth.profiles.reading import (
    SERVES,
    merge_items,
    named,
    parse_json,
    server_words,
    unanswered,
    with_missing,
    worst_item,
    worst_reading,
)

MAX_ENTRIES: Final = 2000
"""Entries of an index that are read."""

MAX_NAME: Final = 253
"""Characters of a model's name, as the API allows them."""

METHOD_NOT_ALLOWED: Final = 405

_BEST_VERSION: Final = (
    Sign.SERVES,
    Sign.LOADING,
    Sign.FAILS,
    Sign.ASLEEP,
)
"""Which version speaks for a model when none was named: the one nearest to serving."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One model version of the index; `state` is empty for one that was never loaded.

    `reason` is its first paragraph; a Python backend appends where in its files it happened.
    """

    name: str
    version: str
    state: str
    reason: str


def read_index(answer: Answer) -> Reading:
    """The models of the index as items; SERVES as an index, whatever it says of the models.

    UNKNOWN where the index is restricted, switched off or unreadable: then only `why` is lost.
    FAILS where it is the metrics port that answers: seen on Triton 2.51, it answers 200 to every
    GET, also for health and for models, and 405 to every POST; the HTTP port never does.
    """
    if gap := unanswered(answer):
        return replace(gap, sign=Sign.UNKNOWN)
    if answer.status == METHOD_NOT_ALLOWED:
        return Reading(
            Sign.FAILS,
            "NotTritonHttp",
            "this is not Triton's HTTP port: its metrics port calls everything ready, too",
        )
    document = parse_json(answer.body) if answer.status == 200 else None
    if not isinstance(document, list):
        return Reading(
            Sign.UNKNOWN,
            "IndexUnreadable",
            f"the repository index is not readable (status {answer.status})",
        )
    entries = [entry for row in document[:MAX_ENTRIES] if (entry := _entry(row))]
    return Reading(Sign.SERVES, models=tuple(_item(entry) for entry in entries))


def fold(spec: CheckSpec, readings: Mapping[str, Reading]) -> Reading:
    """The one reading of a Triton round."""
    index = readings.get("index")
    asked = {name: reading for name, reading in readings.items() if name != "index"}
    if not asked:
        return Reading(Sign.UNKNOWN, "NotAsked", "nothing was asked")
    ending = worst_reading(asked.values())
    if index is not None and index.sign is Sign.FAILS:
        wanted = [(model.name, model.version) for model in spec.models.required]
        return replace(index, models=with_missing((), wanted, index))
    listed = index.models if index and index.sign is Sign.SERVES else None
    required = tuple(_required(model, readings, listed) for model in spec.models.required)
    others = _others(spec, listed or ())
    discovered = others if spec.models.discover else ()
    if ending.sign in {Sign.SILENT, Sign.UNKNOWN}:
        told = [item for item in required if item.sign is not Sign.UNKNOWN]
        wanted = [(model.name, model.version) for model in spec.models.required]
        return replace(ending, models=(*with_missing(told, wanted, ending), *discovered))
    live, ready = asked.get("live", SERVES), asked.get("ready", SERVES)
    if live.sign is Sign.FAILS or ready.reason not in {"", "ServerNotReady"}:
        whole = live if live.sign is Sign.FAILS else ready
    elif required:
        whole = _by_required(required, ready, others, discovered)
    else:
        whole = _by_server(ready, others, discovered, listed)
    return replace(whole, models=(*required, *discovered))


def _by_required(
    required: tuple[Item, ...],
    ready: Reading,
    others: tuple[Item, ...],
    discovered: tuple[Item, ...],
) -> Reading:
    """The required models decide; what else is wrong with the server only degrades the pod."""
    worst = worst_item(required)
    if worst.sign is not Sign.SERVES:
        return _reading(worst)
    if ready.sign is Sign.SERVES:
        failed = _first(discovered, Sign.FAILS)
        return replace(_reading(failed), sign=Sign.DEGRADED) if failed else ready
    cause = _first(others, Sign.FAILS, Sign.LOADING, Sign.ASLEEP)
    return replace(_reading(cause) if cause else ready, sign=Sign.DEGRADED)


def _by_server(
    ready: Reading,
    others: tuple[Item, ...],
    discovered: tuple[Item, ...],
    listed: tuple[Item, ...] | None,
) -> Reading:
    """Where no model is required the server's own word decides, unless it serves nothing at all."""
    if listed is None and ready.sign is Sign.SERVES:
        return ready
    if listed is None:
        return Reading(
            Sign.NOT_READY,
            "ServerNotReady",
            "Triton says that it is not ready; whether a model loads or failed is not known, "
            "because its repository index can't be read",
        )
    if ready.sign is Sign.SERVES and _first(listed, Sign.SERVES):
        failed = _first(discovered, Sign.FAILS)
        return replace(_reading(failed), sign=Sign.DEGRADED) if failed else ready
    cause = _first(others, Sign.FAILS, Sign.LOADING)
    if cause:
        return _reading(cause)
    if not _first(listed, Sign.SERVES):
        names = named(item.name for item in listed)
        return Reading(
            Sign.ASLEEP, "NoModelLoaded", f"no model is loaded; the repository has {names}"
        )
    unloaded = _first(others, Sign.ASLEEP)
    return _reading(unloaded) if unloaded else ready


def _first(items: Iterable[Item], *signs: Sign) -> Item | None:
    """The first item with the first of these signs that any item has."""
    listed = tuple(items)
    return next((item for sign in signs for item in listed if item.sign is sign), None)


def _required(
    model: RequiredModel, readings: Mapping[str, Reading], listed: tuple[Item, ...] | None
) -> Item:
    step = readings.get(f"model:{model.name}:{model.version}")
    told = next(iter(step.models), None) if step else None
    item = Item(model.name, Sign.UNKNOWN, model.version, required=True)
    if told and told.sign is Sign.SERVES:
        return told
    if step and not told:
        return replace(item, sign=step.sign, reason=step.reason, message=step.message)
    if not told:
        return item
    if listed is None and told.reason == "ModelNotFound":
        return told
    if listed is None:
        return replace(
            item,
            sign=Sign.NOT_READY,
            reason="ModelNotReady",
            message=f"{told.message}; whether it loads or failed is not known, because the "
            "repository index can't be read",
        )
    return _explained(item, told, listed)


def _explained(item: Item, told: Item, listed: tuple[Item, ...]) -> Item:
    """Why a required model is not ready, from the index."""
    same_name = [entry for entry in listed if entry.name == item.name]
    if not same_name:
        return replace(
            item,
            sign=Sign.FAILS,
            reason="ModelNotFound",
            message=f'model "{item.name}" is not in the repository; it has '
            f"{named(entry.name for entry in listed)}",
        )
    versions = [e for e in same_name if item.version in {"", e.version}]
    if not versions and any(entry.version for entry in same_name):
        return replace(
            item,
            sign=Sign.FAILS,
            reason="ModelNotFound",
            message=f'model "{item.name}" has no version "{item.version}"; it has '
            f"{named(entry.version for entry in same_name)}",
        )
    entry = min(versions or same_name, key=lambda e: _BEST_VERSION.index(e.sign))
    if entry.sign is Sign.SERVES:
        return replace(item, sign=Sign.FAILS, reason=told.reason, message=told.message)
    if entry.sign is Sign.ASLEEP:
        how = f"load it with POST /v2/repository/models/{item.name}/load"
        if entry.reason == "ModelNotLoaded":
            how = f"start Triton with --load-model={item.name}, or {how}"
        return replace(
            item, sign=Sign.FAILS, reason=entry.reason, message=f"{entry.message}; {how}"
        )
    return replace(item, sign=entry.sign, reason=entry.reason, message=entry.message)


def _others(spec: CheckSpec, listed: Iterable[Item]) -> tuple[Item, ...]:
    """Items nobody required; those never loaded are only files in a repository."""
    whole = {model.name for model in spec.models.required if not model.version}
    exact = {(model.name, model.version) for model in spec.models.required}
    return merge_items(
        item
        for item in listed
        if item.name not in whole
        and (item.name, item.version) not in exact
        and item.reason != "ModelNotLoaded"
    )


def _entry(row: Any) -> Entry | None:
    if not isinstance(row, dict) or not isinstance(row.get("name"), str) or not row["name"]:
        return None
    return Entry(
        name=server_words(row["name"], MAX_NAME),
        version=server_words(str(row.get("version") or ""), 63),
        state=str(row.get("state") or ""),
        reason=server_words(str(row.get("reason") or "").partition("\n\n")[0]),
    )


def _item(entry: Entry) -> Item:
    item = Item(entry.name, Sign.SERVES, entry.version)
    model = f'model "{entry.name}"'
    if entry.state == "READY":
        return item
    if entry.state == "LOADING":
        return replace(
            item, sign=Sign.LOADING, reason="ModelLoading", message=f"{model} is loading"
        )
    if not entry.state:
        return replace(
            item,
            sign=Sign.ASLEEP,
            reason="ModelNotLoaded",
            message=f"{model} is in the repository but was never loaded",
        )
    if entry.state == "UNLOADING" or entry.reason == "unloaded":
        return replace(
            item, sign=Sign.ASLEEP, reason="ModelUnloaded", message=f"{model} was unloaded"
        )
    why = entry.reason or f"its state is {server_words(entry.state, 40)}"
    return replace(
        item,
        sign=Sign.FAILS,
        reason="ModelLoadFailed",
        message=f"{model} failed to load: {why}",
    )


def _reading(item: Item) -> Reading:
    return Reading(item.sign, item.reason, item.message)
