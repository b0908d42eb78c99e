"""What the controller does while it leads: Kopf's watching and our queue, in one event loop."""

import asyncio
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from inferencehealth.api.names import GROUP
from inferencehealth.controller.admission import AdmissionPolicies
from inferencehealth.controller.beside import beside
from inferencehealth.controller.board import Board
from inferencehealth.controller.gates import FailOpen
from inferencehealth.controller.handlers import Key, StatusOf, WholeNamespace, registry
from inferencehealth.controller.leases import CheckerLeases
from inferencehealth.controller.news import on_news, project_news
from inferencehealth.controller.queue import WorkQueue
from inferencehealth.controller.reconcile import Reconciler
from inferencehealth.controller.runs import Runs
from inferencehealth.controller.served import find_policies
from inferencehealth.controller.sets import follow_sets
from inferencehealth.controller.watching import watch
from inferencehealth.kube import config
from inferencehealth.kube.client import Client
from inferencehealth.kube.events import Recorder
from inferencehealth.kube.informer import Informer
from inferencehealth.kube.requests import REPORTS

RESYNC: Final = 600.0
"""Seconds between two full runs over everything: the net under lost events."""
WATCHDOG: Final = 3.0
"""Seconds between two looks at the checkers' Leases: by so much later their silence is noticed."""
REPORTING_CONTROLLER: Final = f"{GROUP}/controller"

logger = logging.getLogger(__name__)


async def act(
    access: config.Access,
    client: Client,
    *,
    leases: CheckerLeases,
    board: Board,
    runs: Runs,
    namespace: str,
    stop: asyncio.Event,
) -> int:
    """Bring everything in line until SIGTERM or `stop` (0) or until Kopf gives up (1).

    An empty `namespace` means all of them.
    """
    events = Recorder(client, controller=REPORTING_CONTROLLER, instance=os.uname().nodename)
    fail_open = FailOpen(client, leases.silence, events, namespace=namespace)
    admission = AdmissionPolicies(client)
    reconciler = Reconciler(
        client=client,
        events=events,
        silence_of=leases.silence,
        now=now,
        admission=admission,
        board=board,
    )
    known: set[str] = set()

    async def work(key: Key) -> None:
        policy = key.policy if isinstance(key, StatusOf) else ""
        try:
            if policy:
                again = await reconciler.status(key.namespace, policy)
            else:
                again = await reconciler.namespace(key.namespace)
        except Exception:
            board.doubt(key.namespace, policy)
            raise
        board.trust(key.namespace, policy)
        if again is not None:
            queue.add(WholeNamespace(key.namespace), after=again)

    queue: WorkQueue[Key] = WorkQueue(runs.counted(work))
    runs.waiting = queue.__len__

    reports = Informer(
        client,
        REPORTS,
        project=project_news,
        on_change=on_news(queue, known),
        namespace=namespace,
    )

    def look_again() -> None:
        for each in known:
            queue.add(WholeNamespace(each))

    def look_at(found: str) -> None:
        if namespace in {"", found}:
            queue.add(WholeNamespace(found))

    handlers = registry(access, queue, known)
    async with beside(
        queue.run(),
        find_policies(client, board, look_at, namespace=namespace),
        reports.run(),
        follow_sets(client, queue, known, namespace=namespace),
        fail_open.run(),
        admission.find_abandoned(look_at),
        _watchdog(leases, look_again),
        _resync(look_again),
    ):
        try:
            await watch(handlers, client, namespace=namespace, stop=stop)
        except Exception as error:  # the boundary: whatever Kopf dies of, we end in order
            logger.critical("Kopf gave up (%s); this program ends, to be started again", error)
            logger.debug("what Kopf died of", exc_info=error)
            return 1
    return 0


async def _watchdog(leases: CheckerLeases, look_again: Callable[[], None]) -> None:
    """While a checker is silent, nobody sends an event: look by the clock."""
    while True:
        await asyncio.sleep(WATCHDOG)
        if leases.any_silent():
            look_again()


async def _resync(look_again: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(RESYNC)
        look_again()


def now() -> str:
    """The time as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
