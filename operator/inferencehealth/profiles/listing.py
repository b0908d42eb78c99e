"""Servers that list their models: how a list reads, and what it means for those asked for.

Most language model servers answer OpenAI's `GET /v1/models`. A profile reads the list as its step
"models"; `fold_listed` joins it with what the server says of itself.
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from inferencehealth.api.report import CheckSpec
from inferencehealth.api.server import RequiredModel
from inferencehealth.checks.steps import Answer, Item, Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles.reading import (
    merge_items,
    named,
    parse_object,
    server_words,
    unanswered,
    with_missing,
    worst_item,
    worst_reading,
)

OPENAI_MODELS: Final = "/v1/models"
LIST_BODY: Final = 256 * 1024
"""Bytes of a list; vLLM writes about 500 for each model or adapter."""
MAX_LISTED: Final = 500
"""Models of a list that are read; of one that goes on behind them nobody knows."""
CUT: Final = "ModelsCut"
MAX_NAME: Final = 253
"""Characters of a model's name, as the API allows them."""

ReadEntry = Callable[[Mapping[str, Any]], Iterable[Item | None]]


def models_step(
    read: Callable[[Answer], Reading] | None = None,
    *,
    path: str = OPENAI_MODELS,
    name: str = "models",
) -> Step:
    """The step that asks for the list; by default one as OpenAI's API answers it."""
    return Step(
        name,
        StepKind.INDEX,
        Request(path, max_body=LIST_BODY),
        read or read_models,
        decisive=False,
    )


def read_models(answer: Answer) -> Reading:
    """{"data": [{"id": …}, …]}, as OpenAI's API has it."""
    return read_list(answer, "data", lambda entry: (serving(entry.get("id")),))


def read_list(answer: Answer, field: str, read_entry: ReadEntry) -> Reading:
    """The models of a list as items; UNKNOWN where it can't be had, which is no fault of theirs.

    `field` holds the list in the answer's object; entries that are no objects are left out, and
    one that serves under several names gives several items.
    """
    if gap := unanswered(answer):
        return replace(gap, sign=Sign.UNKNOWN)
    listed = parse_object(answer.body).get(field) if answer.status == 200 else None
    if not isinstance(listed, list):
        return Reading(
            Sign.UNKNOWN,
            "ModelsUnreadable",
            f"the list of models is not readable (status {answer.status})",
        )
    told = Reading(Sign.SERVES) if len(listed) <= MAX_LISTED else _LONG
    objects = (entry for entry in listed[:MAX_LISTED] if isinstance(entry, dict))
    items = (item for entry in objects for item in read_entry(entry))
    return replace(told, models=merge_items(item for item in items if item))


_LONG: Final = Reading(
    Sign.SERVES, CUT, f"the list of models is longer than the {MAX_LISTED} that are read"
)


def serving(name: object) -> Item | None:
    """The item of a listed model, if that is a name."""
    clean = server_words(name, MAX_NAME)
    return Item(clean, Sign.SERVES) if clean else None


def fold_listed(
    spec: CheckSpec,
    readings: Mapping[str, Reading],
    *,
    proves_load: bool = True,
    same: Callable[[str, str], bool] = operator.eq,
    empty: Reading | None = None,
) -> Reading:
    """The one reading of a round whose step "models" is a list.

    A server that does not serve serves none of its models. One that does fails for a required
    model that its list lacks. Where the list can't be had, the server's word stands if it means
    that its models are loaded (`proves_load`); else nobody knows. A listed model that is ASLEEP
    is loaded by the first request for it, so it takes nothing from the server. `empty` is the
    reading of a server whose list has no model at all.
    """
    listing = readings.get("models")
    asked = [reading for name, reading in readings.items() if name != "models"]
    if not asked:
        return Reading(Sign.UNKNOWN, "NotAsked", "nothing was asked")
    whole = worst_reading(asked)
    required = spec.models.required
    if whole.sign in {Sign.SILENT, Sign.UNKNOWN}:
        return replace(
            whole, models=with_missing((), [(m.name, m.version) for m in required], whole)
        )
    if whole.sign not in {Sign.SERVES, Sign.DEGRADED} or listing is None:
        return replace(whole, models=tuple(_as_server(model, whole) for model in required))
    if listing.sign is not Sign.SERVES:
        items = tuple(_as_server(model, listing) for model in required)
        return replace(listing if items and not proves_load else whole, models=items)
    items = tuple(_find(model, listing, same) for model in required)
    others = _others(required, listing.models, same) if spec.models.discover else ()
    if not listing.models and empty and not items:
        return empty
    mute = {Sign.ASLEEP, Sign.UNKNOWN} if proves_load else {Sign.ASLEEP}
    deciding = [item for item in items or others if item.sign not in mute]
    if deciding and (worst := worst_item(deciding)).sign is not Sign.SERVES:
        # What nobody asked for by name takes a pod out of service only if all of it fails.
        serves = not items and any(item.sign in _WORKS for item in others)
        told = Reading(Sign.DEGRADED if serves else worst.sign, worst.reason, worst.message)
        whole = worst_reading([whole, told])
    return replace(whole, models=(*items, *others))


_WORKS: Final = frozenset({Sign.SERVES, Sign.ASLEEP})


def _as_server(model: RequiredModel, whole: Reading) -> Item:
    return Item(model.name, whole.sign, model.version, True, whole.reason, whole.message)


def _find(model: RequiredModel, listing: Reading, same: Callable[[str, str], bool]) -> Item:
    listed = listing.models
    found = next((item for item in listed if same(model.name, item.name)), None)
    if found:
        return replace(found, name=model.name, version=model.version, required=True)
    if listing.reason == CUT:
        return Item(model.name, Sign.UNKNOWN, model.version, True, CUT, listing.message)
    message = (
        f'the server has no model "{model.name}"; it has {named(item.name for item in listed)}'
    )
    return Item(model.name, Sign.FAILS, model.version, True, "ModelNotFound", message)


def _others(
    required: Iterable[RequiredModel],
    listed: Iterable[Item],
    same: Callable[[str, str], bool],
) -> tuple[Item, ...]:
    names = [model.name for model in required]
    return tuple(item for item in listed if not any(same(name, item.name) for name in names))
