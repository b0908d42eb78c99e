"""Writes the health of reports: only what differs, spaced out, and again until it is written.

A report is marked when its health may have changed; what is written is rendered at the moment of
writing, so the latest value wins and everything in between is one write.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Protocol

from inferencehealth.api.names import API_VERSION, CHECKER_MANAGER, REPORT_KIND
from inferencehealth.api.report import Health
from inferencehealth.checker.reports import ReportRecord
from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import Conflict, KubeError, NotFound
from inferencehealth.kube.requests import REPORTS, JsonObject
from inferencehealth.kube.retries import Limits, backoff
from inferencehealth.kube.store import Key

logger = logging.getLogger(__name__)

SPACING: Final = 0.5
"""Seconds between two writes of one report at least: pods that fail together are one write."""
CONCURRENCY: Final = 16
"""Writes in flight; the API server's fair queueing gives one client not many more."""
MAX_BACKOFF: Final = 30.0
LIMITS: Final = Limits(attempt=10.0, retry_for=0.0)
"""One attempt: a repetition should send what is known by then."""


class Source(Protocol):
    """Where the health to write comes from."""

    def record(self, report: Key) -> ReportRecord | None:
        """The report as it was seen last; None once it is gone."""

    def render(self, report: Key, previous: Health | None) -> Health | None:
        """The health to write, given the one written last; None while there is none to write."""


Permission = Callable[[], Awaitable[None]]
"""Returns when we may write."""


async def _always() -> None:
    return


class Writer:
    """Keeps each marked report's `status.health` at what the source says."""

    def __init__(self, client: Client, *, spacing: float = SPACING) -> None:
        self._client = client
        self._spacing = spacing
        self._source: Source | None = None
        self._permission: Permission = _always
        self._marked: set[Key] = set()
        self._written: dict[Key, tuple[str, Health | None]] = {}  # UID, what it holds
        self._tending: dict[Key, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(CONCURRENCY)
        self._open = asyncio.Event()

    def open(self, source: Source, permission: Permission | None = None) -> None:
        """Begin to write what the source says about the reports marked so far and from now on.

        Each write waits for `permission` first.
        """
        self._source = source
        self._permission = permission or _always
        self._open.set()

    def mark(self, report: Key) -> None:
        """The report's health may have changed."""
        self._marked.add(report)
        if report not in self._tending:
            self._begin(report)

    async def close(self, patience: float) -> None:
        """Write what is marked, for `patience` seconds at most, then stop."""
        tasks = list(self._tending.values()) if self._open.is_set() else []
        if tasks:
            await asyncio.wait(tasks, timeout=patience)
        left = list(self._tending.values())
        for task in left:
            task.cancel()
        for task in left:
            with suppress(asyncio.CancelledError):
                await task

    async def _tend(self, report: Key) -> None:
        """Writes until the report is as it should be and nobody marked it again."""
        await self._open.wait()
        failures = 0
        while report in self._marked:
            await self._permission()
            self._marked.discard(report)
            try:
                async with self._places:
                    wrote = await self._write(report)
            except KubeError as error:
                self._marked.add(report)
                if not failures:
                    logger.warning("report %s/%s is not written yet: %s", *report, error)
                chance = random.random()  # noqa: S311
                await asyncio.sleep(backoff(failures, cap=MAX_BACKOFF, chance=chance))
                failures += 1
            else:
                failures = 0
                await asyncio.sleep(self._spacing if wrote else 0)

    def _begin(self, report: Key) -> None:
        self._tending[report] = task = asyncio.create_task(self._tend(report))
        task.add_done_callback(lambda done: self._end(report, done))

    def _end(self, report: Key, task: asyncio.Task[None]) -> None:
        del self._tending[report]
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            logger.error("writing report %s/%s ended in a bug", *report, exc_info=error)
        if report in self._marked:
            self._begin(report)

    async def _write(self, report: Key) -> bool:
        record = self._source.record(report) if self._source else None
        if self._source is None or record is None:
            self._written.pop(report, None)
            return False
        uid, previous = self._written.get(report, (record.uid, record.health))
        if uid != record.uid or _another_wrote(previous, record.health):
            previous = record.health
        health = self._source.render(report, previous)
        if health is None:
            return False
        try:
            await self._client.apply(
                REPORTS,
                record.name,
                status_body(record, health),
                namespace=record.namespace,
                manager=CHECKER_MANAGER,
                subresource="status",
                force=True,  # our own manager on our own fields: an older checker's are ours too
                limits=LIMITS,
            )
        except (NotFound, Conflict):
            # Gone, or another of the same name is there: the informer tells which in a moment.
            self._written.pop(report, None)
            return False
        self._written[report] = (record.uid, health)
        return True


def _another_wrote(ours: Health | None, seen: Health | None) -> bool:
    return ours is not None and seen is not None and ours.checked_by != seen.checked_by


def status_body(record: ReportRecord, health: Health) -> JsonObject:
    """The apply configuration of the checkers' half of a report.

    The UID makes the API server refuse it where the report was made anew meanwhile.
    """
    return {
        "apiVersion": API_VERSION,
        "kind": REPORT_KIND,
        "metadata": {
            "name": record.name,
            "namespace": record.namespace,
            "uid": record.uid,
        },
        "status": {"health": health.manifest()},
    }
