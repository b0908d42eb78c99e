"""Findings for a person: by workload, the worst first, with a count at the end."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from inferencehealth.findings.catalogue import anchor
from inferencehealth.findings.rule import SEVERITIES, Severity
from inferencehealth.lint.linting import Linted, Located

STYLES: Final[dict[Severity, str]] = {"error": "bold red", "warning": "yellow", "info": "blue"}
_INDENT: Final = 10
"""Columns before what is said about a finding."""


def as_text(linted: Linted) -> Group:
    """All findings as text, with styles for a terminal."""
    parts: list[RenderableType] = []
    for (ref, file), group in groupby(linted.findings, key=lambda one: (one.ref, one.file)):
        found = list(group)
        parts.append(_line((ref, "bold"), (f"  {file}:{found[0].line}" if file else "", "dim")))
        parts += [part for one in found for part in _told(one)]
        parts.append("")
    return Group(*parts, summary(linted))


def summary(linted: Linted) -> str:
    """What was judged, and how it came out, in a sentence."""
    counts = Counter(one.finding.severity for one in linted.findings)
    judged, others = len(linted.judged), linted.others
    told = ", ".join(_number(counts[each], each) for each in SEVERITIES)
    run = "runs" if others == 1 else "run"
    rest = f" {_number(others, 'other workload')} {run} no model server that we know."
    rest = rest if others else ""
    if not judged:
        return f"No model servers found.{rest}"
    return f"{_number(judged, 'workload')} judged: {told}.{rest}"


def _told(one: Located) -> Iterator[RenderableType]:
    found = one.finding
    where = f" {found.container}" if found.container else ""
    at = f" line {one.line}" if one.line else ""
    yield _line(
        (f"  {found.severity:<8}", STYLES[found.severity]), (found.id, "bold"), (where + at, "dim")
    )
    for said in (found.message, found.remedy):
        if said:
            yield Padding.indent(Text(said.rstrip()), _INDENT)
    yield Padding.indent(Text(anchor(found.id), "dim"), _INDENT)


def _line(*parts: tuple[str, str]) -> Text:
    return Text.assemble(*parts)


def _number(count: int, what: str) -> str:
    plural = what if what == "info" else f"{what}s"
    return f"{count} {what if count == 1 else plural}"
