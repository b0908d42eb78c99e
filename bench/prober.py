"""Our side of `bench.transports`: checks one server as the checker does, prints what it cost.

A process of its own, so that its CPU time is its own. Each check is a whole one: request, answer,
reading by JSON Schema, verdict with its history.
"""

import argparse
import asyncio
import json
import time

import uvloop

from inferencehealth.api.report import CheckSpec
from inferencehealth.checker.rounds import Compiled, check_pod, compile_check
from inferencehealth.checks.history import PodFacts, begin
from inferencehealth.checks.steps import Peer
from inferencehealth.checks.transports import ask
from inferencehealth.checks.verdict import judge
from inferencehealth.checks.verdicts import Verdict

WARM_UP = 500
"""Checks before the clock starts: imports, caches and the first growth of the heap."""


def compiled(port: int) -> Compiled:
    """A server with profile custom, asked on one path, whose body has to match a schema."""
    spec = {
        "profile": "custom",
        "container": "server",
        "port": port,
        "podSelector": {"matchLabels": {"app": "bench"}},
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
        "interval": "10s",
        "timeout": "5s",
        "failureThreshold": 3,
        "successThreshold": 1,
        "startupBudget": "10m",
    }
    return compile_check(CheckSpec.model_validate(spec))


async def check(compiled_: Compiled, peer: Peer, count: int) -> None:
    """Checks one pod so many times, one after the other."""
    facts = PodFacts(uid="bench", ip=peer.address, started_at=0.0)
    history = begin(facts, 0.0)
    for _ in range(count):
        reading = await check_pod(compiled_, peer, ask)
        history = judge(reading, facts, history, compiled_.thresholds, time.time())
    if history.verdict is not Verdict.READY:
        raise SystemExit(f"the server is {history.verdict}: {history.reason}")


async def run(port: int, count: int, pods: int, *, kept: bool) -> float:
    """CPU seconds of that many checks, shared by so many pods at the same time."""
    peer, work = Peer("127.0.0.1", keep_alive=kept), compiled(port)
    await asyncio.gather(*(check(work, peer, WARM_UP // pods) for _ in range(pods)))
    began = time.process_time()
    await asyncio.gather(*(check(work, peer, count // pods) for _ in range(pods)))
    return time.process_time() - began


def main() -> None:
    """Prints {"checks": …, "cpu": seconds}."""
    parser = argparse.ArgumentParser(prog="python -m bench.prober", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--checks", type=int, default=20_000)
    parser.add_argument("--pods", type=int, default=32)
    parser.add_argument("--kept", action="store_true")
    given = parser.parse_args()
    checks = given.checks // given.pods * given.pods
    cpu = uvloop.run(run(given.port, checks, given.pods, kept=given.kept))
    print(json.dumps({"checks": checks, "cpu": cpu}))


if __name__ == "__main__":
    main()
