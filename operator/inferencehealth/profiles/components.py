"""How a map of components reads: {"redis": "healthy", …}, as ASR and custom servers answer it."""

from collections.abc import Iterable
from typing import Any, Final

from inferencehealth.checks.steps import Item, Reading, Sign
from inferencehealth.profiles.reading import named, server_words, worst_item

MAX_COMPONENTS: Final = 100
"""Components of one answer that are read."""

_SIGNS: Final = {
    "healthy": Sign.SERVES,
    "ok": Sign.SERVES,
    "up": Sign.SERVES,
    "degraded": Sign.DEGRADED,
    "loading": Sign.LOADING,
    "starting": Sign.LOADING,
}
"""Whole words only: "unhealthy" contains "healthy". Any other word means down."""

_REASONS: Final = {Sign.DEGRADED: "ComponentDegraded", Sign.LOADING: "ComponentLoading"}


def component_items(told: Any, required: Iterable[str]) -> tuple[Item, ...]:
    """One item per component told, and one for each required that is not; none for no map."""
    if not isinstance(told, dict):
        return ()
    wanted = tuple(required)
    listed = [name for name in told if isinstance(name, str)]
    chosen = [*(n for n in wanted if n in told), *(n for n in listed if n not in wanted)]
    found = tuple(
        _item(server_words(name, 253), told[name], required=name in wanted)
        for name in chosen[:MAX_COMPONENTS]
    )
    return (
        *found,
        *(
            Item(
                name,
                Sign.FAILS,
                required=True,
                reason="ComponentNotFound",
                message=f'the server does not report component "{name}"; it reports '
                f"{named(listed)}",
            )
            for name in wanted
            if name not in told
        ),
    )


def components_reading(items: tuple[Item, ...]) -> Reading:
    """The worst required component decides; an optional one that is down makes it DEGRADED."""
    required = [item for item in items if item.required and item.sign is not Sign.SERVES]
    optional = [item for item in items if not item.required and item.sign is not Sign.SERVES]
    if required:
        worst = worst_item(required)
        return Reading(worst.sign, worst.reason, worst.message, components=items)
    if optional:
        worst = worst_item(optional)
        return Reading(Sign.DEGRADED, worst.reason, worst.message, components=items)
    return Reading(Sign.SERVES, components=items)


def _item(name: str, told: Any, *, required: bool) -> Item:
    state = told.get("status") if isinstance(told, dict) else told
    if state is True:
        return Item(name, Sign.SERVES, required=required)
    word = state.strip().lower() if isinstance(state, str) else ""
    sign = _SIGNS.get(word, Sign.FAILS)
    if sign is Sign.SERVES:
        return Item(name, sign, required=required)
    return Item(
        name,
        sign,
        required=required,
        reason=_REASONS.get(sign, "ComponentDown"),
        message=f"component {name} is {server_words(word, 40) or 'down'}",
    )
