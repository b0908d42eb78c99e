"""Keeps our Lease and watches the others': tells the engine its share, the writer when it may.

`roster` decides; here is what it takes from the API server and the clock.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from inferencehealth.api.names import CHECKER_LEASE_LABEL, CHECKER_MANAGER, CHECKER_SCOPE_LABEL
from inferencehealth.checker.attention import sleepless
from inferencehealth.checker.roster import Roster
from inferencehealth.checker.shards import Share
from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import KubeError
from inferencehealth.kube.informer import Informer
from inferencehealth.kube.leases import Heartbeat, LeaseRecord, project_lease
from inferencehealth.kube.requests import LEASES
from inferencehealth.kube.store import Change
from inferencehealth.kube.timestamps import micro_time, utc_now

logger = logging.getLogger(__name__)

LEASE_DURATION: Final = 15.0
"""Seconds; others call us gone after this, and we renew every third of it."""
SHORTEST_BEAT: Final = 1.0
"""Seconds between two signs of life at least: one small write a second is the most we ask for."""
TICK: Final = 1.0
"""Seconds between two looks at the roster: by so much later the silence of another is noticed."""
CHECKER: Final = "checker"
"""Value of the member label on a checker's Lease."""


class Members:
    """This checker among the others.

    `namespace` is where Leases are, `scope` the one that is checked, empty for all: who checks
    something else shares no work with us. `shared` is called with our share whenever it changed.
    `unfit` says why we should not be counted on now, if there is a reason: then we give no sign of
    life. `pace` is how often somebody relies on one, in seconds: the shortest interval of what we
    check.
    """

    def __init__(
        self,
        client: Client,
        *,
        name: str,
        namespace: str,
        scope: str,
        shared: Callable[[Share], None],
        unfit: Callable[[], str],
        pace: Callable[[], float] = lambda: LEASE_DURATION,
        clock: Callable[[], float] = sleepless,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._shared = shared
        self._unfit = unfit
        self._pace = pace
        self._clock = clock
        labels = {CHECKER_LEASE_LABEL: CHECKER, CHECKER_SCOPE_LABEL: scope}
        self._heartbeat = Heartbeat(
            client,
            namespace=namespace,
            name=name,
            labels=labels,
            duration=LEASE_DURATION,
            manager=CHECKER_MANAGER,
            clock=self._stamp,
        )
        self._roster = Roster(name, LEASE_DURATION, self._heartbeat.period)
        self._share = self._roster.share
        self._permitted = asyncio.Event()
        self._warned = False
        self._informer: Informer[LeaseRecord] = Informer(
            client,
            LEASES,
            project=project_lease,
            on_change=self._observe,
            namespace=namespace,
            label_selector=",".join(f"{label}={value}" for label, value in labels.items()),
        )
        self.in_contact = True
        """Whether the API server took our last sign of life."""

    @property
    def share(self) -> Share:
        """Our part of the work; nothing may be taken on before we joined."""
        return self._share

    @property
    def count(self) -> int:
        """Members that share the work, this one included."""
        return len(self._share.members)

    async def run(self) -> None:
        """Join, and stay a member until cancelled."""
        # Of two that join at once, at least one sees the other: both beat before they look.
        trouble = await self._beat("")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._informer.run())
            await self._informer.synced.wait()
            group.create_task(self._keep_beating(trouble))
            while True:
                self._look()
                for name in self._roster.litter():
                    await self._clean(name)
                await asyncio.sleep(TICK)

    async def leave(self) -> None:
        """Let the others take over at once."""
        await self._heartbeat.release()

    def may_write(self) -> bool:
        """Whether we are a member, and nobody else writes about what is ours."""
        return self._roster.may_write(self._clock())

    async def permission(self) -> None:
        """Return when we may write: at once, or when we are a member again."""
        while not self.may_write():
            self._permitted.clear()
            await self._permitted.wait()

    def _stamp(self) -> datetime:
        moment = utc_now()
        self._roster.send(micro_time(moment), self._clock())
        return moment

    def _observe(self, change: Change[LeaseRecord]) -> None:
        if change.new is None:
            self._roster.forget(change.key[1])
        else:
            self._roster.observe(change.new)
            self._warn_of_a_double()
        if self._informer.synced.is_set():
            self._look()

    def _warn_of_a_double(self) -> None:
        if self._roster.doubled and not self._warned:
            self._warned = True
            logger.warning(
                "another checker renews the lease %s, and checks and writes the same; "
                "give one of the two another --identity",
                self._roster.me,
            )

    def _look(self) -> None:
        before, self._share = self._share, self._roster.look(self._clock())
        if self._share != before:
            if self._share.members != before.members:
                logger.info(
                    "checkers that share the work: %s", ", ".join(sorted(self._share.members))
                )
            self._shared(self._share)
        if self.may_write():
            self._permitted.set()

    async def _keep_beating(self, trouble: str) -> None:
        while True:
            await asyncio.sleep(min(self._heartbeat.period, max(SHORTEST_BEAT, self._pace())))
            trouble = await self._beat(trouble)

    async def _beat(self, before: str) -> str:
        """One sign of life, or why there is none; told when it begins and ends."""
        trouble = self._unfit()
        if not trouble:
            try:
                await self._heartbeat.beat()
            except KubeError as error:
                trouble = str(error)
        self.in_contact = not trouble
        if trouble and not before:
            logger.warning("no sign of life from here: %s", trouble)
        elif before and not trouble:
            logger.info("a sign of life again, after: %s", before)
        return trouble

    async def _clean(self, name: str) -> None:
        """Delete the Lease of a member that is long dead, unless it stirs meanwhile."""
        try:
            raw = await self._client.get(LEASES, name, namespace=self._namespace)
            known = self._informer.store.get((self._namespace, name))
            if known is None or project_lease(raw).renewed != known.renewed:
                return
            version = raw["metadata"]["resourceVersion"]
            await self._client.delete(
                LEASES, name, namespace=self._namespace, resource_version=version
            )
            logger.info("deleted the lease %s: its checker has been gone for long", name)
        except KubeError as error:
            logger.debug("the lease %s is not deleted: %s", name, error)
