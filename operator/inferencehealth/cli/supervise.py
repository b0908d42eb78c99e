"""`ihp run`: controller and checker as two child processes, each started again when it ends.

Two processes because they must not share a fate: what stops Kopf may not stop the checks.
"""

import asyncio
import contextlib
import logging
import signal
import sys

FIRST_WAIT = 1.0
"""Seconds before a program that ended is started again; doubled while it keeps ending."""
LAST_WAIT = 30.0
STEADY = 60.0
"""Seconds after which a program counts as running well, and its next end as a first one."""
GRACE = 15.0
"""Seconds a program gets to finish its writes after SIGTERM."""
MISUSE = 2
"""Exit code of a program that can't work as it was called: starting it again is no use."""

logger = logging.getLogger(__name__)


def run(arguments: list[str], checker: list[str]) -> int:
    """Run until SIGINT or SIGTERM; the exit code. `checker` are arguments for that one alone."""
    alone = [*arguments, "--no-leader-elect"]
    return asyncio.run(_run({"controller": alone, "checker": [*arguments, *checker]}))


async def _run(programs: dict[str, list[str]]) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop.set)
    keepers = [asyncio.create_task(_keep(*program, stop)) for program in programs.items()]
    codes = await asyncio.gather(*keepers)
    return max(codes)


async def _keep(program: str, arguments: list[str], stop: asyncio.Event) -> int:
    """Start one program again and again until `stop`; MISUSE when that is hopeless, else 0."""
    wait = FIRST_WAIT
    clock = asyncio.get_running_loop().time
    while not stop.is_set():
        began = clock()
        code = await _once(program, arguments, stop)
        if stop.is_set():
            break
        if code == MISUSE:
            stop.set()
            return MISUSE
        wait = FIRST_WAIT if clock() - began > STEADY else min(wait * 2, LAST_WAIT)
        logger.warning(
            "program ended and is started again",
            extra={"program": program, "code": code, "wait": wait},
        )
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), wait)
    return 0


async def _once(program: str, arguments: list[str], stop: asyncio.Event) -> int:
    # A session of its own: Ctrl-C reaches us alone, and we end the programs in order.
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "inferencehealth.cli",
        program,
        *arguments,
        start_new_session=True,
    )
    ended = asyncio.create_task(child.wait())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return await _end(child, ended)
    finally:
        stopping.cancel()


async def _end(child: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> int:
    if not ended.done():
        child.terminate()
        try:
            return await asyncio.wait_for(asyncio.shield(ended), GRACE)
        except TimeoutError:
            child.kill()
    return await ended
