"""The parts of a checker and how they hang together: informers to engine, engine to writers."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from inferencehealth.checker.attention import PULSE
from inferencehealth.checker.engine import Engine
from inferencehealth.checker.gated import Gated
from inferencehealth.checker.gates import Gates
from inferencehealth.checker.members import Members
from inferencehealth.checker.news import News
from inferencehealth.checker.references import References
from inferencehealth.checker.reports import ReportRecord, project_report
from inferencehealth.checker.rounds import Ask
from inferencehealth.checker.startups import node_type
from inferencehealth.checker.writer import Writer
from inferencehealth.kube.client import Client
from inferencehealth.kube.informer import Informer
from inferencehealth.kube.pods import PodRecord, project_pod
from inferencehealth.kube.requests import NODES, PODS, REPORTS

T = TypeVar("T")
logger = logging.getLogger(__name__)

CONCURRENCY: Final = 8192
"""Checks in flight at most: 1,000 a second that all hang for 8 s do not make others late."""
FAREWELL: Final = 5.0
"""Seconds for the last writes after SIGTERM, well within a pod's 30 s of grace."""
STUCK: Final = 60.0
"""Seconds that a check may be overdue before only a restart can help: overload sheds turns."""


@dataclass(frozen=True, slots=True)
class Checker:
    """A checker's parts."""

    engine: Engine
    writer: Writer
    gates: Gates
    gated: Gated
    reports: Informer[ReportRecord]
    pods: Informer[PodRecord]
    nodes: Informer[str]
    members: Members
    sighted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while reports and pods are watched without trouble; cleared by who waits for it."""

    async def work(self) -> None:
        """Everything that goes on for ever; a bug in one part ends all, to be started anew."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_awake())
            group.create_task(self.reports.run())
            group.create_task(self.pods.run())
            # Nobody waits for it: who may not see nodes does without their kinds.
            group.create_task(self.nodes.run())
            await self.reports.synced.wait()
            await self.pods.synced.wait()
            known = len(self.reports.store), len(self.pods.store)
            logger.info("knows %d reports and %d pods", *known)
            self.engine.start()
            self.writer.open(self.engine, self._permission)
            self.gates.open(self.gated.pods, self.members)
            group.create_task(self.members.run())
            group.create_task(self.engine.scheduler.run())

    async def _permission(self) -> None:
        """Return when we may write, and know what exists: what vanished meanwhile broke not."""
        await self.members.permission()
        while _blind(self.reports, self.pods):
            self.sighted.clear()
            await self.sighted.wait()

    async def _keep_awake(self) -> None:
        while True:
            self.engine.attention.look()
            if not _blind(self.reports, self.pods):
                self.sighted.set()
            await asyncio.sleep(PULSE)

    async def close(self) -> None:
        """Finish what is to be written."""
        await self.engine.canaries.close()
        await self.gates.close()
        await self.writer.close(FAREWELL)

    def stuck(self) -> str:
        """Why this process should be started anew; "" if it need not be."""
        late = self.engine.scheduler.lateness()
        return f"a check is {late:.0f} s late" if late > STUCK else ""

    def waits(self) -> str:
        """What this checker waits for before it can check; "" when it checks."""
        return "" if self.pods.synced.is_set() and self.reports.synced.is_set() else "not synced"


def assemble(
    client: Client,
    *,
    ask: Ask,
    name: str,
    namespace: str | None,
    system_namespace: str,
    news: News,
    canaries: bool = True,
) -> Checker:
    """A checker with that Lease, for one namespace or all, that asks pods by that transport.

    Without `canaries` none is sent.
    """
    writer, gates = Writer(client), Gates(client, news.tell_gate, news.tell_refused)
    nodes: Informer[str] = Informer(
        client, NODES, project=node_type, on_change=lambda _change: None
    )

    def in_contact() -> bool:
        return members.in_contact

    def in_our_share(uid: str) -> bool:
        return members.share.has(uid)

    engine = Engine(
        ask=ask,
        identity=name,
        concurrency=CONCURRENCY,
        mark=_both(writer.mark, gates.mark),
        told=news.tell,
        in_contact=in_contact,
        differs=news.tell_difference,
        node_type=lambda name: nodes.store.get(("", name), ""),
        references=References(client.get),
        canaries=canaries,
    )
    gated = Gated(
        work=engine.work,
        report_of=engine.report_of,
        mark=_both(writer.mark, gates.mark),
        mine=in_our_share,
    )
    reports: Informer[ReportRecord] = Informer(
        client,
        REPORTS,
        project=project_report,
        on_change=_both(engine.on_report, gated.on_report),
        namespace=namespace,
    )
    pods: Informer[PodRecord] = Informer(
        client,
        PODS,
        project=project_pod,
        on_change=_both(engine.on_pod, gated.on_pod),
        namespace=namespace,
    )
    members = Members(
        client,
        name=name,
        namespace=system_namespace,
        scope=namespace or "",
        shared=_both(engine.divide, gated.divide),
        unfit=lambda: _unfit(engine, reports, pods),
        pace=engine.shortest_interval,
    )
    engine.divide(members.share)
    return Checker(engine, writer, gates, gated, reports, pods, nodes, members)


def _unfit(engine: Engine, reports: Informer[ReportRecord], pods: Informer[PodRecord]) -> str:
    """Why nobody should count on this checker now; "" when one may.

    Who does not see what exists can neither judge it nor leave it to others by staying a member.
    """
    if not engine.keeps_up():
        return f"checks start {engine.scheduler.lateness():.1f} s late"
    return _blind(reports, pods)


def _blind(reports: Informer[ReportRecord], pods: Informer[PodRecord]) -> str:
    for what, trouble in (("reports", reports.trouble), ("pods", pods.trouble)):
        if trouble is not None:
            return f"{what} cannot be watched: {trouble}"
    return ""


def _both(first: Callable[[T], None], second: Callable[[T], None]) -> Callable[[T], None]:
    """One after the other."""

    def call(value: T) -> None:
        first(value)
        second(value)

    return call
