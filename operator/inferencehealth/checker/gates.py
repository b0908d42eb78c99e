"""Keeps readiness gates as decided: sets what differs, the newest pods first, until it is set.

A workload is marked when anything about its pods may have changed; what to set is decided at that
moment, and again by the clock where time alone decides. A steady fleet causes no write.
"""

import asyncio
import heapq
import itertools
import logging
import random
import time
from collections.abc import Callable, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from inferencehealth.api.gate import GateLimits
from inferencehealth.api.names import CHECKER_MANAGER
from inferencehealth.checker.gating import URGENCY, GateChange, GatedPod, decide
from inferencehealth.checker.reports import ReportRecord
from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import Forbidden, KubeError, NotFound
from inferencehealth.kube.gates import PodName, set_gate
from inferencehealth.kube.pods import GateRecord
from inferencehealth.kube.retries import backoff
from inferencehealth.kube.store import Key

logger = logging.getLogger(__name__)

CONCURRENCY: Final = 16
"""Writes in flight, as for reports: fair queueing gives one client not many more."""
SETTLE: Final = 0.05
"""Seconds in which changes of one workload are gathered into one decision."""
MAX_BACKOFF: Final = 15.0
"""Seconds between two tries: a new pod waits for them."""


@dataclass(frozen=True, slots=True)
class GatedPods:
    """The pods with a gate of one workload; `limits` None where none is asked for any more.

    `report` is what they are judged by, None for pods of no report.
    """

    report: ReportRecord | None
    pods: tuple[GatedPod, ...]
    limits: GateLimits | None


@dataclass(frozen=True, slots=True)
class _Sent:
    """What we wrote, until the watch brings something else than what stood there before."""

    before: GateRecord
    after: GateRecord


@dataclass(slots=True)
class _Tended:
    """What is under way about a workload's pods, by their UIDs."""

    report: ReportRecord | None = None
    wanted: dict[str, GateChange] = field(default_factory=dict)
    sent: dict[str, _Sent] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)

    def keep_only(self, pods: Set[str]) -> None:
        """Forget pods that are gone."""
        self.sent = {uid: sent for uid, sent in self.sent.items() if uid in pods}
        self.failures = {uid: count for uid, count in self.failures.items() if uid in pods}

    def as_sent(self, pod: GatedPod) -> GatedPod:
        """The pod with the gate that we set a moment ago, which the watch is yet to bring."""
        sent = self.sent.get(pod.uid)
        if sent is None:
            return pod
        if sent.before != pod.gate:
            del self.sent[pod.uid]
            return pod
        return replace(pod, gate=sent.after)

    def wrote(self, change: GateChange) -> None:
        """The change was made."""
        pod, gate = change.pod, change.gate
        self.failures.pop(pod.uid, None)
        earlier = self.sent.get(pod.uid)
        status = "True" if gate.open else "False"
        after = replace(pod.gate, status=status, reason=gate.reason, since=int(gate.since))
        self.sent[pod.uid] = _Sent(earlier.before if earlier else pod.gate, after)

    def failed(self, pod: PodName, error: KubeError) -> float:
        """The change could not be made; the seconds until the next try."""
        failures = self.failures.get(pod.uid, 0)
        if not failures:
            logger.warning("gate of pod %s/%s is not set yet: %s", pod.namespace, pod.name, error)
        self.failures[pod.uid] = failures + 1
        return backoff(failures, cap=MAX_BACKOFF, chance=random.random())  # noqa: S311


Source = Callable[[Key], GatedPods | None]
"""The pods of a marked workload, as they are now; None once it is not ours."""
Told = Callable[[ReportRecord | None, GateChange], None]
"""Called with the report, if there is one, and each change that was made."""
Refused = Callable[[ReportRecord | None, str], None]
"""Called with the report, if there is one, when we lack the right to set its pods' gates."""


class Leave(Protocol):
    """Whether we may write now, or whether somebody else may be doing so."""

    def may_write(self) -> bool:
        """Whether we may."""

    async def permission(self) -> None:
        """Return when we may."""


class Gates:
    """The gates of the pods of all marked workloads. `clock` gives epoch seconds."""

    def __init__(
        self,
        client: Client,
        told: Told,
        refused: Refused,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._told = told
        self._refused = refused
        self._clock = clock
        self._source: Source | None = None
        self._leave: Leave | None = None
        self._barred: set[Key] = set()  # marked while we might not write
        self._waiting: asyncio.Task[None] | None = None
        self._due: dict[Key, asyncio.TimerHandle] = {}
        self._tended: dict[Key, _Tended] = {}
        self._queue: list[tuple[int, int, Key, str]] = []
        self._order = itertools.count()
        self._held: set[str] = set()  # UIDs being written, or waiting for another try
        self._writing: set[asyncio.Task[None]] = set()

    def open(self, source: Source, leave: Leave | None = None) -> None:
        """Begin to write; until then, and while there is no `leave`, marks are only remembered."""
        self._source, self._leave = source, leave
        for workload in list(self._due):
            self._decide(workload)

    def mark(self, workload: Key) -> None:
        """Something about the workload's pods may have changed."""
        self._look_again(workload, SETTLE)

    async def close(self) -> None:
        """Write nothing more; what is under way is given up."""
        self._source = None
        for timer in self._due.values():
            timer.cancel()
        for task in [*self._writing, *([self._waiting] if self._waiting else [])]:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _look_again(self, workload: Key, delay: float) -> None:
        loop = asyncio.get_running_loop()
        timer = self._due.get(workload)
        if timer is not None:
            if timer.when() <= loop.time() + delay:
                return
            timer.cancel()
        self._due[workload] = loop.call_later(delay, self._decide, workload)

    def _decide(self, workload: Key) -> None:
        if self._source is None:
            return
        if (timer := self._due.pop(workload, None)) is not None:
            timer.cancel()
        if self._leave is not None and not self._leave.may_write():
            self._barred.add(workload)
            if self._waiting is None:
                self._waiting = asyncio.create_task(self._wait(self._leave))
            return
        found = self._source(workload)
        if found is None or not found.pods:
            self._tended.pop(workload, None)
            return
        tended = self._tended.setdefault(workload, _Tended())
        tended.report = found.report
        tended.keep_only({pod.uid for pod in found.pods})
        now = self._clock()
        decision = decide(map(tended.as_sent, found.pods), found.limits, now)
        queued = {(uid, change.step) for uid, change in tended.wanted.items()}
        tended.wanted = {c.pod.uid: c for c in decision.changes if c.pod.uid not in self._held}
        for uid, change in tended.wanted.items():
            if (uid, change.step) not in queued:
                place = URGENCY[change.step], next(self._order), workload, uid
                heapq.heappush(self._queue, place)
        self._write_on()
        if decision.again_at is not None:
            self._look_again(workload, max(SETTLE, decision.again_at - now))

    async def _wait(self, leave: Leave) -> None:
        await leave.permission()
        self._waiting = None
        barred, self._barred = self._barred, set()
        for workload in barred:
            self.mark(workload)

    def _write_on(self) -> None:
        """Start writes as long as there are places, the most urgent first."""
        while self._queue and len(self._writing) < CONCURRENCY:
            *_, workload, uid = heapq.heappop(self._queue)
            tended = self._tended.get(workload)
            if tended is None or uid not in tended.wanted:
                continue  # decided otherwise meanwhile
            self._held.add(uid)
            change = tended.wanted.pop(uid)
            task = asyncio.create_task(self._write(workload, tended, change))
            self._writing.add(task)
            task.add_done_callback(self._wrote)

    def _wrote(self, task: asyncio.Task[None]) -> None:
        self._writing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("setting a readiness gate ended in a bug", exc_info=error)
        if self._source is not None:
            self._write_on()

    async def _write(self, workload: Key, tended: _Tended, change: GateChange) -> None:
        pod = PodName(change.pod.namespace, change.pod.name, change.pod.uid)
        pause = 0.0
        try:
            await set_gate(self._client, pod, change.gate, manager=CHECKER_MANAGER)
        except NotFound:
            pause = MAX_BACKOFF  # the watch tells in a moment
        except KubeError as error:
            if isinstance(error, Forbidden):
                self._refused(tended.report, error.message)
            pause = tended.failed(pod, error)
        else:
            tended.wrote(change)
            self._told(tended.report, change)
        asyncio.get_running_loop().call_later(pause, self._release, workload, pod.uid)

    def _release(self, workload: Key, uid: str) -> None:
        """The pod's next turn may come."""
        self._held.discard(uid)
        if self._source is not None:
            self.mark(workload)
