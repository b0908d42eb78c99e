"""The `ihp` command against the tests' cluster."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from e2e.cluster.model import Cluster

PATIENCE = 60.0
"""Seconds; generous, because the machine may be busy with other things."""


def line(cluster: Cluster, namespace: str, command: str, *words: str) -> list[str]:
    """The command line of one command in a namespace."""
    called = [sys.executable, "-m", "inferencehealth.cli", command, *words, "-n", namespace]
    return [*called, "--kubeconfig", str(cluster.kubeconfig)]


async def ihp(
    cluster: Cluster, namespace: str, command: str, *words: str
) -> subprocess.CompletedProcess[str]:
    """One command, to its end."""
    called = line(cluster, namespace, command, *words)
    return await asyncio.to_thread(
        subprocess.run, called, capture_output=True, text=True, check=False, timeout=PATIENCE
    )


@asynccontextmanager
async def running(
    cluster: Cluster, namespace: str, command: str, *words: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """One command that goes on; killed when the block ends."""
    pipe = asyncio.subprocess.PIPE
    called = line(cluster, namespace, command, *words)
    started = await asyncio.create_subprocess_exec(*called, stdout=pipe, stderr=pipe)
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()


async def heard(stream: asyncio.StreamReader | None, word: str) -> list[str]:
    """The lines up to the first that has the word; fails at the deadline."""
    assert stream is not None
    lines: list[str] = []
    async with asyncio.timeout(PATIENCE):
        while not lines or word not in lines[-1]:
            read = await stream.readline()
            assert read, f"{word!r} was never said: {lines}"
            lines.append(read.decode())
    return lines
