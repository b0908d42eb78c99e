"""Checks per CPU-second, against prometheus-blackbox-exporter and wrk on the same nginx.

`make bench-transports` or `python -m bench.transports [--rounds N] [--json FILE]`. What counts is
the CPU time, user and system, of the process that asks; the server's is not counted. The
contenders take turns within each round, so that whatever else the machine does falls on all.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.report import Bar, Report, median, show, spread
from bench.targets import blackbox_exporter, nginx, program, versions
from bench.world import cpu_of

OURS: Final = "inferencehealth, new connections, full verdict"
OURS_KEPT: Final = "inferencehealth, keep-alive, full verdict"
BLACKBOX: Final = "blackbox_exporter, new connections, body regexp"
WRK: Final = "wrk, Connection: close, body not read"
WRK_KEPT: Final = "wrk, keep-alive, body not read"

OF_BLACKBOX: Final = 4.0
"""Times as many checks as blackbox_exporter makes of the same CPU time."""
OF_WRK: Final = 0.45
"""Share of what wrk reaches, which spends 97 % of its time in the kernel: the physical limit."""
KEPT: Final = 12_000.0
"""Checks per CPU-second over kept connections."""

AT_A_TIME: Final = 32
"""Connections at a time, for all contenders."""

Contender = Callable[[], tuple[int, float]]
"""Runs once; checks made and CPU seconds that they took."""


def ours(port: int, checks: int, *, kept: bool) -> tuple[int, float]:
    """The checker's own path, in a process of its own."""
    command = [sys.executable, "-m", "bench.prober", "--port", str(port)]
    command += ["--checks", str(checks), "--pods", str(AT_A_TIME), *(["--kept"] if kept else [])]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return int(told["checks"]), float(told["cpu"])


def wrk(port: int, seconds: float, *, kept: bool) -> tuple[int, float]:
    """wrk in one thread; it is wholly a client, so all of its CPU time counts."""
    before = _children()
    url = f"http://127.0.0.1:{port}/health"
    requests = _wrk(url, seconds, [] if kept else ["-H", "Connection: close"])
    return requests, _children() - before


def blackbox(exporter: tuple[int, int], port: int, seconds: float) -> tuple[int, float]:
    """Probes as Prometheus asks for them, over connections that are kept between the two."""
    listening, pid = exporter
    url = f"http://127.0.0.1:{listening}/probe?module=health&target=http://127.0.0.1:{port}/health"
    before = cpu_of(pid)
    return _wrk(url, seconds, []), cpu_of(pid) - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _wrk(url: str, seconds: float, arguments: list[str]) -> int:
    command = [program("wrk"), "-t1", f"-c{AT_A_TIME}", f"-d{round(seconds)}s", *arguments, url]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"(\d+) requests in", told)
    if found is None or "Non-2xx" in told or "Socket errors" in told:
        raise SystemExit(f"wrk could not measure:\n{told}")
    return int(found[1])


def measure(rounds: int, seconds: float, checks: int) -> Report:
    """The rounds, and what they come to."""
    rates: dict[str, list[float]] = {}
    with nginx() as port, blackbox_exporter() as exporter:
        contenders: dict[str, Contender] = {
            OURS: lambda: ours(port, checks, kept=False),
            OURS_KEPT: lambda: ours(port, 3 * checks, kept=True),
            BLACKBOX: lambda: blackbox(exporter, port, seconds),
            WRK: lambda: wrk(port, seconds, kept=False),
            WRK_KEPT: lambda: wrk(port, seconds, kept=True),
        }
        for number in range(rounds):
            for name, run in contenders.items():
                made, cpu = run()
                rates.setdefault(name, []).append(made / cpu)
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
    return _report(rates, rounds)


def _report(rates: dict[str, list[float]], rounds: int) -> Report:
    medians = {name: median(found) for name, found in rates.items()}
    rows = tuple(
        (
            name,
            f"{medians[name]:,.0f}",
            spread(rates[name]),
            f"{medians[name] / medians[BLACKBOX]:.1f}×",
            f"{medians[name] / medians[WRK]:.0%}",
        )
        for name in rates
    )
    bars = (
        Bar(
            "new connections, of blackbox_exporter", medians[OURS] / medians[BLACKBOX], OF_BLACKBOX
        ),
        Bar("new connections, of wrk's", medians[OURS] / medians[WRK], OF_WRK),
        Bar("keep-alive, checks per CPU-second", medians[OURS_KEPT], KEPT),
    )
    return Report(
        title="Checks per CPU-second of the process that asks",
        columns=("who asks", "median", "least–most", "of blackbox", "of wrk, close"),
        rows=rows,
        bars=bars,
        versions=versions(),
        notes=(
            f"medians of {rounds} rounds, in turns; {AT_A_TIME} at a time; nginx on loopback",
            "blackbox_exporter's time includes serving its own answer to Prometheus",
        ),
    )


def main() -> int:
    """0 when every bar is held."""
    parser = argparse.ArgumentParser(prog="python -m bench.transports", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of wrk and blackbox, a round")
    parser.add_argument("--checks", type=int, default=20_000, help="of ours, a round")
    parser.add_argument("--json", type=Path, default=None, help="file to write the report to")
    given = parser.parse_args()
    return 0 if show(measure(given.rounds, given.seconds, given.checks), given.json) else 1


if __name__ == "__main__":
    sys.exit(main())
