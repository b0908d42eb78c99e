"""Servers whose models have a state each: how model, server and index fold into one reading.

The ready path of one model says yes or no; an index of all models, where there is one, says why
not. So a pod that serves all it has to serve is not called broken for a model nobody needs.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from inferencehealth.api.report import CheckSpec
from inferencehealth.api.server import RequiredModel
from inferencehealth.checks.steps import Answer, Item, Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles.reading import (
    SERVES,
    merge_items,
    named,
    with_missing,
    worst_item,
    worst_reading,
)

INDEX: Final = "index"
"""Name of the step that reads the index of all models."""
INDEX_BODY: Final = 256 * 1024
"""Bytes of an index that are read: 1,000 models with a reason each take about 150 KiB."""
MAX_ENTRIES: Final = 2000
"""Entries of an index that are read."""
MAX_NAME: Final = 253
"""Characters of a model's name, as the API allows them."""

_BEST_VERSION: Final = (Sign.SERVES, Sign.LOADING, Sign.FAILS, Sign.ASLEEP, Sign.UNKNOWN)
"""Which version speaks for a model when none was named: the one nearest to serving."""


def index_step(request: Request, read: Callable[[Answer], Reading]) -> Step:
    """The step that asks for the index; nothing ends where it can't be had."""
    return Step(INDEX, StepKind.INDEX, request, read, decisive=False)


def model_step(
    model: RequiredModel,
    request: Request,
    read: Callable[[Answer], Reading],
    *,
    decisive: bool = True,
) -> Step:
    """The step that asks about one required model."""
    name = f"model:{model.name}:{model.version}"
    return Step(name, StepKind.MODEL, request, read, decisive=decisive)


def about(model: RequiredModel, sign: Sign, reason: str = "", message: str = "") -> Reading:
    """A reading of a required model's own answer, with its item."""
    item = Item(model.name, sign, model.version, True, reason, message)
    return Reading(sign, reason, message, models=(item,))


def fold(spec: CheckSpec, readings: Mapping[str, Reading]) -> Reading:
    """The one reading of a round.

    Required models decide, and what else is wrong with the server only degrades the pod. Where
    none is required the server's own word decides, unless its index shows that it serves nothing.
    """
    index = readings.get(INDEX)
    listed = index.models if index and index.sign is Sign.SERVES else None
    asked = {name: reading for name, reading in readings.items() if name != INDEX}
    if not asked:
        return Reading(Sign.UNKNOWN, "NotAsked", "nothing was asked")
    others = _others(spec, listed or ())
    shown = others if spec.models.discover else ()
    ending = worst_reading(asked.values())
    if ending.sign in {Sign.SILENT, Sign.UNKNOWN}:
        told = [item for reading in asked.values() for item in reading.models]
        wanted = [(model.name, model.version) for model in spec.models.required]
        known = [item for item in told if item.sign is not Sign.UNKNOWN]
        return replace(ending, models=(*with_missing(known, wanted, ending), *shown))
    required = tuple(_required(model, readings, listed) for model in spec.models.required)
    server = worst_reading(
        [reading for name, reading in asked.items() if not name.startswith("model:")] or [SERVES]
    )
    live = asked.get("live", SERVES)
    if live.sign is Sign.FAILS:
        whole = live
    elif required:
        whole = _by_required(required, server, shown)
    else:
        whole = _by_server(server, others, listed)
    return replace(whole, models=(*required, *shown))


def _by_required(required: tuple[Item, ...], server: Reading, others: tuple[Item, ...]) -> Reading:
    worst = worst_item(required)
    if worst.sign is not Sign.SERVES:
        return _reading(worst)
    cause = _first(others, Sign.FAILS)
    if server.sign is Sign.SERVES:
        return replace(_reading(cause), sign=Sign.DEGRADED) if cause else server
    return replace(_reading(cause) if cause else server, sign=Sign.DEGRADED)


def _by_server(
    server: Reading, others: tuple[Item, ...], listed: tuple[Item, ...] | None
) -> Reading:
    cause = _first(others, Sign.FAILS, Sign.LOADING)
    if server.sign not in {Sign.SERVES, Sign.DEGRADED}:
        return _reading(cause) if cause else server
    if not listed or all(item.sign is Sign.UNKNOWN for item in listed):
        return server
    if _first(listed, Sign.SERVES):
        failed = _first(others, Sign.FAILS)
        return replace(_reading(failed), sign=Sign.DEGRADED) if failed else server
    if cause:
        return _reading(cause)
    names = named(item.name for item in listed)
    return Reading(Sign.ASLEEP, "NoModelLoaded", f"no model is loaded; the server has {names}")


def _required(
    model: RequiredModel, readings: Mapping[str, Reading], listed: tuple[Item, ...] | None
) -> Item:
    step = readings.get(f"model:{model.name}:{model.version}")
    told = next(iter(step.models), None) if step else None
    if told is None:
        item = Item(model.name, Sign.UNKNOWN, model.version, required=True)
        return (
            replace(item, sign=step.sign, reason=step.reason, message=step.message)
            if step
            else item
        )
    if told.sign is Sign.SERVES or listed is None:
        return told
    entries = [item for item in listed if item.name == model.name]
    if not entries:
        unknown = told.reason == "ModelNotFound"
        has = f"; it has {named(item.name for item in listed)}"
        return replace(told, message=told.message + has) if unknown else told
    same = [item for item in entries if model.version in {"", item.version}] or entries
    return _explained(told, min(same, key=lambda item: _BEST_VERSION.index(item.sign)))


def _explained(told: Item, entry: Item) -> Item:
    """Why a required model does not serve, by its entry in the index where that knows more."""
    if entry.sign in {Sign.SERVES, Sign.UNKNOWN}:
        return told
    sign = Sign.FAILS if entry.sign is Sign.ASLEEP else entry.sign
    return replace(told, sign=sign, reason=entry.reason, message=entry.message)


def _others(spec: CheckSpec, listed: Iterable[Item]) -> tuple[Item, ...]:
    """Items nobody required."""
    whole = {model.name for model in spec.models.required if not model.version}
    exact = {(model.name, model.version) for model in spec.models.required}
    return merge_items(
        item for item in listed if item.name not in whole and (item.name, item.version) not in exact
    )


def _first(items: Iterable[Item], *signs: Sign) -> Item | None:
    """The first item with the first of these signs that any item has."""
    listed = tuple(items)
    return next((item for sign in signs for item in listed if item.sign is sign), None)


def _reading(item: Item) -> Reading:
    return Reading(item.sign, item.reason, item.message)
