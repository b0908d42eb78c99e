"""`ihp detect`: which model server each workload of some manifests runs, and why we think so."""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum

import yaml
from rich.console import Console
from rich.table import Table

from inferencehealth.cli.sources import tell, texts
from inferencehealth.manifests import workloads_in
from inferencehealth.problems import Problem
from inferencehealth.profiles.detect import recognised
from inferencehealth.workloads import Workload


class Output(StrEnum):
    """How the rows are printed."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


@dataclass(frozen=True, slots=True)
class Row:
    """One workload and what was recognised in it; the fields are the keys of the output."""

    kind: str
    name: str
    namespace: str
    profile: str | None
    container: str | None
    port: int | None
    models: list[str]
    confidence: float
    reason: str
    source: str


def rows(sources: Iterable[str]) -> Iterator[Row]:
    """The rows of all workloads in those files, folders and standard input.

    What can't be read is told on standard error, by name, and passed over. Raises
    typer.BadParameter for a path that does not exist.
    """
    for source, text in texts(sources):
        found, unread = workloads_in(text)
        for one in unread:
            tell(f"{source}:{one.line}: left out: {one.why}")
        for workload in found:
            yield row(workload, source)


def row(workload: Workload, source: str) -> Row:
    """What was recognised in one workload."""
    found = recognised(workload)
    about = (workload.kind, workload.name, workload.namespace)
    if isinstance(found, Problem):
        return Row(*about, None, None, None, [], 0.0, found.message, source)
    return Row(
        *about,
        profile=found.profile.name,
        container=found.container.name,
        port=found.port,
        models=list(found.profile.named_models(found.container)),
        confidence=found.confidence,
        reason=found.reason,
        source=source,
    )


def show(found: list[Row], output: Output) -> None:
    """Print the rows on standard output."""
    if output is Output.JSON:
        print(json.dumps([asdict(one) for one in found], indent=2))
    elif output is Output.YAML:
        yaml.safe_dump([asdict(one) for one in found], sys.stdout, sort_keys=False)
    else:
        _table(found)


def _table(found: list[Row]) -> None:
    console = Console(soft_wrap=not sys.stdout.isatty(), highlight=False)
    if not found:
        console.print("No workloads in these manifests.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("WORKLOAD", "PROFILE", "CONTAINER", "PORT", "MODELS", "SURE", "WHY"):
        table.add_column(column, overflow="fold", no_wrap=not console.is_terminal)
    for one in found:
        table.add_row(*_cells(one))
    console.width = console.width if console.is_terminal else _WIDE
    console.print(table, soft_wrap=False)


_WIDE = 400
"""Columns where the output goes to a file or a pipe, which need no folding."""


def _cells(one: Row) -> tuple[str, ...]:
    workload = f"{one.namespace}/{one.name}" if one.namespace else one.name
    return (
        f"{one.kind.lower()}/{workload}",
        one.profile or "-",
        one.container or "-",
        str(one.port or "-"),
        ", ".join(one.models) or "-",
        f"{one.confidence:.0%}" if one.profile else "-",
        one.reason if one.profile else "nothing recognised",
    )
