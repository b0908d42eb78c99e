"""The controller program: it stands by until it is elected, then it acts, and serves its numbers.

It may die at any moment, and does when Kopf gives up on the API server or its Lease is lost:
whoever supervises it starts it again, and the first run brings everything in line.
"""

import asyncio
from dataclasses import dataclass
from functools import partial

from inferencehealth.api.names import SYSTEM_NAMESPACE
from inferencehealth.controller.acting import act
from inferencehealth.controller.beside import beside
from inferencehealth.controller.board import Board
from inferencehealth.controller.election import elected, taking_part
from inferencehealth.controller.leases import CheckerLeases
from inferencehealth.controller.runs import Runs
from inferencehealth.controller.served import Listening, served
from inferencehealth.controller.standby import follow
from inferencehealth.controller.watching import on_signals
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
    stop = asyncio.Event()
    on_signals(stop)
    leases = CheckerLeases(client, chosen.system_namespace)
    board, runs = Board(), Runs()
    serve = partial(served, chosen.listening, client, board, runs, deaf=leases.deaf)
    work = partial(act, access, leases=leases, board=board, runs=runs, stop=stop)
    if not chosen.elect:
        async with serve(leads=lambda: True), beside(leases.run()):
            return await work(client, namespace=chosen.namespace)
    standby = partial(follow, client, board, leases.silence, namespace=chosen.namespace)
    async with (
        taking_part(chosen.system_namespace) as (election, run),
        serve(leads=lambda: election.leads),
        beside(leases.run()),
        elected(election, run, stop, standby) as won,
    ):
        if not won:
            return 0
        return await work(client.guarded(election.guard), namespace=chosen.namespace)
