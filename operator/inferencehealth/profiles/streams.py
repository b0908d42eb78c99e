"""Whether an answer that has begun proves that the server works, or says that it does not. Pure.

A stream may have no end, but its first token is one that the engine made. Its head is none: it is
sent before the engine is asked (Starlette's StreamingResponse), and so are comments that keep a
connection open (sse-starlette sends one every 15 s), and chunks without a text.
"""

from collections.abc import Iterator, Mapping
from enum import Enum, auto
from typing import Any, Final

from inferencehealth.profiles.reading import parse_json

_DATA: Final = b"data:"
_DONE: Final = b"[DONE]"


class Begun(Enum):
    """What the beginning of a body shows."""

    WORK = auto()
    ERROR = auto()
    NOTHING = auto()


def begun(body: bytes) -> Begun:
    """What the whole events of a body show: of server-sent events, or of one JSON object a line."""
    for event in _events(body):
        document = parse_json(event)
        if is_error(document):
            return Begun.ERROR
        if not (isinstance(document, dict) and _empty(document)):
            return Begun.WORK
    return Begun.NOTHING


def is_error(document: object) -> bool:
    """Whether it is an error in the form that servers of inference have, whatever the status.

    {"error": …} of the v2 protocol, OpenAI's API, TGI, Ollama and TensorFlow Serving, and
    {"object": "error"} of older vLLM.
    """
    if not isinstance(document, dict):
        return False
    return bool(document.get("error")) or document.get("object") == "error"


def _events(body: bytes) -> Iterator[bytes]:
    """The payloads of whole lines; what the last line lacks is not known yet."""
    for line in body.splitlines(keepends=True):
        if not line.endswith((b"\n", b"\r")):
            return
        if line.startswith(_DATA):
            payload = line[len(_DATA) :].strip()
            if payload and payload != _DONE:
                yield payload
        elif line.startswith(b"{"):
            yield line


def _empty(document: Mapping[str, Any]) -> bool:
    """Whether a chunk in OpenAI's form has neither text nor an end: it may come before any work."""
    choices = document.get("choices")
    if not isinstance(choices, list):
        return False
    return not any(isinstance(choice, dict) and _says(choice) for choice in choices)


def _says(choice: Mapping[str, Any]) -> bool:
    delta = choice.get("delta")
    texts = delta if isinstance(delta, dict) else choice
    said = (value for key, value in texts.items() if key not in {"role", "index", "logprobs"})
    return bool(choice.get("finish_reason")) or any(said)
