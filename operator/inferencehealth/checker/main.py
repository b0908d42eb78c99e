"""The checker program: a process of its own around the parts of a checker."""

import asyncio
import logging
import resource
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from inferencehealth.api.names import CHECKER_MANAGER, SYSTEM_NAMESPACE
from inferencehealth.checker.assembly import CONCURRENCY, Checker, assemble
from inferencehealth.checker.metrics import exposition
from inferencehealth.checker.news import News
from inferencehealth.checker.reach import guarded
from inferencehealth.checker.ways import Choice, asking
from inferencehealth.kube.client import Client, connect
from inferencehealth.kube.config import Access, is_inside, load
from inferencehealth.kube.events import Recorder
from inferencehealth.listening import Address
from inferencehealth.serving import serving

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CheckerSettings:
    """How to run a checker. `namespace` None: all; `identity` tells replicas apart.

    `listen` is where its numbers are served, None: nowhere. `transport` is how pods are asked.
    Without `canaries` none is sent, whatever policies say. `loopback`: pods with such an address
    are asked; None: only outside a cluster, where tests and fake kubelets have them.
    """

    identity: str
    namespace: str | None = None
    system_namespace: str = SYSTEM_NAMESPACE
    kubeconfig: Path | None = None
    context: str | None = None
    listen: Address | None = None
    transport: Choice = Choice.AUTO
    canaries: bool = True
    loopback: bool | None = None


def run_checker(settings: CheckerSettings) -> int:
    """Run a checker until SIGTERM or SIGINT; the exit code.

    Raises KubeError for no access and CannotListen.
    """
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
        listen=settings.listen,
        transport=settings.transport,
        canaries=settings.canaries,
        loopback=settings.loopback,
    )
    return 0


async def run(
    access: Access,
    *,
    namespace: str | None,
    system_namespace: str,
    identity: str,
    stop: asyncio.Event,
    listen: Address | None = None,
    transport: Choice = Choice.AUTO,
    canaries: bool = True,
    loopback: bool | None = None,
) -> None:
    """Check until `stop` is set, then finish what is to be written and take leave.

    While the API server is away, checks go on and verdicts are held until they can be written.
    """
    async with connect(access) as client, asking(access, transport) as ask:
        news = News(Recorder(client, controller=CHECKER_MANAGER, instance=identity))
        checker = assemble(
            client,
            ask=guarded(ask, loopback=not is_inside() if loopback is None else loopback),
            name=f"inferencehealth-checker-{identity}",
            namespace=namespace,
            system_namespace=system_namespace,
            news=news,
            canaries=canaries,
        )
        try:
            async with _served(checker, client, listen):
                await _until(stop, checker.work())
        finally:
            await checker.close()
            news.close()
            await checker.members.leave()


@asynccontextmanager
async def _served(checker: Checker, client: Client, listen: Address | None) -> AsyncIterator[None]:
    """Serve the checker's numbers and its state at that address, if there is one."""
    if listen is None:
        yield
        return
    metrics = exposition(checker.engine, lambda: checker.members.count, client.writes)
    async with serving(listen, metrics=metrics, live=checker.stuck, ready=checker.waits) as port:
        logger.info("numbers are served on port %d", port)
        yield


async def _until(stop: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    """Run the work until `stop` is set; what the work raises is raised."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in (working, stopping):
        task.cancel()
    with suppress(asyncio.CancelledError):
        await working


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
