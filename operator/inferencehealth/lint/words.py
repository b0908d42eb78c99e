"""Findings for a person: by workload, the worst first, with a count at the end."""

from collections import Counter
from itertools import groupby
from typing import Final

from rich.text import Text

from inferencehealth.findings.catalogue import anchor
from inferencehealth.findings.rule import SEVERITIES, Severity
from inferencehealth.lint.linting import Linted, Located

STYLES: Final[dict[Severity, str]] = {"error": "bold red", "warning": "yellow", "info": "blue"}
_INDENT: Final = " " * 10


def as_text(linted: Linted) -> Text:
    """All findings as text, with styles for a terminal."""
    text = Text()
    for (ref, file), group in groupby(linted.findings, key=lambda one: (one.ref, one.file)):
        found = list(group)
        text.append(ref, "bold")
        text.append(f"  {file}:{found[0].line}\n" if file else "\n", "dim")
        for one in found:
            _append(text, one)
        text.append("\n")
    text.append(summary(linted))
    return text


def summary(linted: Linted) -> str:
    """What was judged, and how it came out, in a sentence."""
    counts = Counter(one.finding.severity for one in linted.findings)
    judged, others = len(linted.judged), linted.others
    told = ", ".join(_number(counts[each], each) for each in SEVERITIES)
    run = "runs" if others == 1 else "run"
    rest = f" {_number(others, 'other workload')} {run} no model server that we know."
    rest = rest if others else ""
    if not judged:
        return f"No model servers found.{rest}\n"
    return f"{_number(judged, 'workload')} judged: {told}.{rest}\n"


def _append(text: Text, one: Located) -> None:
    found = one.finding
    where = f" {found.container}" if found.container else ""
    at = f" line {one.line}" if one.line else ""
    text.append(f"  {found.severity:<8}", STYLES[found.severity])
    text.append(found.id, "bold")
    text.append(f"{where}{at}\n", "dim")
    text.append(_indented(found.message))
    if found.remedy:
        text.append(_indented(found.remedy))
    text.append(_indented(anchor(found.id)), "dim")


def _indented(said: str) -> str:
    return "".join(f"{_INDENT}{line}\n" for line in said.rstrip("\n").split("\n"))


def _number(count: int, what: str) -> str:
    plural = what if what == "info" else f"{what}s"
    return f"{count} {what if count == 1 else plural}"
