"""Opens readiness gates when the checker that should is gone: reports and pods in, conditions out.

A pod with a closed gate gets no traffic, and a new one never does, so a checker that stays away
must not be what takes a workload down. Its verdicts no longer count, and the kubelet's own probes
decide alone until a checker writes about the report again.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from inferencehealth.api.gate import GateLimits
from inferencehealth.api.names import CONTROLLER_MANAGER
from inferencehealth.api.target import Selector
from inferencehealth.controller.views import Silence, SilenceOf
from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import KubeError, NotFound
from inferencehealth.kube.events import ObjectRef, Recorder
from inferencehealth.kube.gates import Gate, PodName, set_gate
from inferencehealth.kube.informer import Informer
from inferencehealth.kube.pods import PodRecord, project_pod
from inferencehealth.kube.requests import PODS, REPORTS
from inferencehealth.kube.selectors import matches
from inferencehealth.kube.store import Change

logger = logging.getLogger(__name__)

PERIOD: Final = 5.0
"""Seconds between two looks at who is silent: a checker renews its Lease that often."""
CONCURRENCY: Final = 16
"""Gates set at a time; the API server's fair queueing gives one client not many more."""
REASON: Final = "CheckerGone"


@dataclass(frozen=True, slots=True)
class GatedReport:
    """A report that asks for a gate. `checked_by` is empty while no checker has written to it."""

    ref: ObjectRef
    selector: Selector
    limits: GateLimits
    checked_by: str


def project_gated(raw: Mapping[str, Any]) -> GatedReport | None:
    """What matters here of an InferenceHealthReport; None for one that asks for no gate."""
    meta, check = raw["metadata"], raw["spec"].get("check") or {}
    if not check.get("gate"):
        return None
    health = (raw.get("status") or {}).get("health") or {}
    return GatedReport(
        ref=ObjectRef(
            REPORTS.api_version, REPORTS.kind, meta["namespace"], meta["name"], meta["uid"]
        ),
        selector=Selector.model_validate(check["podSelector"]),
        limits=GateLimits.model_validate(check["gate"]),
        checked_by=health.get("checkedBy") or "",
    )


def project_closed(raw: Mapping[str, Any]) -> PodRecord | None:
    """The pod, if it has a gate that is not open and is here to stay."""
    pod = project_pod(raw)
    closed = pod is not None and pod.gate is not None and pod.gate.status != "True"
    return pod if pod is not None and closed and not pod.deleting else None


def to_open(
    report: GatedReport, closed: Iterable[PodRecord], opened: frozenset[str]
) -> tuple[PodRecord, ...]:
    """The report's pods whose gates are to be opened now that its checker is gone.

    Each is opened once: whoever closes it again is a checker that lives, and knows better.
    """
    namespace = report.ref.namespace
    return tuple(
        pod
        for pod in closed
        if pod.namespace == namespace
        and pod.uid not in opened
        and matches(report.selector, pod.labels)
    )


class FailOpen:
    """Watches the reports that ask for a gate and, only while a checker is gone, their pods."""

    def __init__(
        self, client: Client, silence_of: SilenceOf, events: Recorder, *, namespace: str = ""
    ) -> None:
        """`silence_of` tells of each checker how long it gave no sign of life."""
        self._client = client
        self._silence_of = silence_of
        self._events = events
        self._namespace = namespace
        self._reports = Informer(
            client,
            REPORTS,
            project=project_gated,
            on_change=lambda _: None,
            namespace=namespace,
        )
        self._waiting: dict[str, tuple[float, str]] = {}  # by report's UID: since when
        self._opened: dict[str, frozenset[str]] = {}  # by report's UID: UIDs of pods
        self._news = asyncio.Event()
        self._places = asyncio.Semaphore(CONCURRENCY)

    async def run(self) -> None:
        """Watch, and open what has to be opened, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._reports.run())
            group.create_task(self._look())

    async def _look(self) -> None:
        while True:
            if any(self._gone()):
                await self._while_gone()
            await asyncio.sleep(PERIOD)

    async def _while_gone(self) -> None:
        """Follow the pods, and open their gates, until no checker is missing any more."""
        pods = Informer(
            self._client,
            PODS,
            project=project_closed,
            on_change=self._pod_changed,
            namespace=self._namespace,
        )
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(pods.run())
            await pods.synced.wait()
            while gone := dict(self._gone()):
                self._opened = {uid: pods for uid, pods in self._opened.items() if uid in gone}
                self._news.clear()
                for report, silence in gone.values():
                    await self._open(report, silence, pods.store.values())
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), PERIOD)
            self._opened.clear()
            watching.cancel()

    def _pod_changed(self, change: Change[PodRecord]) -> None:
        if change.new is not None:
            self._news.set()

    def _gone(self) -> Iterator[tuple[str, tuple[GatedReport, Silence]]]:
        """The reports, by UID, whose checker has been silent for longer than they allow."""
        reports = tuple(self._reports.store.values())
        self._remember_waiting(reports)
        for report in reports:
            silence = self._silence(report)
            if silence.seconds > report.limits.fail_open_after:
                yield report.ref.uid, (report, silence)

    def _silence(self, report: GatedReport) -> Silence:
        if report.checked_by:
            return self._silence_of(report.checked_by)
        since, said = self._waiting[report.ref.uid]
        return Silence(time.monotonic() - since, said)

    def _remember_waiting(self, reports: Iterable[GatedReport]) -> None:
        """Since when each report waits for its first checker, as far as we could have seen one."""
        before = self._waiting if self._reports.trouble is None else {}
        begins = time.monotonic(), time.strftime("%H:%M:%S UTC", time.gmtime())
        uids = [report.ref.uid for report in reports if not report.checked_by]
        self._waiting = {uid: before.get(uid, begins) for uid in uids}

    async def _open(
        self, report: GatedReport, silence: Silence, closed: Iterable[PodRecord]
    ) -> None:
        uid = report.ref.uid
        already = self._opened.get(uid, frozenset())
        pods = to_open(report, closed, already)
        message = _message(report, silence)
        done = await asyncio.gather(*(self._set(pod, message) for pod in pods))
        opened = [pod for pod, was_set in zip(pods, done, strict=True) if was_set]
        if not opened:
            return
        self._opened[uid] = already | {pod.uid for pod in opened}
        logger.warning(
            "readiness gates opened", extra={"report": report.ref.name, "pods": len(opened)}
        )
        if not already:
            await self._events.emit(
                report.ref, type="Warning", reason=REASON, note=message, action="OpenGates"
            )

    async def _set(self, pod: PodRecord, message: str) -> bool:
        """Open one gate; False where that failed, which the next look tries again."""
        name = PodName(pod.namespace, pod.name, pod.uid)
        gate = Gate(open=True, reason=REASON, message=message, since=time.time())
        try:
            async with self._places:
                await set_gate(self._client, name, gate, manager=CONTROLLER_MANAGER)
        except NotFound:
            return False
        except KubeError as error:
            logger.warning("gate of pod %s/%s is not opened: %s", pod.namespace, pod.name, error)
            return False
        return True


def _message(report: GatedReport, silence: Silence) -> str:
    who = f"checker {report.checked_by} gave no" if report.checked_by else "no checker gave a"
    return f"{who} sign of life since {silence.since}; the kubelet's probes decide alone"
