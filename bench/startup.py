"""CPU and memory that each program takes to be ready to work, in a process of its own.

`python -m bench.startup [--rounds N] [--json FILE]`. Counted is the CPU time (user and system) of
an interpreter that loads the program as `ihp` does; what it does then depends on the cluster. The
first round, in which Python may compile, is left out.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from bench.report import Bar, Report, median, show

MODULES: Final = {
    "controller": "inferencehealth.controller.main",
    "checker": "inferencehealth.checker.main",
    "webhook": "inferencehealth.admission.main",
}
SECONDS: Final = {"controller": 1.5, "checker": 1.0, "webhook": 1.5}
"""CPU seconds that a start may take."""
PROBE: Final = """
import importlib, json, resource, sys
for module in sys.argv[1:]:
    importlib.import_module(module)
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, len(sys.modules)]))
"""


def start(program: str) -> tuple[float, float, int]:
    """CPU seconds, MiB and modules of one start."""
    command = [sys.executable, "-P", "-c", PROBE, "inferencehealth.cli.main", MODULES[program]]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds, mebibytes, modules = json.loads(told)
    return seconds, mebibytes, modules


def measure(rounds: int) -> Report:
    """All programs in turn."""
    found = {name: [start(name) for _ in range(rounds + 1)][1:] for name in MODULES}
    seconds = {name: median([each[0] for each in starts]) for name, starts in found.items()}
    rows = tuple(
        (
            name,
            f"{seconds[name]:.2f}",
            f"{median([each[1] for each in starts]):.0f}",
            f"{starts[0][2]:,}",
        )
        for name, starts in found.items()
    )
    return Report(
        title="Starting the programs",
        columns=("program", "CPU s", "MiB", "modules"),
        rows=rows,
        bars=tuple(
            Bar(f"CPU s of the {name}", seconds[name], SECONDS[name], at_most=True)
            for name in MODULES
        ),
        notes=(f"{rounds} rounds",),
    )


def main() -> int:
    """0 when the bars are held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    return 0 if show(measure(given.rounds), given.json) else 1


if __name__ == "__main__":
    sys.exit(main())
