"""`ihp lint`: what is wrong with the probes of model servers, in files or in a cluster."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import typer
from rich.console import Console

from inferencehealth.api.policy import Policy
from inferencehealth.cli.policies import read_policies
from inferencehealth.cli.sources import STDIN, tell, texts
from inferencehealth.findings.rule import Severity
from inferencehealth.lint.junit import as_junit
from inferencehealth.lint.linting import Linted, at_least, joined, lint_text
from inferencehealth.lint.sarif import as_sarif
from inferencehealth.lint.words import as_text

FOUND = 1
"""Exit code where an error-level finding stands."""


_UNFOLDED = 10_000
"""Columns where the output goes to a file or a pipe: no message is folded."""


class Output(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"


def lint_files(
    sources: Sequence[str], policy_files: Sequence[Path], *, severity: Severity, output: Output
) -> int:
    """Print the findings about manifests; returns the exit code.

    Raises typer.BadParameter for a path that does not exist, for policies that can't be
    understood, and where nothing could be read at all.
    """
    policies = read_policies(policy_files)
    parts = list(_read(sources, policies))
    linted = joined(parts)
    if not linted.objects and (linted.unread or not parts):
        raise typer.BadParameter("nothing could be read", param_hint="'FILES'")
    return show(linted, severity=severity, output=output)


def show(linted: Linted, *, severity: Severity, output: Output) -> int:
    """Print the findings of that severity and worse; the exit code is by all of them."""
    shown = replace(linted, findings=at_least(linted.findings, severity))
    if output is Output.JSON:
        objects = [one.as_object() for one in shown.findings]
        sys.stdout.write(json.dumps(objects, indent=2, ensure_ascii=False) + "\n")
    elif output is Output.SARIF:
        sys.stdout.write(as_sarif(shown))
    elif output is Output.JUNIT:
        sys.stdout.write(as_junit(shown))
    else:
        console = Console(highlight=False)
        console.width = console.width if console.is_terminal else _UNFOLDED
        console.print(as_text(shown))
    return FOUND if any(one.finding.severity == "error" for one in linted.findings) else 0


def _read(sources: Sequence[str], policies: Sequence[Policy]) -> Iterator[Linted]:
    for source, text in texts(sources):
        linted = lint_text("" if source == STDIN else _shown(source), text, policies)
        for one in linted.unread:
            tell(f"{source}:{one.line}: left out: {one.why}")
        yield linted


def _shown(source: str) -> str:
    """The file as code hosts want it: relative to where we are, if it stands below."""
    path = Path(source)
    here = Path.cwd()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()
