"""Requests per second of the page for load balancers, against nginx with the same body from memory.

`python -m bench.health [--rounds N] [--seconds S] [--json FILE]`. What counts is the CPU time of
the process that serves; who asks is wrk over kept connections, in turn for both. The controller's
page is served as the program does it, in a process of its own with 500 policies on its board.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.report import Bar, Report, median, show, spread
from bench.targets import free_port, nginx_process, program, versions
from bench.world import cpu_of
from inferencehealth.api.conditions import Condition, ConditionStatus
from inferencehealth.api.status import PolicyStatus
from inferencehealth.controller.board import Board
from inferencehealth.controller.endpoint import TokenFile, health_route
from inferencehealth.listening import Address
from inferencehealth.serving import serving

POLICIES: Final = 500
PER_SECOND: Final = 1000.0
"""Requests that one core has to answer each second."""
AT_A_TIME: Final = 16
TOKEN: Final = "a-token-of-the-benchmark"  # noqa: S105


async def serve(port: int, token: Path | None) -> None:
    """The page as the controller serves it, until this process is ended."""
    board = Board()
    ready = Condition(type="Ready", status=ConditionStatus.TRUE, reason="Serving", message="all")
    for number in range(POLICIES):
        board.post(("ml", f"p{number}"), PolicyStatus(conditions=(ready,)), ())
    route = health_route(board, lambda: 0.0, TokenFile(token) if token else None)
    where = Address("127.0.0.1", port)
    async with serving(
        where, metrics=lambda: b"", live=lambda: "", ready=board.waits, more=[route]
    ):
        print("serves", flush=True)
        await asyncio.Event().wait()


@contextmanager
def ours(token: Path | None) -> Iterator[tuple[int, int]]:
    """Our page in a process of its own; port and pid."""
    port = free_port()
    command = [sys.executable, "-m", "bench.health", "--serve", str(port)]
    command += ["--token", str(token)] if token else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            if child.stdout is None or not child.stdout.readline():
                raise SystemExit("the page could not be served")
            yield port, child.pid
        finally:
            child.terminate()


def asked(url: str, pid: int, seconds: int) -> tuple[float, float]:
    """Requests per second as wrk counts them, and per CPU-second of that process."""
    before = cpu_of(pid)
    headers = ["-H", f"Authorization: Bearer {TOKEN}"]
    command = [program("wrk"), "-t1", f"-c{AT_A_TIME}", f"-d{seconds}s", *headers, url]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in told:
        raise SystemExit(f"{url} does not answer 200:\n{told}")
    rate = float(told.partition("Requests/sec:")[2].split()[0])
    return rate, rate * seconds / (cpu_of(pid) - before)


def measure(rounds: int, seconds: int, folder: Path) -> Report:
    """The three contenders in turn."""
    token = folder / "token"
    token.write_text(TOKEN)
    found: dict[str, list[tuple[float, float]]] = {}
    with nginx_process() as (static, nginx_pid), ours(None) as mine, ours(token) as protected:
        contenders = {
            "nginx, static": (f"http://127.0.0.1:{static}/health", nginx_pid),
            "controller, open": (f"http://127.0.0.1:{mine[0]}/health/ml/p7", mine[1]),
            "controller, token": (f"http://127.0.0.1:{protected[0]}/health/ml/p7", protected[1]),
        }
        for _ in range(rounds):
            for name, (url, pid) in contenders.items():
                found.setdefault(name, []).append(asked(url, pid, seconds))
    per_cpu = {name: [each[1] for each in told] for name, told in found.items()}
    best = median(per_cpu["nginx, static"])
    rows = tuple(
        (
            name,
            f"{median([each[0] for each in found[name]]):,.0f}",
            f"{median(values):,.0f}",
            spread(values),
            f"{median(values) / best:.2f}",
        )
        for name, values in per_cpu.items()
    )
    slowest = min(median(values) for name, values in per_cpu.items() if "controller" in name)
    return Report(
        title="The page for load balancers",
        columns=("served by", "requests/s", "per CPU-second", "spread", "of nginx"),
        rows=rows,
        bars=(Bar("requests per second of one core", slowest, PER_SECOND),),
        versions=versions(),
        notes=(
            f"{AT_A_TIME} kept connections, {rounds} rounds of {seconds} s, {POLICIES} policies",
        ),
    )


def main() -> int:
    """0 when the bar is held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--token", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.serve, given.token))
        return 0
    with tempfile.TemporaryDirectory(prefix="ihp-bench-") as folder:
        held = show(measure(given.rounds, given.seconds, Path(folder)), given.json)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
