"""Serves the controller's numbers, its state and the pages of policies while the program runs."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from inferencehealth.controller.board import Board, Key
from inferencehealth.controller.endpoint import TokenFile, health_route
from inferencehealth.controller.metrics import exposition
from inferencehealth.controller.runs import Runs
from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import KubeError
from inferencehealth.kube.requests import POLICIES
from inferencehealth.listening import Address
from inferencehealth.serving import serving

RETRY: Final = 5.0
"""Seconds between two tries to learn which policies there are."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to serve, and who may see the pages of policies: who sends the token of that file.

    Without a file everybody may, if they are `open`, else nobody.
    """

    where: Address
    token_file: Path | None = None
    open: bool = False


@asynccontextmanager
async def served(
    chosen: Listening | None,
    client: Client,
    board: Board,
    runs: Runs,
    *,
    deaf: Callable[[], float],
    leads: Callable[[], bool],
) -> AsyncIterator[None]:
    """Serve during the block, if that was chosen. Raises CannotListen.

    A copy that stands by has the same pages as the one that leads, and no numbers of policies.
    """
    if chosen is None:
        yield
        return
    token = TokenFile(chosen.token_file) if chosen.token_file else None
    if token:
        token.token()
    shows = chosen.open or token is not None
    pages = [health_route(board, deaf, token)] if shows else []
    metrics = exposition(board, runs, client.writes, deaf, leads)
    async with serving(
        chosen.where, metrics=metrics, live=runs.stuck, ready=board.waits, more=pages
    ) as port:
        logger.info("numbers%s are served on port %d", " and /health" if shows else "", port)
        yield


async def find_policies(
    client: Client, board: Board, look_at: Callable[[str], None], *, namespace: str
) -> None:
    """Learn which policies exist: one not looked at yet is told from one that is not there.

    Their namespaces are looked at in any case; a policy that goes meanwhile is missed there.
    """
    while True:
        try:
            listed = await client.list(POLICIES, project=_key, namespace=namespace)
            break
        except KubeError as error:
            logger.warning("policies are not known yet: %s", error, extra={"again_in": RETRY})
            await asyncio.sleep(RETRY)
    board.expect(listed.items)
    for where in {key[0] for key in listed.items}:
        look_at(where)


def _key(raw: Mapping[str, Any]) -> Key:
    return raw["metadata"]["namespace"], raw["metadata"]["name"]
