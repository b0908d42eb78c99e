"""Decides which copy of the controller acts: a Lease in, leave to write out.

Lease-based, as client-go does it, and stricter where that errs (README of
k8s.io/client-go/tools/leaderelection: it "does not guarantee that only one client is acting"):

- A leader that could not renew for `deadline` seconds ends its process, which is sooner than any
  candidate takes over. No write begins after that, not even in a process that was stopped
  meanwhile and goes on: `guard` stands before every write, and the timer that ends the process
  fires before anything else happens in it.
- A Lease does not fence what is on the wire already, so all our writes may be repeated.
"""

import asyncio
import logging
import os
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NoReturn

from inferencehealth.api.names import CONTROLLER_MANAGER
from inferencehealth.controller.apart import Run, apart
from inferencehealth.controller.beside import beside
from inferencehealth.controller.candidate import (
    LEASE,
    Move,
    Terms,
    claimed,
    decide,
    pause,
    released,
)
from inferencehealth.kube import config
from inferencehealth.kube.client import Client, connect
from inferencehealth.kube.errors import KubeError, NotFound
from inferencehealth.kube.leases import LeaseRecord, Sighting, project_lease, sight
from inferencehealth.kube.requests import LEASES, JsonObject
from inferencehealth.kube.retries import Limits
from inferencehealth.kube.timestamps import utc_now

logger = logging.getLogger(__name__)

LOST: Final = os.EX_TEMPFAIL
"""Exit code of a leader that is none any more: start it again, as a candidate."""


def end_at_once(why: str) -> NoReturn:
    """End this process with all its threads and tasks: none of them may write any more."""
    logger.critical("%s; this process ends, to be started again as a candidate", why)
    logging.shutdown()
    os._exit(LOST)


@dataclass(slots=True)
class Election:
    """One copy's part in the election. `me` names this very process, no other and no later one."""

    client: Client
    namespace: str
    me: str
    terms: Terms = field(default_factory=Terms)
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = utc_now
    end: Callable[[str], NoReturn] = end_at_once
    _seen: Sighting | None = None
    _renewed: float | None = None
    _timer: asyncio.TimerHandle | None = None
    _told: str = ""

    @property
    def leads(self) -> bool:
        """Whether this copy acts."""
        return self._renewed is not None

    def guard(self) -> None:
        """Return when a write may begin; ends the process when it may not."""
        if self._renewed is None:
            self.end("a write was begun without the Lease")
        if self.clock() - self._renewed >= self.terms.deadline:
            self._overdue()

    async def win(self) -> None:
        """Return when this copy leads; until then it stands by."""
        while not await self._turn():
            now, chance = self.clock(), random.random()  # noqa: S311
            await asyncio.sleep(pause(self._seen, now, chance, self.terms))
        logger.info("leads now", extra={"lease": f"{self.namespace}/{LEASE}"})

    async def keep(self) -> None:
        """Renew until cancelled; when that fails for too long, the process ends."""
        while True:
            await asyncio.sleep(self.terms.retry)
            await self._turn()

    async def release(self) -> None:
        """Give the Lease up, once nothing writes any more; trouble is logged, silence will do."""
        self._renewed = None
        if self._timer:
            self._timer.cancel()
        try:
            raw = await self._read()
            if raw is not None and project_lease(raw).holder == self.me:
                await self._write(released(raw))
        except KubeError as error:
            logger.warning("lease %s/%s is not released: %s", self.namespace, LEASE, error)

    async def _turn(self) -> bool:
        """One look at the Lease, and what follows from it; whether we lead now."""
        try:
            raw = await self._read()
            lease = project_lease(raw) if raw else None
            now = self.clock()
            self._seen = sight(self._seen, lease, now) if lease else None
            move = decide(self._seen, self.me, now, leads=self.leads, terms=self.terms)
            if move is Move.LOST:
                self.end(f"{self._seen.lease.holder if self._seen else 'somebody'} leads now")
            if move is Move.WAIT:
                self._tell(lease)
                return False
            await self._write(claimed(raw, self.me, self.now(), self.terms))
        except KubeError as error:
            logger.warning("lease %s/%s: %s", self.namespace, LEASE, error)
            return self.leads
        # From before the request: the Lease runs from then on at the latest.
        self._lead_since(now)
        return True

    def _lead_since(self, moment: float) -> None:
        self._renewed = moment
        if self._timer:
            self._timer.cancel()
        left = moment + self.terms.deadline - self.clock()
        self._timer = asyncio.get_running_loop().call_later(max(0.0, left), self._overdue)

    def _overdue(self) -> NoReturn:
        self.end(f"lease {self.namespace}/{LEASE} was not renewed for {self.terms.deadline:.0f} s")

    async def _read(self) -> JsonObject | None:
        try:
            return await self.client.get(
                LEASES, LEASE, namespace=self.namespace, limits=self._limits
            )
        except NotFound:
            return None

    async def _write(self, body: JsonObject) -> None:
        if "resourceVersion" in body["metadata"]:
            await self.client.update(LEASES, body, manager=CONTROLLER_MANAGER, limits=self._limits)
            return
        await self.client.create(
            LEASES,
            body,
            namespace=self.namespace,
            manager=CONTROLLER_MANAGER,
            limits=self._limits,
        )

    @property
    def _limits(self) -> Limits:
        return Limits(attempt=self.terms.request, retry_for=0.0)

    def _tell(self, lease: LeaseRecord | None) -> None:
        holder = lease.holder if lease else ""
        if holder != self._told:
            logger.info("stands by: %s leads", holder)
        self._told = holder


@asynccontextmanager
async def elected(
    election: Election,
    run: Run,
    stop: asyncio.Event,
    meanwhile: Callable[[], Coroutine[None, None, None]],
) -> AsyncIterator[bool]:
    """True inside once this copy leads, and it does until the end; False when it is to stop first.

    `run` is where the election is played; `meanwhile` goes on here while this copy stands by.
    """
    try:
        async with beside(meanwhile()):
            won = await _before(stop, run(election.win()))
        if not won:
            yield False
            return
        async with beside(run(election.keep())):
            yield True
    finally:
        await run(election.release())


@asynccontextmanager
async def taking_part(namespace: str) -> AsyncIterator[tuple[Election, Run]]:
    """An election in that namespace, and where it is played. Raises ConfigError.

    That is a thread of its own, so that no work in this one keeps the Lease from being renewed.
    """
    async with apart("election") as run:
        connection = AsyncExitStack()
        client = await run(_connected(connection))
        try:
            yield Election(client, namespace, _me()), run
        finally:
            await run(connection.aclose())


async def _connected(connection: AsyncExitStack) -> Client:
    return await connection.enter_async_context(connect(await config.load()))


def _me() -> str:
    """A name for this process alone: a container that is started again keeps its host name."""
    return f"{os.uname().nodename}_{uuid.uuid4().hex[:12]}"


async def _before(stop: asyncio.Event, work: Coroutine[None, None, None]) -> bool:
    """Whether the work ended before the stop, which cancels it."""
    tasks = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return tasks[0].done() and not stop.is_set()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
