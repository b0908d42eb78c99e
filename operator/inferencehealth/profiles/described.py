"""How the answers of an endpoint read that the policy itself describes: state by state.

Between the policy and `custom.py`, which makes steps and probes of the endpoints. An answer is
compared with `expect` first, then with each state; what none of them describes reads as the
answers of any server do.
"""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

from inferencehealth.api.endpoints import STATES, Endpoint, Shown
from inferencehealth.api.server import RequiredModel
from inferencehealth.checks.steps import Answer, Outcome, Reading, Request, Sign, told_path
from inferencehealth.profiles.expectations import matcher
from inferencehealth.profiles.reading import SERVES, parse_json, unanswered

MAX_SENT: Final = 16 * 1024
"""Bytes of a body that a check sends; it is sent to every pod at every check."""

_SIGNS: Final[Mapping[str, tuple[Sign, str, str]]] = {
    "loading": (Sign.LOADING, "Loading", "loading"),
    "busy": (Sign.BUSY, "Busy", "busy"),
    "asleep": (Sign.ASLEEP, "Asleep", "asleep"),
    "failing": (Sign.FAILS, "Failing", "failing"),
    "silent": (Sign.SILENT, "AnsweredInItsPlace", "that is not the server's own answer"),
}
"""Sign, reason and words of each state that a policy can describe."""

Read = Callable[[Answer], Reading]
Mismatch = Callable[[Answer], str | None]


def request_of(endpoint: Endpoint) -> Request:
    """The request of an endpoint whose port, if it has one, is a number."""
    port = endpoint.port if isinstance(endpoint.port, int) else 0
    if endpoint.method.value == "GET":
        return Request(endpoint.path, port=port)
    body = b"" if endpoint.body is None else json.dumps(endpoint.body).encode()
    headers = (("Content-Type", "application/json"),)
    return Request(endpoint.path, method="POST", body=body, headers=headers, port=port)


def reader(endpoint: Endpoint) -> Read:
    """How answers of that endpoint read, as the policy describes them."""
    asked = f"{endpoint.method.value} {told_path(endpoint.path)}"
    good, missed = endpoint.expect.status, body_mismatch(endpoint.expect)
    states = [
        (_SIGNS[name], shown.status, body_mismatch(shown))
        for name in STATES
        if (shown := getattr(endpoint, name)) is not None
    ]
    wanted = " or ".join(str(code) for code in good)

    def read(answer: Answer) -> Reading:
        if answer.outcome is not Outcome.ANSWERED:
            return unanswered(answer) or SERVES
        why = missed(answer) if answer.status in good else None
        if answer.status in good and why is None:
            return SERVES
        for (sign, reason, words), codes, differs in states:
            if answer.status in codes and differs(answer) is None:
                return Reading(sign, reason, f"{asked} answers {answer.status}: {words}")
        if why is not None:
            return Reading(Sign.FAILS, "UnexpectedBody", f"the answer to {asked} {why}")
        return unanswered(answer) or Reading(
            Sign.FAILS, "UnexpectedStatus", f"{asked} answers {answer.status}, expected {wanted}"
        )

    return read


def about(endpoint: Endpoint, model: RequiredModel) -> Endpoint:
    """The endpoint for one model: {model} and {version} filled in, wherever a text has them."""
    names = {"{model}": model.name, "{version}": model.version}
    path = endpoint.path
    for mark, name in names.items():
        path = path.replace(mark, quote(name, safe=""))
    shown = {
        field: _shown(given, names)
        for field in ("expect", *STATES)
        if (given := getattr(endpoint, field)) is not None
    }
    body = _filled(endpoint.body, names)
    return endpoint.model_copy(update={"path": path, "body": body, **shown})


def names_model(endpoint: Endpoint) -> bool:
    """Whether a model's name goes anywhere into what is asked or expected."""
    schema = endpoint.expect.json_schema
    return any("{model}" in json.dumps(part) for part in (endpoint.path, endpoint.body, schema))


def kubelet_can_read(endpoint: Endpoint) -> bool:
    """Whether an HTTP probe, which sees only whether 200 <= status < 400, reads it as we do."""
    states = [shown for name in STATES if (shown := getattr(endpoint, name)) is not None]
    return (
        endpoint.method.value == "GET"
        and endpoint.expect.json_schema is None
        and all(_looks_good(code) for code in endpoint.expect.status)
        and not any(_looks_good(code) for shown in states for code in shown.status)
    )


def kubelet_can_ask(endpoint: Endpoint) -> bool:
    """Whether an HTTP probe takes at least one good answer for good."""
    return endpoint.method.value == "GET" and any(_looks_good(c) for c in endpoint.expect.status)


def _looks_good(code: int) -> bool:
    return 200 <= code < 400


def body_mismatch(shown: Shown) -> Mismatch:
    """How the body of an answer differs from what is described, as half a sentence, or None."""
    if shown.json_schema is None:
        return lambda _answer: None
    mismatch = matcher(shown.json_schema)

    # A server that goes on as before mostly answers the same bytes, and so do its workload's pods.
    @lru_cache(maxsize=1)
    def compared(body: bytes) -> str | None:
        document = parse_json(body)
        return _NO_JSON if document is None else mismatch(document)

    def differs(answer: Answer) -> str | None:
        found = compared(answer.body)
        return f"({answer.status}) {found}" if found is _NO_JSON else found

    return differs


_NO_JSON = "has no JSON body to compare"


def _shown(shown: Shown, names: Mapping[str, str]) -> Shown:
    return shown.model_copy(update={"json_schema": _filled(shown.json_schema, names)})


def _filled(value: Any, names: Mapping[str, str]) -> Any:
    """A JSON value with the marks in its texts replaced; keys stay as they are."""
    if isinstance(value, dict):
        return {key: _filled(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, names) for inner in value]
    if not isinstance(value, str):
        return value
    for mark, name in names.items():
        value = value.replace(mark, name)
    return value
