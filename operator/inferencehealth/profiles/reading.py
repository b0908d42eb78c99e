"""What any server's answer can mean, before a profile knows better: the readers' building blocks.

A profile's readers start here (nobody answered, access denied, no JSON) and end here (`worst_of`
folds the readings of a round into one). Nothing here raises, whatever the bytes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from inferencehealth.api.report import CheckSpec
from inferencehealth.api.server import Components
from inferencehealth.checks.steps import Answer, Item, Outcome, Reading, Sign

MAX_DEPTH: Final = 32
"""Deepest nesting of a JSON answer that is read; health answers need four."""
MAX_SERVER_WORDS: Final = 200
"""Characters of a server's own words that may reach a message."""
MAX_NAMED: Final = 10
"""Names listed in one message."""

SERVES: Final = Reading(Sign.SERVES)

ORDER: Final = (
    Sign.SILENT,
    Sign.UNKNOWN,
    Sign.FAILS,
    Sign.LOADING,
    Sign.NOT_READY,
    Sign.ASLEEP,
    Sign.BUSY,
    Sign.DEGRADED,
    Sign.SERVES,
)
"""Signs from worst to best, as they count when readings are folded.

Loading stands before a bare "not ready", because it explains it.
"""

_UNANSWERED: Final = {
    Outcome.REFUSED: Reading(
        Sign.SILENT, "ConnectionRefused", "nothing listens on the server's port"
    ),
    Outcome.RESET: Reading(
        Sign.SILENT, "ConnectionReset", "the server closed the connection without an answer"
    ),
    Outcome.NO_ANSWER: Reading(
        Sign.SILENT, "NoAnswer", "the server accepts connections but does not answer in time"
    ),
    Outcome.UNFINISHED: Reading(
        Sign.SILENT, "NoAnswer", "the server began an answer but did not finish it in time"
    ),
    Outcome.TLS: Reading(Sign.UNKNOWN, "TlsFailed", "no TLS connection to the server comes about"),
    Outcome.CONNECT_TIMEOUT: Reading(
        Sign.UNKNOWN,
        "ConnectTimeout",
        "no connection within the timeout; a NetworkPolicy may block the checker",
    ),
    Outcome.UNREACHABLE: Reading(
        Sign.UNKNOWN, "Unreachable", "the checker has no route to the pod or may not use it"
    ),
    Outcome.TOO_LARGE: Reading(
        Sign.FAILS, "AnswerTooLarge", "the answer is larger than a health answer can be"
    ),
    Outcome.MALFORMED: Reading(
        Sign.FAILS,
        "NotHttp",
        "the answer is no plain HTTP/1.1; is this the server's HTTP port, and without TLS?",
    ),
}

DENIED: Final = frozenset({401, 403, 407})
"""Statuses of a server that does not let us ask."""
_GATEWAY: Final = frozenset({502, 504})
_ENVOY: Final = (b"upstream connect error", b"no healthy upstream", b"upstream request timeout")
"""How the body of Envoy's own 503 begins (envoyproxy/envoy, local replies)."""

_NOT_REACHED: Final = Reading(
    Sign.SILENT,
    "NotReachedByProxy",
    "a proxy in the pod answers in the server's place: it can't reach the server",
)


def unanswered(answer: Answer) -> Reading | None:
    """The reading of an exchange that gives nothing to judge by; None where the server answered.

    A refusal to tell us (401, 403) says nothing about the server's health either. In a service
    mesh the pod's proxy accepts the connection while the server still loads, and answers itself.
    """
    if answer.outcome is not Outcome.ANSWERED:
        gap = _UNANSWERED[answer.outcome]
        return replace(gap, message=f"{gap.message}: {answer.why}") if answer.why else gap
    if answer.status in DENIED:
        return Reading(
            Sign.UNKNOWN,
            "AccessDenied",
            f"the server answers {answer.status}: it does not let the checker ask",
        )
    by_envoy = answer.status == 503 and answer.body.startswith(_ENVOY)
    return _NOT_REACHED if by_envoy or answer.status in _GATEWAY else None


def unexpected(path: str, answer: Answer, wanted: str) -> Reading:
    """FAILS for a status that the profile has no reading for."""
    return Reading(
        Sign.FAILS, "UnexpectedStatus", f"GET {path} answers {answer.status}, expected {wanted}"
    )


def parse_json(body: bytes) -> Any:
    """The JSON document of a body; None where it is none, or nested deeper than MAX_DEPTH."""
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass")
        document = _STRICT.decode(text)
    except (ValueError, RecursionError):
        return None
    return document if _shallow(document) else None


def parse_object(body: bytes) -> Mapping[str, Any]:
    """The JSON object of a body; empty where it is none."""
    document = parse_json(body)
    return document if isinstance(document, dict) else {}


def server_words(text: object, limit: int = MAX_SERVER_WORDS) -> str:
    """A server's own words made fit for a message: one line, printable, at most `limit` long."""
    if not isinstance(text, str):
        return ""
    line = " ".join(text[: 4 * limit].split())
    clean = "".join(character for character in line if character.isprintable())
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def named(names: Iterable[str]) -> str:
    """Names for a message: sorted, quoted, the first few; "none" where there are none."""
    ordered = sorted(set(names))
    shown = ", ".join(f'"{server_words(name, 80)}"' for name in ordered[:MAX_NAMED])
    rest = len(ordered) - MAX_NAMED
    return (f"{shown} and {rest} more" if rest > 0 else shown) or "none"


def worst_of(
    spec: CheckSpec,
    readings: Mapping[str, Reading],
    *,
    hints: frozenset[str] = frozenset(),
    components: Components | None = None,
) -> Reading:
    """The one reading of a round: sign, reason and message of the worst, items of all.

    Readings of the steps in `hints` give their items but never decide. Every required model and
    component has an item in the result; where the round ended before it was asked, the item says
    what ended the round. `components` are the profile's own, for a spec that names none.
    """
    deciding = [reading for name, reading in readings.items() if name not in hints]
    if not deciding:
        return Reading(Sign.UNKNOWN, "NotAsked", "nothing was asked")
    worst = deciding[0] if len(deciding) == 1 else worst_reading(deciding)
    wanted = spec.models.required or required_components(spec, components)
    if not wanted and not any(one.models or one.components for one in readings.values()):
        return worst  # nothing but the server itself: most rounds, and the quickest
    models = merge_items(item for reading in readings.values() for item in reading.models)
    parts = merge_items(item for reading in readings.values() for item in reading.components)
    wanted_models = [(model.name, model.version) for model in spec.models.required]
    wanted_parts = [(name, "") for name in required_components(spec, components)]
    return replace(
        worst,
        models=with_missing(models, wanted_models, worst),
        components=with_missing(parts, wanted_parts, worst),
    )


def worst_reading(readings: Iterable[Reading]) -> Reading:
    """The reading with the worst sign, the first of several."""
    return min(readings, key=lambda reading: ORDER.index(reading.sign))


def worst_item(items: Iterable[Item]) -> Item:
    """The item with the worst sign, the first of several."""
    return min(items, key=lambda item: ORDER.index(item.sign))


def merge_items(items: Iterable[Item]) -> tuple[Item, ...]:
    """One item per name and version: the one that says more, required if any says so."""
    merged: dict[tuple[str, str], Item] = {}
    for item in items:
        key = (item.name, item.version)
        other = merged.get(key, item)
        richer = max((other, item), key=_richness)
        merged[key] = replace(richer, required=item.required or other.required)
    return tuple(merged.values())


def with_missing(
    items: Sequence[Item], required: Iterable[tuple[str, str]], ended: Reading
) -> tuple[Item, ...]:
    """The items and one more for every required name and version that none of them is about."""
    present = {(item.name, item.version) for item in items}
    silent = ended.sign in {Sign.SILENT, Sign.UNKNOWN}
    sign = ended.sign if silent else Sign.UNKNOWN
    reason = ended.reason if silent else "NotAsked"
    message = ended.message if silent else "no step of the check asks about it"
    return (
        *items,
        *(
            Item(name, sign, version, required=True, reason=reason, message=message)
            for name, version in required
            if (name, version) not in present
        ),
    )


def required_components(spec: CheckSpec, own: Components | None) -> tuple[str, ...]:
    """Components that a pod needs: the spec's, else the profile's own."""
    return spec.components.required or (own.required if own else ())


def _richness(item: Item) -> tuple[bool, bool]:
    return item.sign is not Sign.UNKNOWN, bool(item.message)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_STRICT: Final = json.JSONDecoder(parse_constant=_refuse_constant)
"""Made once: json.loads() makes one for every call that has options."""


def _shallow(document: object) -> bool:
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in _children(node)]
        if not level:
            return True
    return False


def _children(node: object) -> Iterable[object]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()
