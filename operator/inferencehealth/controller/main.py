"""The controller program: it stands by until it is elected, then it acts, and serves its numbers.

It may die at any moment, and does when Kopf gives up on the API server or its Lease is lost:
whoever supervises it starts it again, and the first run brings everything in line.
"""

import asyncio
import os
import signal
import uuid
from dataclasses import dataclass

from inferencehealth.api.names import SYSTEM_NAMESPACE
from inferencehealth.controller.acting import act, background
from inferencehealth.controller.board import Board
from inferencehealth.controller.election import Election, elected
from inferencehealth.controller.leases import CheckerLeases
from inferencehealth.controller.runs import Runs
from inferencehealth.controller.served import Listening, served
from inferencehealth.kube import config
from inferencehealth.kube.client import Client, connect


@dataclass(frozen=True, slots=True)
class Settings:
    """How the controller runs. An empty `namespace` means all of them.

    `listening` is where its numbers and the pages of policies are served, None: nowhere.
    `elect`: whether it acts only while it holds the Lease, so that several copies may run.
    """

    namespace: str = ""
    system_namespace: str = SYSTEM_NAMESPACE
    listening: Listening | None = None
    elect: bool = False


def run(chosen: Settings) -> int:
    """Run until SIGTERM (0), until Kopf gives up (1), or until the Lease is lost (LOST).

    Raises ConfigError, and CannotListen where it can't serve its numbers.
    """
    return asyncio.run(_run(chosen))


async def _run(chosen: Settings) -> int:
    access = await config.load()
    async with connect(access) as client:
        return await _serve(access, client, chosen)


async def _serve(access: config.Access, client: Client, chosen: Settings) -> int:
    stop = _stopped()
    leases = CheckerLeases(client, chosen.system_namespace)
    board, runs = Board(), Runs()
    election = Election(client, chosen.system_namespace, _identity()) if chosen.elect else None

    def leads() -> bool:
        return election is None or election.leads

    async with (
        served(chosen.listening, client, board, runs, deaf=leases.deaf, leads=leads),
        background(leases.run()),
        elected(election, stop) as won,
    ):
        if not won:
            return 0
        acting = client.guarded(election.guard) if election else client
        return await act(access, acting, leases, board, runs, namespace=chosen.namespace, stop=stop)


def _stopped() -> asyncio.Event:
    """Set by SIGINT and SIGTERM, until Kopf takes these over."""
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    return stop


def _identity() -> str:
    """A name for this process alone: a container that is started again keeps its host name."""
    return f"{os.uname().nodename}_{uuid.uuid4().hex[:12]}"
