"""The checker program: wires informers, engine and writer together and keeps its sign of life."""

import asyncio
import logging
import resource
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from inferencehealth.api.names import CHECKER_LEASE_LABEL, CHECKER_MANAGER, SYSTEM_NAMESPACE
from inferencehealth.checker.announce import Announcement, announcement, gate_announcement
from inferencehealth.checker.engine import Engine, Transition
from inferencehealth.checker.gated import Gated
from inferencehealth.checker.gates import Gates
from inferencehealth.checker.gating import GateChange
from inferencehealth.checker.reports import ReportRecord, project_report
from inferencehealth.checker.writer import Writer
from inferencehealth.checks.transports import ask
from inferencehealth.kube.client import Client, connect
from inferencehealth.kube.config import Access, load
from inferencehealth.kube.errors import KubeError
from inferencehealth.kube.events import Recorder
from inferencehealth.kube.informer import Informer
from inferencehealth.kube.leases import Heartbeat
from inferencehealth.kube.pods import PodRecord, project_pod
from inferencehealth.kube.requests import PODS, REPORTS

T = TypeVar("T")
logger = logging.getLogger(__name__)

CONCURRENCY: Final = 8192
"""Checks in flight at most: 1,000 a second that all hang for 8 s do not make others late."""
LEASE_DURATION: Final = 15.0
"""Seconds; readers call us gone after this, and we renew every third of it."""
FAREWELL: Final = 5.0
"""Seconds for the last writes after SIGTERM, well within a pod's 30 s of grace."""


@dataclass(frozen=True, slots=True)
class CheckerSettings:
    """How to run a checker. `namespace` None: all; `identity` tells replicas apart."""

    identity: str
    namespace: str | None = None
    system_namespace: str = SYSTEM_NAMESPACE
    kubeconfig: Path | None = None
    context: str | None = None


def run_checker(settings: CheckerSettings) -> int:
    """Run a checker until SIGTERM or SIGINT; the exit code. Raises KubeError for no access."""
    _allow_many_sockets()
    with asyncio.Runner(loop_factory=_fast_loop()) as runner:
        return runner.run(_serve(settings))


async def _serve(settings: CheckerSettings) -> int:
    access = await load(settings.kubeconfig, settings.context)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    await run(
        access,
        namespace=settings.namespace,
        system_namespace=settings.system_namespace,
        identity=settings.identity,
        stop=stop,
    )
    return 0


async def run(
    access: Access,
    *,
    namespace: str | None,
    system_namespace: str,
    identity: str,
    stop: asyncio.Event,
) -> None:
    """Check until `stop` is set, then finish what is to be written and take leave.

    While the API server is away, checks go on and verdicts are held until they can be written.
    """
    async with connect(access) as client:
        lease = f"inferencehealth-checker-{identity}"
        heartbeat = Heartbeat(
            client,
            namespace=system_namespace,
            name=lease,
            labels={CHECKER_LEASE_LABEL: "checker"},
            duration=LEASE_DURATION,
            manager=CHECKER_MANAGER,
        )
        news = News(Recorder(client, controller=CHECKER_MANAGER, instance=identity))
        writer, gates = Writer(client), Gates(client, news.tell_gate)
        engine = Engine(
            ask=ask,
            identity=lease,
            concurrency=CONCURRENCY,
            mark=_both(writer.mark, gates.mark),
            told=news.tell,
        )
        try:
            await _until(
                stop,
                _work(
                    client,
                    namespace,
                    engine=engine,
                    writer=writer,
                    gates=gates,
                    heartbeat=heartbeat,
                ),
            )
        finally:
            await gates.close()
            await writer.close(FAREWELL)
            news.close()
            await heartbeat.release()


async def _work(
    client: Client,
    namespace: str | None,
    *,
    engine: Engine,
    writer: Writer,
    gates: Gates,
    heartbeat: Heartbeat,
) -> None:
    """Everything that goes on for ever; a bug in one part ends all, to be started anew."""
    gated = Gated(work=engine.work, report_of=engine.report_of, mark=gates.mark)
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
    async with asyncio.TaskGroup() as group:
        group.create_task(reports.run())
        group.create_task(pods.run())
        await reports.synced.wait()
        await pods.synced.wait()
        logger.info("knows %d reports and %d pods", len(reports.store), len(pods.store))
        engine.start()
        # The sign of life comes before the first report that refers to it.
        await _beat(heartbeat, engine)
        writer.open(engine)
        gates.open(gated.pods)
        group.create_task(engine.scheduler.run())
        group.create_task(_keep_beating(heartbeat, engine))


def _both(first: Callable[[T], None], second: Callable[[T], None]) -> Callable[[T], None]:
    """One after the other."""

    def call(value: T) -> None:
        first(value)
        second(value)

    return call


async def _until(stop: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    """Run the work until `stop` is set; what the work raises is raised."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in (working, stopping):
        task.cancel()
    with suppress(asyncio.CancelledError):
        await working


async def _keep_beating(heartbeat: Heartbeat, engine: Engine) -> None:
    """A sign of life as long as checks start when they are due: a stuck engine is no life."""
    trouble = ""
    while True:
        await asyncio.sleep(heartbeat.period)
        before, trouble = trouble, await _beat(heartbeat, engine)
        if trouble and not before:
            logger.warning("no sign of life from here: %s", trouble)
        elif before and not trouble:
            logger.info("a sign of life again, after: %s", before)


async def _beat(heartbeat: Heartbeat, engine: Engine) -> str:
    """One sign of life, or why there is none."""
    if not engine.keeps_up():
        return f"checks start {engine.scheduler.lateness():.1f} s late"
    try:
        await heartbeat.beat()
    except KubeError as error:
        return str(error)
    return ""


class News:
    """Tells people of changed verdicts: a line in the log, and an Event where it matters."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._telling: set[asyncio.Task[None]] = set()

    def tell(self, transition: Transition) -> None:
        """A verdict changed."""
        after = transition.after
        logger.info(
            "pod %s/%s of policy %s: %s -> %s (%s) %s",
            transition.pod.namespace,
            transition.pod.name,
            transition.report.policy,
            transition.before.verdict,
            after.verdict,
            after.reason,
            after.message,
        )
        self._emit(announcement(transition))

    def tell_gate(self, report: ReportRecord | None, change: GateChange) -> None:
        """A readiness gate was set."""
        pod, gate = change.pod, change.gate
        logger.info(
            "readiness gate of pod %s/%s is %s (%s) %s",
            pod.namespace,
            pod.name,
            "open" if gate.open else "closed",
            gate.reason,
            gate.message,
        )
        self._emit(gate_announcement(report, change))

    def _emit(self, event: Announcement | None) -> None:
        if event is None:
            return
        task = asyncio.create_task(
            self._recorder.emit(
                event.regarding,
                type=event.type,
                reason=event.reason,
                note=event.note,
                action="Check",
                related=event.related,
            )
        )
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def close(self) -> None:
        """Nothing more is told; what is underway is given up."""
        for task in self._telling:
            task.cancel()


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop's loop where there is one; it does three times the connections per CPU-second."""
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _allow_many_sockets() -> None:
    """Every check in flight is a socket; the usual soft limit of 1,024 is far below our bound."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Twice: answered connections linger until their servers close them.
    wanted = 2 * CONCURRENCY
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
