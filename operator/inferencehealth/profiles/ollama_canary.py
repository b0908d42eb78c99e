"""Ollama's canary: one token of a model that is loaded, and nothing that loads or keeps one. Pure.

A request with another context length than the one a model was loaded with makes Ollama load it
anew (server/sched.go, needsReload), so a canary gives the length that /api/ps tells; where the
model's own limit cut that short, nobody can tell what was asked for, and it gives none. Every
request prolongs the time for which a model stays loaded, which `expires_at` tells.

A request without a prompt reaches the runner's process and no further: it tells a runner that
works on other requests from one that hangs. Source: Ollama 0.17.4 (server/sched.go, routes.go,
llm/server.go), and run.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from inferencehealth.checks.steps import Answer, Outcome, Request
from inferencehealth.profiles.auto_canary import (
    JSON,
    AutoCanary,
    Built,
    NotNow,
    Target,
    Way,
    every_model,
    posted,
)
from inferencehealth.profiles.listing import LIST_BODY
from inferencehealth.profiles.reading import parse_object
from inferencehealth.profiles.text_canary import TEXT

LOADED: Final = "/api/ps"
SHOW: Final = "/api/show"
GENERATE: Final = "/api/generate"
EMBED: Final = "/api/embed"

SHOW_BODY: Final = 1024 * 1024
"""Bytes of what is told of a model: its licence and its template stand in it."""
RELOADED: Final = 1e9
"""Nanoseconds of `load_duration` from which on the model was not loaded before: of a loaded one it
takes milliseconds."""
_GOOD: Final = 200
FOR_GOOD: Final = "2100"
"""Year from which on `expires_at` means that the model is never unloaded."""


def about(target: Target) -> tuple[Request, ...]:
    """What is loaded, and how long the model's context may be."""
    show = json.dumps({"model": target.name}).encode()
    told = Request(SHOW, method="POST", body=show, headers=JSON, max_body=SHOW_BODY)
    return Request(LOADED, max_body=LIST_BODY), told


def build(target: Target, answers: tuple[Answer, ...]) -> Built:
    """One token; of a model that only embeds, one letter. Nothing while it is not loaded."""
    loaded, show = answers
    entry = _entry(target, loaded)
    if entry is None:
        return NotNow(idle=loaded.status == _GOOD)
    context = _context(entry, show)
    kept: dict[str, Any] = {"num_ctx": context} if context else {}
    model = {"model": target.name, "stream": False}
    asleep = _posted(GENERATE, {**model, "options": kept})
    token = {**model, "prompt": TEXT, "raw": True, "options": {**kept, "num_predict": 1}}
    letter = {"model": target.name, "input": TEXT, "options": kept}
    return (
        Way(_posted(GENERATE, token), "one token", asleep),
        Way(_posted(EMBED, letter), "one letter embedded"),
    )


def used(target: Target, answers: tuple[Answer, ...]) -> str:
    """When the model will be unloaded, which every request puts off; "" where it never is."""
    entry = _entry(target, answers[0])
    expires = str(entry.get("expires_at") or "") if entry else ""
    return "" if expires > FOR_GOOD else expires


def spoilt(answer: Answer) -> str:
    """Whether the canary made Ollama load the model, which none may do."""
    took = parse_object(answer.body).get("load_duration") if answer.status == 200 else None
    if not isinstance(took, int) or took < RELOADED:
        return ""
    return (
        "a canary made Ollama load it anew: its clients load it with options of their own, "
        "which a canary can't know"
    )


def _entry(target: Target, loaded: Answer) -> Mapping[str, Any] | None:
    """The model in the list of those that are loaded."""
    if loaded.outcome is not Outcome.ANSWERED or loaded.status != _GOOD:
        return None
    listed = parse_object(loaded.body).get("models")
    entries = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return next((one for one in entries if _same(target.name, str(one.get("name")))), None)


def _same(asked: str, listed: str) -> bool:
    tagged = asked if ":" in asked.rpartition("/")[2] else f"{asked}:latest"
    return tagged == listed


def _context(entry: Mapping[str, Any], show: Answer) -> int:
    """The context length that the model was loaded with; 0 where that can't be known."""
    length, told = entry.get("context_length"), parse_object(show.body).get("model_info")
    info = told if isinstance(told, dict) else {}
    limits = [value for name, value in info.items() if name.endswith(".context_length")]
    limit = limits[0] if limits and isinstance(limits[0], int) else 0
    return length if isinstance(length, int) and 0 < length < limit else 0


def _posted(path: str, body: Mapping[str, Any]) -> Request:
    return posted(path, json.dumps(body).encode())


CANARY: Final = AutoCanary(
    told="one token of each loaded model in its turn, of one that only embeds one letter; none "
    "that loads a model, and at most five in a row that keep one loaded which nobody else uses",
    build=build,
    targets=every_model,
    about=about,
    used=used,
    spoilt=spoilt,
)
