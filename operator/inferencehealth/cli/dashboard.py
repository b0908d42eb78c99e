"""`ihp dashboard`: the web page, for as long as the command runs."""

import asyncio
import contextlib
import os
import secrets
import sys
import tempfile
import threading
import time
import webbrowser
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import Final

from inferencehealth.cli.fleet import Live, Scope, following
from inferencehealth.cli.sources import tell
from inferencehealth.dashboard.advice import recommendation
from inferencehealth.dashboard.board import Board
from inferencehealth.dashboard.server import page
from inferencehealth.kube import config
from inferencehealth.kube.client import connect

TOKEN_BYTES: Final = 24
"""192 random bits: nobody guesses them."""
PAUSE: Final = 0.25
"""Seconds between two looks at what changed at least: changes come in bursts."""
_SCREENS: Final = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
"""Variables of which one is set on a Linux desktop, or by who wants a certain browser."""
LOOK: Final = 1.0
"""Seconds between two looks at most: a checker's silence is no event, it has to be looked for."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An empty namespace means all, port 0 any that is free."""

    namespace: str
    system: str
    port: int
    browser: bool


def dashboard(kubeconfig: Path | None, wanted: Wanted) -> None:
    """Serve it until Ctrl-C; raises KubeError where the cluster can't be asked, CannotListen."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_dashboard(kubeconfig, wanted))


async def _dashboard(kubeconfig: Path | None, wanted: Wanted) -> None:
    async with served(kubeconfig, wanted) as (address, kept):
        print(address, flush=True)
        tell("only you can open it, and it shows what your kubeconfig may read; Ctrl-C ends it")
        with door(address) if wanted.browser else contextlib.nullcontext():
            await kept


@asynccontextmanager
async def served(
    kubeconfig: Path | None, wanted: Wanted
) -> AsyncIterator[tuple[str, "asyncio.Task[None]"]]:
    """The page's address, and the task that keeps it up to date, which never ends by itself."""
    scope = Scope(wanted.namespace, "", wanted.system, everything=True)
    async with connect(await config.load(kubeconfig)) as client, following(client, scope) as live:
        board = Board(wanted.system, time.time())
        board.refresh(live.seen(), time.time())
        advise = partial(recommendation, client)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        async with page(board, advise, port=wanted.port, token=token) as address:
            kept = asyncio.create_task(_keep(board, live))
            try:
                yield address, kept
            finally:
                kept.cancel()
                await asyncio.gather(kept, return_exceptions=True)


async def _keep(board: Board, live: Live) -> None:
    while True:
        live.changed.clear()
        board.refresh(live.seen(), time.time())
        await asyncio.sleep(PAUSE)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(live.changed.wait(), LOOK - PAUSE)


@contextlib.contextmanager
def door(address: str) -> Iterator[None]:
    """Open the user's browser on it, where there is a screen.

    By a file that only the user can read, and only during the block: everybody on the machine
    sees the arguments with which a browser is started.
    """
    with tempfile.NamedTemporaryFile("w", prefix="ihp-", suffix=".html") as file:
        file.write(f'<!doctype html><meta http-equiv="refresh" content="0;url={escape(address)}">')
        file.flush()
        if has_screen(sys.platform, os.environ):
            # Some ways to start a browser return when it ends.
            place = Path(file.name).as_uri()
            threading.Thread(target=webbrowser.open, args=(place,), daemon=True).start()
        yield


def has_screen(platform: str, environment: Mapping[str, str]) -> bool:
    """Whether a browser can show itself; without a screen one might take over the terminal."""
    return platform != "linux" or any(map(environment.get, _SCREENS))
