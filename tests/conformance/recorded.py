"""What a run of the fault matrix saw, written down: a JSON file for each server.

Beside one may lie a note in Markdown of what a reader of the page must know of that run.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from tests.conformance.faults import Cell, Fault, Walk

LAST_RUN = Path(__file__).parents[2] / "build" / "fault-matrix"
"""Where every run leaves what it saw."""
CHECKED_IN = Path(__file__).parent / "recorded"
"""The run that docs/what-green-hides.md tells of."""


def write(folder: Path, server: str, walk: Walk) -> None:
    """Write what was seen of one server."""
    folder.mkdir(parents=True, exist_ok=True)
    cells = {fault.name: asdict(cell) for fault, cell in walk.items()}
    (folder / f"{server}.json").write_text(json.dumps(cells, indent=1) + "\n")


def read(folder: Path) -> Mapping[str, Walk]:
    """All servers of a run, by their names."""
    return {file.stem: _walk(file) for file in sorted(folder.glob("*.json"))}


def keep(last: Path = LAST_RUN, kept: Path = CHECKED_IN) -> tuple[str, ...]:
    """Take over what the last run saw; the names of the servers it had. Others stay as they are."""
    servers = read(last)
    for server, walk in servers.items():
        write(kept, server, walk)
    return tuple(servers)


def _walk(file: Path) -> Walk:
    cells = json.loads(file.read_text())
    return {
        Fault[name]: Cell(**{**cell, "verdicts": tuple(cell["verdicts"])})
        for name, cell in cells.items()
    }
