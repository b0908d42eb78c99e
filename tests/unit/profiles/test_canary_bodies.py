"""Bodies of canaries on the wire: JSON, text, files, and forms as a real parser reads them."""

import json
from email import message_from_bytes
from email.message import Message
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.api.bodies import MAX_CANARY_FILE, Multipart
from inferencehealth.api.canary import Canary
from inferencehealth.profiles.bodies import content_type, on_wire, unfit, written

FROM = {"configMapKeyRef": {"name": "clips", "key": "hello.wav"}}
WAV = b"RIFF\x00\r\n--\xff" * 20


def canary(**changes: Any) -> Canary:
    return Canary.model_validate({"mode": "Custom", "path": "/v1/listen", **changes})


def parts(kind: str, body: bytes) -> list[Message]:
    whole = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    assert whole.is_multipart(), "the form is read as one"
    assert not whole.defects
    payload = whole.get_payload()
    assert isinstance(payload, list)
    return [part for part in payload if isinstance(part, Message)]


@pytest.mark.parametrize(
    ("given_body", "kind", "body"),
    [
        ({"body": {"prompt": "a"}}, "application/json", b'{"prompt": "a"}'),
        ({"bodyText": "wie geht's? ü"}, "text/plain; charset=utf-8", "wie geht's? ü".encode()),
        ({"bodyText": "[1]", "contentType": "application/json"}, "application/json", b"[1]"),
        ({"bodyText": "a,b\n", "contentType": "text/csv"}, "text/csv", b"a,b\n"),
        ({}, "application/json", b""),
    ],
)
def test_a_body_in_the_policy_is_sent_as_what_it_is(
    given_body: dict[str, Any], kind: str, body: bytes
) -> None:
    asked = canary(**given_body)
    assert on_wire(asked, written(asked)) == (kind, body)


def test_a_file_is_sent_as_bytes_unless_the_policy_knows_better() -> None:
    assert on_wire(canary(bodyFrom=FROM), WAV) == ("application/octet-stream", WAV)
    assert on_wire(canary(bodyFrom=FROM, contentType="audio/wav"), WAV) == ("audio/wav", WAV)


def test_a_form_is_read_as_it_was_meant() -> None:
    form = {
        "field": "audio",
        "filename": "hello.wav",
        "contentType": "audio/wav",
        "fields": {"language": "en", "word_timestamps": "false"},
    }
    kind, body = on_wire(canary(bodyFrom=FROM, multipart=form), WAV)
    language, timestamps, file = parts(kind, body)
    assert language["Content-Disposition"] == 'form-data; name="language"'
    assert (language.get_payload(decode=True), timestamps.get_payload()) == (b"en", "false")
    assert file["Content-Disposition"] == 'form-data; name="audio"; filename="hello.wav"'
    assert (file["Content-Type"], file.get_payload(decode=True)) == ("audio/wav", WAV)


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=20), st.text('ab-\r\n"é', max_size=20), max_size=4
    ),
    st.binary(max_size=200),
)
def test_no_field_and_no_file_can_break_out_of_a_form(fields: dict[str, str], data: bytes) -> None:
    asked = canary(bodyFrom=FROM).model_copy(update={"multipart": Multipart(fields=fields)})
    kind, body = on_wire(asked, data)
    boundary = kind.partition("boundary=")[2].encode()
    assert body.count(b"--" + boundary) == len(fields) + 2
    assert body.count(b"\r\nContent-Disposition: form-data; name=") == len(fields) + 1
    assert b"\r\n\r\n" + data + b"\r\n--" + boundary + b"--\r\n" in body


def test_the_same_canary_is_the_same_bytes_every_time() -> None:
    asked = canary(bodyFrom=FROM, multipart={"field": "audio"})
    assert on_wire(asked, WAV) == on_wire(asked, WAV)


@pytest.mark.parametrize(
    ("asked", "data", "why"),
    [
        ({"bodyText": "", "contentType": "application/json"}, b"{'a': 1}", "it is no JSON"),
        ({"bodyText": "", "contentType": "application/ld+json"}, b"nope", "contentType says"),
        ({"bodyText": "", "contentType": "Application/JSON; q=1"}, b"NaN", "it is no JSON"),
        ({"bodyFrom": FROM, "contentType": "application/json"}, WAV, "it is no JSON"),
        (
            {"bodyFrom": FROM, "multipart": {"contentType": "application/json"}},
            WAV,
            "multipart.contentType says application/json",
        ),
        ({"bodyText": ""}, b"x" * 65_537, "longer than 64 KiB"),
        ({"bodyFrom": FROM}, b"x" * (MAX_CANARY_FILE + 1), "longer than 512 KiB"),
        ({"bodyFrom": FROM}, b"x" * MAX_CANARY_FILE, ""),
        ({"bodyText": "", "contentType": "application/json"}, b"[" * 100_000, "longer than"),
        ({"bodyFrom": FROM, "contentType": "application/json"}, b"[" * 100_000, "no JSON"),
    ],
)
def test_what_can_not_be_sent_is_said_in_half_a_sentence(
    asked: dict[str, Any], data: bytes, why: str
) -> None:
    found = unfit(canary(**asked), data)
    assert why in found
    assert bool(found) == bool(why)


def test_json_is_written_strictly() -> None:
    assert json.loads(written(canary(body={"a": [1, None]}))) == {"a": [1, None]}
    with pytest.raises(ValueError, match="it is no JSON"):
        written(canary(body={"temperature": float("inf")}))


def test_a_form_names_the_kind_of_its_file() -> None:
    assert content_type(canary(bodyFrom=FROM, multipart={})) == "application/octet-stream"


@pytest.mark.parametrize("kind", ["json", "a/b\r\nX: y", "text/plain; charset", "", "audio/wav,x"])
def test_a_content_type_that_is_none_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="contentType"):
        canary(bodyText="a", contentType=kind)
