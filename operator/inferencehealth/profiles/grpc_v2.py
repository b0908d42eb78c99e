"""The KServe v2 protocol over gRPC: whether a server lives, and whether its models are ready.

Source: kserve/open-inference-protocol, specification/protocol/open_inference_grpc.proto. Each of
the three answers has one field, `bool` 1, and proto3 leaves out what is false. Seen on Triton
2.51.0: a model that loads, failed, was unloaded or never existed is alike "not ready", as is a
version that is not there; ServerReady is false as soon as any model failed to load, and so is
Triton's own grpc.health.v1. KServe's Python server answers NOT_FOUND for a model it lacks.
"""

from functools import partial
from typing import Final

from inferencehealth.api.report import CheckSpec
from inferencehealth.api.server import RequiredModel
from inferencehealth.checks.steps import (
    Answer,
    Item,
    Outcome,
    Reading,
    Request,
    Sign,
    Step,
    StepKind,
)
from inferencehealth.profiles.reading import unanswered

SERVICE: Final = "/inference.GRPCInferenceService"
SERVER_LIVE: Final = f"{SERVICE}/ServerLive"
SERVER_READY: Final = f"{SERVICE}/ServerReady"
MODEL_READY: Final = f"{SERVICE}/ModelReady"
MAX_ANSWER: Final = 4 * 1024
"""Bytes of an answer that are taken; a real one has two."""

OK, INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED = 0, 3, 5, 7, 8
UNIMPLEMENTED, UNAUTHENTICATED = 12, 16
"""Codes of gRPC (grpc/grpc, doc/statuscodes.md)."""

NOT_GRPC: Final = Reading(
    Sign.FAILS,
    "NotGrpc",
    "the answer is no gRPC; is this the server's gRPC port, and does spec.server.scheme fit?",
)

_NAME, _VERSION, _TRUE = 1, 2, b"\x08\x01"
_NO_V2: Final = Reading(
    Sign.UNKNOWN,
    "HealthNotTold",
    "the server has no KServe v2 service on its gRPC port, so it does not tell how models are; "
    "name a service that it reports in spec.server.components.required instead",
)
_TOO_BUSY: Final = Reading(Sign.BUSY, "TooBusy", "the server says that it has too much to do")


def steps(spec: CheckSpec) -> tuple[Step, ...]:
    """Live, every required model, and the server as a whole where others may degrade it."""
    live = Step("live", StepKind.LIVE, _request(SERVER_LIVE), read_live)
    models = (
        Step(
            f"model:{model.name}:{model.version}",
            StepKind.MODEL,
            model_ready(model),
            partial(read_model, model),
        )
        for model in spec.models.required
    )
    whole = Step("ready", StepKind.READY, _request(SERVER_READY), read_ready, decisive=False)
    return (live, *models, *((whole,) if spec.models.discover else ()))


def model_ready(model: RequiredModel) -> Request:
    """The request that asks about one model, and one version of it if that is required."""
    return _request(MODEL_READY, text(_NAME, model.name) + text(_VERSION, model.version))


def text(field: int, value: str) -> bytes:
    """A string field as proto3 writes it: nothing for an empty one.

    Raises ValueError for over 16,000 bytes, more than any name has.
    """
    encoded = value.encode()
    return bytes([field << 3 | 2]) + varint(len(encoded)) + encoded if encoded else b""


def varint(number: int) -> bytes:
    """A length below 16,384 as protobuf writes it; raises ValueError for more."""
    if number >= 1 << 14:
        raise ValueError("a name in a gRPC request is too long")
    return bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80, number >> 7])


def read_live(answer: Answer) -> Reading:
    """Whether the server lives."""
    if gap := _gap(SERVER_LIVE, answer):
        return gap
    if _is_true(answer):
        return Reading(Sign.SERVES)
    return Reading(Sign.NOT_READY, "ServerNotLive", "the server says that it is not live yet")


def read_ready(answer: Answer) -> Reading:
    """Whether all is ready, also what nobody requires: that degrades the server at most."""
    if answer.outcome is not Outcome.ANSWERED or answer.status != OK:
        return Reading(Sign.SERVES)  # the models have told enough
    if _is_true(answer):
        return Reading(Sign.SERVES)
    message = "the server says that it is not ready as a whole: a model that nobody requires is not"
    return Reading(Sign.DEGRADED, "ServerNotReady", message)


def read_model(model: RequiredModel, answer: Answer) -> Reading:
    """Whether a model is ready, as an item of its own."""
    reading = _gap(MODEL_READY, answer) or _of_model(model, answer)
    item = Item(model.name, reading.sign, model.version, True, reading.reason, reading.message)
    return Reading(reading.sign, reading.reason, reading.message, models=(item,))


def _of_model(model: RequiredModel, answer: Answer) -> Reading:
    what = f'model "{model.name}"' + (f" version {model.version}" if model.version else "")
    if answer.status in {NOT_FOUND, INVALID_ARGUMENT}:
        return Reading(Sign.FAILS, "ModelNotFound", f"the server has no {what}")
    if _is_true(answer):
        return Reading(Sign.SERVES)
    message = (
        f"the server says that {what} is not ready; it does not tell whether it loads, failed "
        "or is not there"
    )
    return Reading(Sign.NOT_READY, "ModelNotReady", message)


def _gap(method: str, answer: Answer) -> Reading | None:
    """What an answer means that tells nothing of what was asked; None for one that does."""
    if answer.outcome is Outcome.MALFORMED:
        return NOT_GRPC
    if answer.outcome is not Outcome.ANSWERED:
        return unanswered(answer)
    about_a_model = method == MODEL_READY and answer.status in {NOT_FOUND, INVALID_ARGUMENT}
    if answer.status == OK or about_a_model:
        return None
    if answer.status in {PERMISSION_DENIED, UNAUTHENTICATED}:
        message = f"the server answers code {answer.status}: it does not let the checker ask"
        return Reading(Sign.UNKNOWN, "AccessDenied", message)
    if answer.status == UNIMPLEMENTED:
        return _NO_V2
    if answer.status == RESOURCE_EXHAUSTED:
        return _TOO_BUSY
    message = f"{method} answers code {answer.status}, expected 0 (OK)"
    return Reading(Sign.FAILS, "UnexpectedStatus", message)


def _is_true(answer: Answer) -> bool:
    return answer.status == OK and answer.body == _TRUE


def _request(method: str, body: bytes = b"") -> Request:
    return Request(method, method="POST", body=body, max_body=MAX_ANSWER, grpc=True)
