"""Our programs as processes, as a user or a kubelet starts them."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

DEADLINE = 60.0
"""Seconds that a program may take to end."""


@asynccontextmanager
async def program(
    *words: str, kubeconfig: Path, log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """One of our programs as a process; ended, if it still runs, when the block ends."""
    with log.open("a") as sink:
        running = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "inferencehealth.cli",
            *words,
            "--log-format",
            "text",
            stderr=sink,
            env=os.environ | {"KUBECONFIG": str(kubeconfig)},
        )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.terminate()
            await asyncio.wait_for(running.wait(), DEADLINE)


@dataclass(frozen=True, slots=True)
class Child:
    """A program that a supervisor started."""

    pid: int

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)


async def until_said(log: Path, words: str) -> None:
    """The log has these words; a file gives no event, so it is read again and again."""
    async with asyncio.timeout(DEADLINE):
        while words not in log.read_text():  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.1)


def children(supervisor: int) -> dict[str, Child]:
    """The programs that a supervisor started, by name (Linux)."""
    pids = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    words = {int(pid): Path(f"/proc/{pid}/cmdline").read_text().split("\0") for pid in pids}
    return {
        name: Child(pid)
        for pid, line in words.items()
        for name in ("controller", "checker")
        if name in line
    }
