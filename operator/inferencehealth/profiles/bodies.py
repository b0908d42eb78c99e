"""The body of a policy's own canary as it goes over the wire: from a Canary to bytes. Pure."""

import hashlib
import json
from typing import Final

from inferencehealth.api.bodies import MAX_CANARY_BODY, MAX_CANARY_FILE, Multipart
from inferencehealth.api.canary import Canary

JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"
BYTES: Final = "application/octet-stream"

_BOUNDARY: Final = 32
"""Characters of a boundary; RFC 2046 allows 70."""

Wire = tuple[str, bytes]
"""Content type of a request, and its body."""


def written(canary: Canary) -> bytes:
    """The bytes that the policy itself gives; empty where there are none, or they are elsewhere.

    Raises ValueError for JSON that is none: a number that is infinite, or nested too deeply.
    """
    if canary.body_text is not None:
        return canary.body_text.encode()
    if canary.body is None:
        return b""
    try:
        return json.dumps(canary.body, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        raise ValueError(
            "it is no JSON; a number is infinite or none, or it is nested too deeply"
        ) from None


def content_type(canary: Canary) -> str:
    """What the canary's body is called: of a form, its file."""
    if canary.multipart is not None:
        return canary.multipart.content_type
    if canary.content_type is not None:
        return canary.content_type
    if canary.body_from is not None:
        return BYTES
    return JSON if canary.body_text is None else TEXT


def unfit(canary: Canary, data: bytes) -> str:
    """Why the bytes can't be the canary's body, as half a sentence; empty where they can."""
    limit = MAX_CANARY_BODY if canary.body_from is None else MAX_CANARY_FILE
    if len(data) > limit:
        return f"it is longer than {limit // 1024} KiB; send a smaller request"
    if _says_json(content_type(canary)) and not _is_json(data):
        return f"it is no JSON, although {_type_field(canary)} says {content_type(canary)}"
    return ""


def on_wire(canary: Canary, data: bytes) -> Wire:
    """The bytes as they are, or as the file of a form."""
    if canary.multipart is None:
        return content_type(canary), data
    return _form(canary.multipart, data)


def _form(asked: Multipart, data: bytes) -> Wire:
    """A form after RFC 7578; names escaped as the HTML standard has it.

    The boundary is made of what it bounds: nobody can have put it in there, and the same canary
    is the same bytes every time.
    """
    parts = [
        *(_part(f'name="{_escaped(name)}"', "", v.encode()) for name, v in asked.fields.items()),
        _part(
            f'name="{_escaped(asked.field)}"; filename="{_escaped(asked.filename)}"',
            f"\r\nContent-Type: {asked.content_type}",
            data,
        ),
    ]
    boundary = "ihp-" + hashlib.sha256(b"".join(parts)).hexdigest()[:_BOUNDARY]
    line = f"--{boundary}\r\n".encode()
    whole = b"".join(line + part for part in parts) + f"--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", whole


def _part(names: str, further: str, data: bytes) -> bytes:
    head = f"Content-Disposition: form-data; {names}{further}\r\n\r\n"
    return head.encode() + data + b"\r\n"


def _escaped(name: str) -> str:
    for character, code in (('"', "%22"), ("\r", "%0D"), ("\n", "%0A")):
        name = name.replace(character, code)
    return name


def _says_json(media: str) -> bool:
    kind = media.partition(";")[0].strip().lower()
    return kind == JSON or kind.endswith("+json")


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(name: str) -> None:
    raise ValueError(name)


def _type_field(canary: Canary) -> str:
    return "contentType" if canary.multipart is None else "multipart.contentType"
