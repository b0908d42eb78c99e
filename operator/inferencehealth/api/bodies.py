"""Where the body of a canary comes from, and how it is put on the wire: part of the policy."""

from typing import Annotated, Final

from pydantic import Field

from inferencehealth.api.base import Model
from inferencehealth.api.fields import EntryKey, ObjectName
from inferencehealth.api.rules import Rule

MAX_CANARY_BODY: Final = 64 * 1024
"""Bytes of a body that stands in the policy: a canary is the smallest inference there is."""
MAX_CANARY_FILE: Final = 512 * 1024
"""Bytes of a body from a ConfigMap, of which Kubernetes allows 1 MiB in all: 16 s of speech at
16 kHz and 16 bits, sent to every pod once a minute."""
MAX_FORM_FIELDS: Final = 16
"""Fields of a form beside its file."""
MAX_FORM_FIELD: Final = 1024
"""Characters of the value of such a field."""

_WORD: Final = r"[A-Za-z0-9!#$&^_.+-]+"
ContentType = Annotated[
    str,
    Field(pattern=rf'^{_WORD}/{_WORD}( ?; ?{_WORD}=({_WORD}|"[ !#-\[\]-~]*"))*$', max_length=128),
]
"""A media type with its parameters (RFC 9110, 8.3.1)."""
FormName = Annotated[str, Field(pattern=r"^[ !#-\[\]-~]+$", max_length=128)]
"""Printable ASCII without quote and backslash: what every parser of forms reads alike."""


class BodyKeyRef(Model):
    """One entry of a ConfigMap in the policy's namespace: of its `binaryData` or `data`."""

    name: ObjectName = Field(description="Name of the ConfigMap, in the policy's namespace.")
    key: EntryKey = Field(description="Key of the entry, in binaryData or in data.")


class BodyFrom(Model):
    """A file to send."""

    config_map_key_ref: BodyKeyRef = Field(
        description="Entry of a ConfigMap in the policy's namespace, 512 KiB at most. It is read "
        "by name only; the checker needs a RoleBinding that lets it."
    )


class Multipart(Model):
    """Send the body as a file in a form (multipart/form-data)."""

    field: FormName = Field(
        default="file", description="Name of the field that holds the file.", examples=["audio"]
    )
    filename: FormName = Field(default="canary", description="Name that the file is given.")
    content_type: ContentType = Field(
        default="application/octet-stream",
        description="Content type of the file.",
        examples=["audio/wav"],
    )
    fields: dict[str, Annotated[str, Field(max_length=MAX_FORM_FIELD)]] = Field(
        default={},
        max_length=MAX_FORM_FIELDS,
        description="Further fields of the form, by name; they come before the file.",
        examples=[{"language": "en"}],
    )


BODY_RULES: Final = (
    Rule(
        "[has(self.body), has(self.bodyText), has(self.bodyFrom)].filter(given, given).size() <= 1",
        "give one of body, bodyText and bodyFrom",
        "body",
    ),
    Rule(
        "!(has(self.body) || has(self.bodyText) || has(self.bodyFrom)) || "
        "!has(self.method) || self.method == 'POST'",
        "a body needs method POST",
        "body",
    ),
    Rule(
        "!has(self.multipart) || has(self.body) || has(self.bodyText) || has(self.bodyFrom)",
        "multipart needs body, bodyText or bodyFrom: the file of the form",
        "multipart",
    ),
    Rule(
        "!has(self.contentType) || has(self.body) || has(self.bodyText) || has(self.bodyFrom)",
        "contentType needs body, bodyText or bodyFrom: it says what that is",
        "contentType",
    ),
    Rule(
        "!has(self.contentType) || !has(self.multipart)",
        "a form has a content type of its own; that of its file is multipart.contentType",
        "contentType",
    ),
    Rule(
        "!has(self.body) || !has(self.contentType) || self.contentType.contains('json')",
        "body is sent as JSON; give bodyText for anything else",
        "contentType",
    ),
)
"""What the fields of a request about its body demand of each other."""
