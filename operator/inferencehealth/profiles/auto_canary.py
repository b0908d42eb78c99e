"""The smallest real request that a profile builds itself: from a server's words to requests. Pure.

What fails a canary of ours has to be the server's fault: a refusal of the request as such (400,
404, 422 …) is ours, so that kind of request is given up and nothing is held against the pod.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import quote

from inferencehealth.api.canary import Canary
from inferencehealth.api.durations import format_duration
from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.steps import Answer, Item, Outcome, Reading, Request, Sign
from inferencehealth.profiles.canary import (
    BUSY,
    DENIED_REASON,
    MAX_ANSWER,
    TIMED_OUT,
    CanaryRequest,
    proof,
    says_error,
)
from inferencehealth.profiles.canary import FAILED as CANARY_FAILED
from inferencehealth.profiles.reading import DENIED, SERVES, parse_json, unanswered

NEEDS_KEY: Final = "CanaryNeedsKey"
NOT_BUILT: Final = "CanaryNotBuilt"
UNPROVEN: Final = "CanaryUnproven"
LEFT_OUT: Final = frozenset({NEEDS_KEY, NOT_BUILT, UNPROVEN})
"""Reasons for which a model gets no canary for a while; none of them is held against the pod."""

MAX_TARGETS: Final = 100
"""Models of one pod that get canaries, one after the other: with more, a round of all of them
would take hours at a canary a minute, and says nothing in time."""

MAX_UNUSED: Final = 5
"""Canaries in a row that keep a model loaded that nobody else uses."""

JSON: Final = (("Content-Type", "application/json"),)
_NOT_TAKEN: Final = (frozenset(range(300, 500)) | {501}) - DENIED - {408, 429}
"""Statuses of a request that the server does not take as it is: redirects, client errors, and what
is not implemented."""
_UNAVAILABLE: Final = 503


class Target(NamedTuple):
    """A model that canaries are sent to; no name: the one that the server has."""

    name: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """One kind of request. `words` say what it makes the server do: "one token".

    `alive` is asked after such a canary without an answer, where the server counts nothing: 200
    says that its engine works, and the canary only waits.
    """

    request: Request
    words: str
    alive: Request | None = None


@dataclass(frozen=True, slots=True)
class Cannot:
    """Nothing can be built, and why: half a sentence about the model."""

    why: str


@dataclass(frozen=True, slots=True)
class NotNow:
    """Nothing is to be sent now. `verdict` is what that means for the pod; `idle`: what a canary
    would ask sleeps or is unloaded, so that nothing found before holds any more."""

    verdict: Reading | None = None
    idle: bool = False


Built = tuple[Way, ...] | Cannot | NotNow
"""Ways to ask a model, the likeliest first: the first one that the server takes is kept."""


def no_requests(_target: Target) -> tuple[Request, ...]:
    """For servers of which nothing has to be known before."""
    return ()


@dataclass(frozen=True, slots=True)
class AutoCanary:
    """How one server is asked for the smallest real answer.

    `told` says so in a line of docs/servers.md. `targets` chooses the models by what a round said
    of them; `about` is what has to be asked before, and `build` makes requests of its answers, in
    that order. `fails` are client errors by which the server says that it failed. `spoilt` says
    of a good answer what the canary did that none may do; "" for nothing.

    `used` makes of the answers a word that every request changes: each one keeps the model
    loaded, so that after `MAX_UNUSED` canaries of ours without a request of others none is sent
    until there is one. "": nothing of the kind.

    Where not `sure`, a model may well not bear what is built for it: its failures count once any
    pod of the workload has answered such a canary well, or where the body has one of the words
    `died` says.
    """

    told: str
    build: Callable[[Target, tuple[Answer, ...]], Built]
    targets: Callable[[CheckSpec, Sequence[Item]], tuple[Target, ...]]
    about: Callable[[Target], tuple[Request, ...]] = no_requests
    used: Callable[[Target, tuple[Answer, ...]], str] = lambda _target, _answers: ""
    spoilt: Callable[[Answer], str] = lambda _answer: ""
    fails: frozenset[int] = frozenset()
    sure: bool = True
    died: tuple[bytes, ...] = ()


def first_model(spec: CheckSpec, items: Sequence[Item]) -> tuple[Target, ...]:
    """The one model by which a server with one engine is asked: the first required, else listed.

    The first of a list is the model itself, adapters come after it.
    """
    return first_listed(spec, items) or (() if items else (Target(),))


def first_listed(spec: CheckSpec, items: Sequence[Item]) -> tuple[Target, ...]:
    """The same, but none where no model is known."""
    serving = [item for item in items if item.sign in _AWAKE]
    wanted = [item for item in serving if item.required] or serving
    if not wanted and not items and spec.models.required:
        return (Target(spec.models.required[0].name),)
    return (Target(wanted[0].name),) if wanted else ()


def every_model(spec: CheckSpec, items: Sequence[Item]) -> tuple[Target, ...]:
    """Every required model that serves, else every one that is listed as serving."""
    required = {(model.name, model.version) for model in spec.models.required}
    serving = [Target(item.name, item.version) for item in items if item.sign in _AWAKE]
    wanted = [target for target in serving if target in required] if required else serving
    return tuple(wanted[:MAX_TARGETS])


_AWAKE: Final = frozenset({Sign.SERVES, Sign.DEGRADED, Sign.BUSY})


def posted(path: str, body: bytes, headers: tuple[tuple[str, str], ...] = JSON) -> Request:
    """A POST whose answer may be as long as a canary's."""
    return Request(path, method="POST", body=body, headers=headers, max_body=MAX_ANSWER)


def canary_request(canary: Canary, auto: AutoCanary, target: Target, way: Way) -> CanaryRequest:
    """What is sent that way, with the reader of its answer."""
    keyed = canary.headers_from.secret_ref.name if canary.headers_from else ""
    return CanaryRequest(
        request=way.request,
        interval=canary.interval,
        timeout=canary.timeout,
        read=_reader(canary, auto, target, way, keyed=bool(keyed)),
        secret=keyed,
        model=target.name,
    )


def needs_key(answer: Answer) -> Reading | None:
    """Why no canary can be sent to a server that does not let us ask; None where it does."""
    if answer.outcome is not Outcome.ANSWERED or answer.status not in DENIED:
        return None
    message = f"the server answers {answer.status} to whoever has no key for its inference"
    return Reading(Sign.UNKNOWN, NEEDS_KEY, message)


def not_built(target: Target, why: str) -> Reading:
    """Why no canary is sent to that model."""
    return Reading(Sign.UNKNOWN, NOT_BUILT, f"{_model(target)}: {why}")


def unproven(auto: AutoCanary, target: Target, reading: Reading, answer: Answer) -> Reading | None:
    """The reading of a failure that may be ours; None where it is the server's for sure."""
    dead = any(word in answer.body for word in auto.died)
    if auto.sure or dead or reading.sign not in {Sign.FAILS, Sign.SILENT}:
        return None
    message = f"{_model(target)}: {reading.message}, and no pod has ever answered one well"
    return Reading(Sign.UNKNOWN, UNPROVEN, message)


def _reader(
    canary: Canary, auto: AutoCanary, target: Target, way: Way, *, keyed: bool
) -> Callable[[Answer], Reading]:
    of = f' for model "{target.name}"' if target.name and not _names(way, target) else ""
    asked = f"the canary {way.request.method} {way.request.path}{of}"
    limit, longest = format_duration(canary.timeout), canary.expect.max_latency

    def read(answer: Answer) -> Reading:
        answer = proof(answer)
        if answer.outcome in {Outcome.NO_ANSWER, Outcome.UNFINISHED}:
            return Reading(Sign.SILENT, TIMED_OUT, f"{asked} gets no answer within {limit}")
        if answer.outcome is Outcome.ANSWERED and answer.status in DENIED and not keyed:
            return needs_key(answer) or SERVES
        if why := auto.spoilt(answer):
            return not_built(target, why)
        return _read(asked, target, answer, longest, auto.fails)

    return read


def _names(way: Way, target: Target) -> bool:
    """Whether the request's path names the model by itself."""
    return f"/models/{quote(target.name, safe='')}/" in way.request.path


def _read(
    asked: str, target: Target, answer: Answer, longest: float | None, fails: frozenset[int]
) -> Reading:
    if answer.outcome is not Outcome.ANSWERED:
        gap = unanswered(answer) or SERVES
        reason = gap.reason if gap.sign is Sign.UNKNOWN else CANARY_FAILED
        return Reading(gap.sign, reason, f"{asked}: {gap.message}")
    told = f"{asked} is answered {answer.status}"
    if answer.status in DENIED:
        message = f"{told}: the key in spec.checks.canary.headersFrom is not the server's"
        return Reading(Sign.UNKNOWN, DENIED_REASON, message)
    if answer.status == 429 or (answer.status == _UNAVAILABLE and answer.retry_after):
        return Reading(Sign.BUSY, BUSY, f"{told}: the server is too loaded to take it")
    if answer.status in _NOT_TAKEN - fails:
        return not_built(target, f"the server does not take what a canary would send ({told})")
    if answer.status in {408, _UNAVAILABLE} or unanswered(answer):
        # Many servers say so in passing, so that a second one has to find the same.
        return Reading(Sign.SILENT, CANARY_FAILED, told)
    if answer.status >= 400:
        return Reading(Sign.FAILS, CANARY_FAILED, f"{told}, expected 200")
    return _body(asked, target, answer, longest)


def _body(asked: str, target: Target, answer: Answer, longest: float | None) -> Reading:
    document = parse_json(answer.body)
    if document is None and answer.part is None:
        return not_built(target, f"{asked} is answered {answer.status} with no JSON")
    if says_error(answer.body):
        return Reading(
            Sign.FAILS, CANARY_FAILED, f"{asked} is answered {answer.status} with an error"
        )
    if longest is not None and answer.seconds > longest:
        message = f"{asked} takes longer than the {format_duration(longest)} asked for"
        return Reading(Sign.DEGRADED, "CanarySlow", message, timed=True)
    return SERVES


def _model(target: Target) -> str:
    if not target.name:
        return "the model"
    return f'model "{target.name}"' + (f" version {target.version}" if target.version else "")
