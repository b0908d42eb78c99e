"""A canary made ready for sending, and what its answer means: from a CheckSpec to a reading.

A canary's answer is read more strictly than a health answer, because it is the proof itself, and
more patiently, because it waits in the same queue as everybody's requests.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

from inferencehealth.api.bodies import BodyKeyRef
from inferencehealth.api.canary import Canary, CanaryMode
from inferencehealth.api.durations import format_duration
from inferencehealth.api.endpoints import Method
from inferencehealth.api.report import CheckSpec
from inferencehealth.api.server import ProfileName
from inferencehealth.checks.steps import Answer, Outcome, Reading, Request, Sign, told_path
from inferencehealth.profiles.bodies import on_wire, written
from inferencehealth.profiles.bodies import unfit as unfit_body
from inferencehealth.profiles.described import body_mismatch
from inferencehealth.profiles.reading import DENIED, SERVES, parse_json, unanswered
from inferencehealth.profiles.streams import Begun, begun, is_error

MAX_ANSWER: Final = 256 * 1024
"""Bytes of an answer that are read. Whatever sends more than that under a good status serves,
unless it begins with an error: a stream without end is cut here, where no jsonSchema has to see all
of it."""
_BAD: Final = 400
"""From this status on, a body that has not ended is an answer all the same."""

FAILED: Final = "CanaryFailed"
TIMED_OUT: Final = "CanaryTimedOut"
SLOW: Final = "CanarySlow"
BUSY: Final = "CanaryBusy"
DENIED_REASON: Final = "CanaryDenied"

FAILURES: Final = frozenset({FAILED, TIMED_OUT})
"""Reasons of pods that are Broken by nothing but their canary."""

_MODEL = re.compile(r"/models/([^/:?]+)")
_STEPS: Final = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
"""Latencies are told in these steps of each power of ten, so that a message seldom changes."""


@dataclass(frozen=True, slots=True, eq=False)
class CanaryRequest:
    """What is sent, and how its answer reads. `request` lacks the headers of the Secret.

    `secret` is the name of that Secret, empty where there is none; `model` is what the request
    is about, as far as its path or body tells. `interval` and `timeout` are in seconds. Where
    `file` names an entry of a ConfigMap, `fill` makes the request with its bytes; it raises
    ValueError, with half a sentence, for bytes that can't be sent.
    """

    request: Request
    interval: float
    timeout: float
    read: Callable[[Answer], Reading] = field(compare=False)
    secret: str = ""
    model: str = ""
    file: BodyKeyRef | None = None
    fill: Callable[[bytes], Request] | None = field(default=None, compare=False)


def canary_of(spec: CheckSpec) -> CanaryRequest | None:
    """The canary that a CheckSpec asks for; None where none is to be sent."""
    canary = spec.canary
    if canary is None or canary.mode is CanaryMode.OFF or canary.path is None:
        return None
    return CanaryRequest(
        request=_request(canary, canary.path, written(canary)),
        interval=canary.interval,
        timeout=canary.timeout,
        read=reader(canary, told=spec.profile != ProfileName.CUSTOM),
        secret=canary.headers_from.secret_ref.name if canary.headers_from else "",
        model=model_of(canary.path, canary.body),
        file=canary.body_from.config_map_key_ref if canary.body_from else None,
        fill=partial(_filled, canary, canary.path) if canary.body_from else None,
    )


def _request(canary: Canary, path: str, data: bytes) -> Request:
    """The request with that body, whatever it is."""
    headers: tuple[tuple[str, str], ...] = ()
    if canary.method is Method.POST:
        kind, data = on_wire(canary, data)
        headers = (("Content-Type", kind),)
    return Request(
        path,
        method=canary.method.value,
        body=data,
        headers=headers,
        port=canary.port if isinstance(canary.port, int) else 0,
        max_body=MAX_ANSWER,
    )


def _filled(canary: Canary, path: str, data: bytes) -> Request:
    if wrong := unfit_body(canary, data):
        raise ValueError(wrong)
    return _request(canary, path, data)


def model_of(path: str, body: dict[str, Any] | None) -> str:
    """The model that a request is about; empty where neither its path nor its body names one.

    Paths name it as the v2 protocol and TensorFlow Serving do, bodies as OpenAI's API does.
    """
    found = _MODEL.search(path)
    if found:
        return unquote(found[1])
    named = (body or {}).get("model")
    return named if isinstance(named, str) else ""


def reader(canary: Canary, *, told: bool = True) -> Callable[[Answer], Reading]:
    """How answers to that canary read; SILENT where it needs a second one to be believed.

    `told`: the server is one of those that say {"error": …} where they failed, so that it counts
    under a good status too, unless a jsonSchema says what a good answer is.
    """
    asked = f"{canary.method.value} {told_path(canary.path or '')}"
    good, misses = canary.expect.status, body_mismatch(canary.expect)
    wanted = " or ".join(str(code) for code in good)
    whole = canary.expect.json_schema is not None
    fails = says_error if told and not whole else _never

    def read(answer: Answer) -> Reading:
        if not whole:
            answer = proof(answer)
        if answer.outcome is not Outcome.ANSWERED:
            return _not_answered(asked, answer, canary.timeout)
        if answer.status not in good:
            return _refused(asked, answer, wanted)
        if why := misses(answer):
            return Reading(Sign.FAILS, FAILED, f"the answer to the canary {asked} {why}")
        if fails(answer.body):
            error = f"the canary {asked} is answered {answer.status} with an error"
            return Reading(Sign.FAILS, FAILED, error)
        return _in_time(canary, asked, answer.seconds)

    return read


def proof(answer: Answer) -> Answer:
    """What came of an answer that was cut, as an answer by itself, where it proves anything.

    For good or for bad: another status than a good one, an error, a first token, or more bytes than
    any answer to a canary needs. Its `part` stays, as the mark of an answer that is not whole.
    """
    part = answer.part
    if part is None:
        return answer
    late = answer.outcome is Outcome.UNFINISHED and part.status < _BAD
    if late and begun(part.body) is Begun.NOTHING:
        return answer
    return replace(answer, outcome=Outcome.ANSWERED, status=part.status, body=part.body)


def says_error(body: bytes) -> bool:
    """Whether a whole body is an error, or a stream that has one before it has anything else."""
    return is_error(parse_json(body)) or begun(body) is Begun.ERROR


def _never(_body: bytes) -> bool:
    return False


def _in_time(canary: Canary, asked: str, seconds: float) -> Reading:
    """Of an answer that is good, unless it came too late."""
    longest = canary.expect.max_latency
    if longest is None or seconds <= longest:
        return SERVES
    limit = format_duration(longest)
    message = f"the canary {asked} takes about {_rough(seconds)}; {limit} is asked for"
    return Reading(Sign.DEGRADED, SLOW, message, timed=True)


def _refused(asked: str, answer: Answer, wanted: str) -> Reading:
    """A status that was not expected."""
    told = f"the canary {asked} is answered {answer.status}"
    if answer.status in DENIED:
        message = f"{told}: set spec.checks.canary.headersFrom to a Secret with the API key"
        return Reading(Sign.UNKNOWN, DENIED_REASON, message)
    if answer.status == 429 or (answer.status == 503 and answer.retry_after):
        return Reading(Sign.BUSY, BUSY, f"{told}: the server is too loaded to take it")
    if gap := unanswered(answer):
        return Reading(Sign.SILENT, FAILED, f"{told}: {gap.message}")
    return Reading(Sign.FAILS, FAILED, f"{told}, expected {wanted}")


def _not_answered(asked: str, answer: Answer, timeout: float) -> Reading:
    gap = unanswered(answer) or SERVES
    limit = format_duration(timeout)
    if answer.outcome is Outcome.NO_ANSWER:
        message = f"the canary {asked} gets no answer within {limit}"
        return Reading(Sign.SILENT, TIMED_OUT, message)
    if answer.outcome is Outcome.UNFINISHED:
        message = (
            f"the answer to the canary {asked} begins but does not end within {limit}, and what "
            "came of it proves no work; ask for a shorter one, and not as a stream"
        )
        return Reading(Sign.SILENT, TIMED_OUT, message)
    reason = gap.reason if gap.sign is Sign.UNKNOWN else FAILED
    return Reading(gap.sign, reason, f"the canary {asked}: {gap.message}")


def _rough(seconds: float) -> str:
    """A latency in rough steps: one more second is no news."""
    scale = 0.01
    while scale * 10 <= seconds:
        scale *= 10
    near = max(step for step in _STEPS if step * scale <= max(seconds, scale))
    return format_duration(near * scale)
