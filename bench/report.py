"""What a benchmark found, as a table for people and as JSON for machines; used by every benchmark.

A benchmark fills a Report and calls `show`. Numbers are medians over rounds; a comparison is a
ratio within the same run, as absolute numbers mean little on another machine.
"""

import json
import os
import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Bar:
    """A number to hold: `value` has to be at least, or at most, `bound`."""

    what: str
    value: float
    bound: float
    at_most: bool = False

    @property
    def held(self) -> bool:
        """Whether it is held."""
        return self.value <= self.bound if self.at_most else self.value >= self.bound


@dataclass(frozen=True, slots=True)
class Report:
    """What a benchmark found. `rows` are as `columns`, `notes` say how it was measured."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    bars: tuple[Bar, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def machine() -> dict[str, str]:
    """Where this runs."""
    return {
        "cpu": _cpu_model(),
        "cores": str(os.cpu_count()),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def median(values: Sequence[float]) -> float:
    """The median; raises ValueError for none."""
    return statistics.median(values)


def spread(values: Sequence[float]) -> str:
    """The least and the greatest, for a table."""
    return f"{min(values):,.0f}–{max(values):,.0f}"


def show(report: Report, json_file: Path | None = None) -> bool:
    """Prints the report, writes it as JSON where asked to; whether all bars are held."""
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    table = Table(title=report.title, title_justify="left")
    for index, column in enumerate(report.columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    for row in report.rows:
        table.add_row(*row)
    console.print(table)
    for note in report.notes:
        console.print(f"  {note}")
    for bar in report.bars:
        sign, word = "≤" if bar.at_most else "≥", "held" if bar.held else "[bold]MISSED[/bold]"
        console.print(f"  {bar.what}: {bar.value:,.2f} (bar {sign} {bar.bound:,.2f}) {word}")
    where = machine()
    console.print("  " + ", ".join(f"{k} {v}" for k, v in {**where, **report.versions}.items()))
    if json_file is not None:
        bars = [{**asdict(bar), "held": bar.held} for bar in report.bars]
        document = {**asdict(report), "bars": bars, "machine": where}
        json_file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return all(bar.held for bar in report.bars)


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())
