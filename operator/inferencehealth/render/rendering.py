"""Manifest text with the planned probes written into it, and what was done, per workload. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from inferencehealth.api.policy import Policy
from inferencehealth.manifests import MAX_TEXT, Document, Unread, documents
from inferencehealth.render.changes import Change, changes
from inferencehealth.render.editing import CannotEditError, Edit, edited

NOT_RECOGNISED: Final = "ServerNotRecognised"
"""Reason of the problem that no model server was found: no fault of the manifest."""

_TOO_LONG: Final = f"left as it is: it has more than {MAX_TEXT >> 20} MiB"


class About(StrEnum):
    """What a note is about."""

    DONE = "Done"
    NOT_READ = "NotRead"
    """It is no YAML, or a template."""
    NO_SERVER = "NoServer"
    """No model server was recognised: nobody may have asked for it."""
    PROBLEM = "Problem"
    """The policy and the workload do not go together."""
    NOT_DONE = "NotDone"
    """What was planned could not be written."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a person should know about the document that begins at a line."""

    line: int
    about: About
    text: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A file's text after rendering, the changes in it, and notes about it."""

    text: str
    changes: tuple[Change, ...] = ()
    notes: tuple[Note, ...] = ()


def rendered(text: str, policies: Sequence[Policy]) -> Rendered:
    """The text with the probes that the policies ask for; what can't be read stays as it is."""
    if len(text) > MAX_TEXT:
        return Rendered(text, (), (Note(1, About.NOT_DONE, _TOO_LONG),))
    parts: list[str] = []
    done: list[Change] = []
    notes: list[Note] = []
    after = 0
    for document in documents(text):
        found = changes(document, policies)
        part, told = _edited(document, found)
        parts += [text[after : document.start], part]
        after = document.start + len(document.text)
        done += () if isinstance(found, Unread) else found
        notes += told
    return Rendered("".join([*parts, text[after:]]), tuple(done), tuple(notes))


def _edited(document: Document, found: tuple[Change, ...] | Unread) -> tuple[str, tuple[Note, ...]]:
    if isinstance(found, Unread):
        return document.text, (Note(found.line, About.NOT_READ, f"left as it is: {found.why}"),)
    edits = [Edit(one.container_at, one.fields) for one in found if one.probes]
    notes = tuple(note for one in found for note in _notes(document, one))
    if not edits:
        return document.text, notes
    try:
        return edited(document.text, edits), notes
    except CannotEditError as error:
        names = ", ".join(one.workload.ref for one in found if one.probes)
        told = Note(document.line, About.NOT_DONE, f"{names}: left as it is: {error}")
        return document.text, (told,)


def _notes(document: Document, change: Change) -> Iterator[Note]:
    """What a workload got, or why it got nothing."""
    ref = change.workload.ref
    for problem in change.plan.problems:
        about = About.NO_SERVER if problem.reason == NOT_RECOGNISED else About.PROBLEM
        yield Note(document.line, about, f"{ref}: left as it is: {problem.message}")
    if change.probes:
        kinds = ", ".join(probe.kind for probe in change.probes)
        detection = change.plan.detection
        where = f"container {detection.container} (profile {detection.profile})"
        yield Note(document.line, About.DONE, f"{ref}: {where} gets {kinds}")
    elif not change.plan.problems:
        yield Note(document.line, About.DONE, f"{ref}: nothing to add")
