"""Text of YAML files that people read: values that can't break out of their place, and comments."""

import json
import re
import textwrap

from inferencehealth.export.subject import Subject

WIDTH = 88

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
"""Words that YAML 1.1 takes for something other than text."""


def quoted(value: object) -> str:
    """A value as YAML: plain where that is safe, else as JSON, which YAML reads as the same."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)


def comment(told: str, indent: int = 0) -> str:
    """A comment, folded, without the newline at its end."""
    lead = " " * indent + "# "
    return "\n".join(
        lead + line for line in textwrap.wrap(told, WIDTH - len(lead), break_on_hyphens=False)
    )


def head(subject: Subject, what: str) -> str:
    """The first lines of a file: what it is, and where its numbers are from."""
    return comment(f"{title(subject, what)} Numbers: {subject.schedule.source}.")


def title(subject: Subject, what: str) -> str:
    """What a file is, in a sentence."""
    return f"{what}, for {subject.profile.title}."
