"""Canaries of servers for text: one token, or one short text to embed or to rank. Pure.

What kind of model it is, a server seldom tells: the likeliest request goes first, and where the
server refuses that as such, the next one. OpenAI's API is what most of them speak.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from inferencehealth.checks.exposition import values
from inferencehealth.checks.steps import Answer, Outcome, Reading, Request, Sign
from inferencehealth.profiles.auto_canary import (
    AutoCanary,
    Built,
    NotNow,
    Target,
    Way,
    first_listed,
    first_model,
    no_requests,
    posted,
)
from inferencehealth.profiles.listing import LIST_BODY, OPENAI_MODELS, read_models

TEXT: Final = "a"
"""What is asked: one letter is one token of nearly every vocabulary."""

COMPLETION: Final = "/v1/completions"
CHAT: Final = "/v1/chat/completions"
EMBEDDINGS: Final = "/v1/embeddings"
RERANK: Final = "/v1/rerank"

_BODIES: Final[Mapping[str, tuple[Mapping[str, Any], str]]] = {
    COMPLETION: ({"prompt": TEXT, "max_tokens": 1}, "one token"),
    CHAT: ({"messages": [{"role": "user", "content": TEXT}], "max_tokens": 1}, "one token"),
    EMBEDDINGS: ({"input": TEXT}, "one letter embedded"),
    RERANK: ({"query": TEXT, "documents": [TEXT]}, "one letter ranked"),
}
"""What stands in the body beside the model, and what that makes the server do."""

TOKENS: Final = 128.0
"""Tokens that one canary takes at most, with what a chat template puts around its letter."""

Guard = Callable[[tuple[Answer, ...]], NotNow | None]


def openai_canary(
    told: str,
    *,
    paths: Sequence[str] = (COMPLETION, CHAT, EMBEDDINGS, RERANK),
    about: tuple[Request, ...] = (),
    guard: Guard = lambda _answers: None,
    extra: Mapping[str, Mapping[str, Any]] | None = None,
    alive: Request | None = None,
    listed: bool = False,
) -> AutoCanary:
    """Of a server that speaks OpenAI's API, with one engine for all of its models.

    `paths` are tried in this order; `guard` reads the answers to `about` before anything is sent.
    `extra` stands in the bodies of those paths besides. `listed`: a model that the server lists
    is needed, for whoever lists none has no text to make.
    """
    made = _Openai(tuple(paths), guard, len(about), extra or {}, alive)
    return AutoCanary(
        told=told,
        targets=first_listed if listed else first_model,
        about=lambda target: (*about, *_list(target)),
        build=made.build,
    )


@dataclass(frozen=True, slots=True)
class _Openai:
    """What `openai_canary` is told; the first `guarded` answers are the guard's."""

    paths: tuple[str, ...]
    guard: Guard
    guarded: int
    extra: Mapping[str, Mapping[str, Any]]
    alive: Request | None

    def build(self, target: Target, answers: tuple[Answer, ...]) -> Built:
        """One request for each path."""
        if held := self.guard(answers[: self.guarded]):
            return held
        listing = answers[self.guarded :]
        name = target.name or _first_listed(listing)
        if not name and any(answer.outcome is not Outcome.ANSWERED for answer in listing):
            return NotNow()
        model = {"model": name} if name else {}
        return tuple(self._way(path, model) for path in self.paths)

    def _way(self, path: str, model: Mapping[str, Any]) -> Way:
        body, words = _BODIES[path]
        return json_way(path, {**model, **body, **self.extra.get(path, {})}, words, self.alive)


def text_canary(told: str, ways: tuple[Way, ...]) -> AutoCanary:
    """Of a server with one model, whose requests name none."""
    return AutoCanary(
        told=told,
        targets=first_model,
        about=no_requests,
        build=lambda _target, _answers: ways,
    )


def json_way(path: str, body: Mapping[str, Any], words: str, alive: Request | None = None) -> Way:
    """A request with that JSON object."""
    return Way(posted(path, json.dumps(body).encode()), words, alive)


def awake_gauge(name: str, label: str, value: str) -> Guard:
    """The guard of a server whose metrics say 0 of that series when it sleeps."""
    asleep = NotNow(
        Reading(Sign.ASLEEP, "Asleep", "the server was put to sleep, as its metrics say")
    )

    def guard(answers: tuple[Answer, ...]) -> NotNow | None:
        if not answers or answers[0].status != 200:
            return None
        series = [v for v in values(answers[0].body, (name,)) if v.label(label) == value]
        return asleep if series and all(v.value == 0 for v in series) else None

    return guard


def _list(target: Target) -> tuple[Request, ...]:
    """The list of models, where no round could read one: with the canary's key it may be open."""
    return () if target.name else (Request(OPENAI_MODELS, max_body=LIST_BODY),)


def _first_listed(answers: tuple[Answer, ...]) -> str:
    items = read_models(answers[0]).models if answers else ()
    return items[0].name if items else ""
