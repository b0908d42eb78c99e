"""How the cost of a checker grows with the fleet: 1,000 to 30,000 pods, without an API server.

The engine as the checker runs it, with records that its informers would have made, and an nginx
that answers for all addresses over real connections. Each size is a process of its own.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import uvloop

from bench.report import Report, show
from bench.world import PORT, enter, nginx
from inferencehealth.api.report import CheckSpec, WorkloadRef
from inferencehealth.checker.assembly import CONCURRENCY
from inferencehealth.checker.engine import Engine
from inferencehealth.checker.reports import ReportRecord
from inferencehealth.checks.transports import ask
from inferencehealth.kube.pods import ContainerRecord, PodRecord
from inferencehealth.kube.store import Change
from inferencehealth.metrics import Spread

SIZES = (1_000, 3_000, 10_000, 30_000)
PER_REPORT = 100
INTERVAL = 10
WINDOW = 60.0


def main() -> None:
    """Runs every size; with --one, one of them, and prints its numbers as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--one", type=int)
    parser.add_argument("--seconds", type=float, default=WINDOW)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(uvloop.run(_measured(given.one, given.seconds))))
        return
    enter()
    with nginx():
        found = [_in_a_process(size, given.seconds) for size in SIZES]
    report = Report(
        title=f"One engine, every pod each {INTERVAL} s",
        columns=("pods", "cores", "cores per 10,000", "RSS MiB", "KiB per pod", "late p99 s"),
        rows=tuple(_row(size, one, found[0]) for size, one in zip(SIZES, found, strict=True)),
        notes=("KiB per pod: above the smallest size, pod record included",),
    )
    sys.exit(0 if show(report, given.json) else 1)


def _row(size: int, one: dict[str, float], least: dict[str, float]) -> tuple[str, ...]:
    more = (one["rss"] - least["rss"]) * 1024 / (size - SIZES[0]) if size > SIZES[0] else None
    return (
        f"{size:,}",
        f"{one['cores']:.2f}",
        f"{one['cores'] * 10_000 / size:.2f}",
        f"{one['rss']:.0f}",
        f"{more:.1f}" if more is not None else "",
        f"≤ {one['late']:g}",
    )


def _in_a_process(size: int, seconds: float) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.growth", "--one", str(size)]
    command += ["--seconds", str(seconds)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, float] = json.loads(told)
    return found


async def _measured(size: int, seconds: float) -> dict[str, float]:
    engine = Engine(
        ask=ask,
        identity="bench",
        concurrency=CONCURRENCY,
        mark=lambda _report: None,
        told=lambda _transition: None,
    )
    for number in range(size // PER_REPORT):
        _add(engine, number)
    engine.start()
    checking = asyncio.create_task(engine.scheduler.run())
    await asyncio.sleep(2 * INTERVAL)
    verdicts = Counter(checked.history.verdict.value for checked in engine.checked())
    if verdicts["Ready"] != size:
        raise SystemExit(f"not all of {size} pods are ready: {dict(verdicts)}")
    before, cpu, began = (
        list(engine.counters.lateness.counts),
        time.process_time(),
        time.monotonic(),
    )
    await asyncio.sleep(seconds)
    spent, passed = time.process_time() - cpu, time.monotonic() - began
    checking.cancel()
    return {
        "cores": spent / passed,
        "rss": _rss(),
        "late": _quantile(before, engine.counters.lateness, 0.99),
    }


def _add(engine: Engine, number: int) -> None:
    """A report and its pods."""
    name, labels = f"server-{number:05d}", {"app": f"server-{number:05d}"}
    check = CheckSpec.model_validate(
        {
            "profile": "custom",
            "container": "server",
            "port": PORT,
            "podSelector": {"matchLabels": labels},
            "endpoints": {
                "ready": {
                    "path": "/health",
                    "expect": {
                        "jsonSchema": {
                            "properties": {"status": {"const": "healthy"}},
                            "required": ["status"],
                        }
                    },
                }
            },
            "interval": f"{INTERVAL}s",
            "timeout": "5s",
            "failureThreshold": 3,
            "successThreshold": 1,
            "startupBudget": "10m",
        }
    )
    workload = WorkloadRef(kind="Deployment", name=name, uid=f"uid-{name}")
    report = ReportRecord(
        namespace="bench",
        name=name,
        uid=f"report-{name}",
        generation=1,
        policy="bench",
        workload=workload,
        check=check,
        health=None,
    )
    engine.on_report(Change("added", ("bench", name), None, report))
    for index in range(PER_REPORT):
        pod = _pod(name, labels, number * PER_REPORT + index)
        engine.on_pod(Change("added", ("bench", pod.name), None, pod))


def _pod(workload: str, labels: dict[str, str], number: int) -> PodRecord:
    """A running pod at a loopback address of its own."""
    container = ContainerRecord(
        name="server",
        ready=True,
        started=True,
        restarts=0,
        started_at=int(time.time()) - 3600,
        waiting="",
        last_termination="",
    )
    return PodRecord(
        uid=f"00000000-0000-4000-8000-{number:012d}",
        namespace="bench",
        name=f"{workload}-{number:06d}",
        labels=labels,
        ip=f"127.{64 + number // 65_536}.{number // 256 % 256}.{number % 256}",
        phase="Running",
        node="bench",
        deleting=False,
        ready=True,
        unschedulable="",
        containers=(container,),
    )


def _rss() -> float:
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) / 1024


def _quantile(before: list[int], spread: Spread, share: float) -> float:
    """Upper bound of the bucket in which that share of what was added lies."""
    counts = [after - then for then, after in zip(before, spread.counts, strict=True)]
    want, seen = share * sum(counts), 0
    for bound, count in zip((*spread.bounds, float("inf")), counts, strict=True):
        seen += count
        if seen >= want:
            return bound
    return float("inf")


if __name__ == "__main__":
    main()
