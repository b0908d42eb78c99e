"""The webhook program: keeps policies and certificates at hand and answers the API server.

It runs in as many replicas as one likes; they share nothing but the Secret. While it does not know
the policies yet it admits everything as it is.
"""

import asyncio
import logging
import signal
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from inferencehealth.admission.claimants import Claimant, claimant
from inferencehealth.admission.keeping import Folder, Keeper, Place
from inferencehealth.admission.knowledge import Knowledge, Told, told
from inferencehealth.admission.operations import Operations
from inferencehealth.admission.review import Asked, decide
from inferencehealth.admission.server import application, serving
from inferencehealth.api.names import SYSTEM_NAMESPACE
from inferencehealth.kube.client import Client, connect
from inferencehealth.kube.config import Access, load
from inferencehealth.kube.errors import ConfigError
from inferencehealth.kube.informer import Informer
from inferencehealth.kube.requests import POLICIES, REPORTS

SERVICE = "inferencehealth-webhook"
"""The Service, the Secret and the configuration of the webhook have this name in manifests/."""
PORT = 9443
"""Above 1024, so that no right is needed; what GKE's firewall lets through besides 443 and 8443."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """How to run the webhook. `names` empty: those of its Service; `certificates` None: our own."""

    namespace: str = ""
    system_namespace: str = SYSTEM_NAMESPACE
    host: str = "0.0.0.0"  # noqa: S104 - a Service stands before it
    port: int = PORT
    names: tuple[str, ...] = field(default=())
    configuration: str = SERVICE
    certificates: Path | None = None

    @property
    def place(self) -> Place:
        """Where our own certificates are kept."""
        service = f"{SERVICE}.{self.system_namespace}"
        names = self.names or (f"{service}.svc", f"{service}.svc.cluster.local")
        return Place(self.system_namespace, f"{SERVICE}-tls", self.configuration, names)


def run(settings: WebhookSettings) -> int:
    """Answer until SIGTERM or SIGINT; the exit code. Raises KubeError for no access."""
    return asyncio.run(_run(settings))


async def _run(settings: WebhookSettings) -> int:
    access: Access = await load()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with connect(access) as client:
        await serve(client, settings, stop)
    return 0


async def serve(client: Client, settings: WebhookSettings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set. Raises KubeError where no certificate can be had to begin with."""
    keeper = (
        Folder(settings.certificates)
        if settings.certificates
        else Keeper(client, settings.place, lambda: datetime.now(UTC))
    )
    try:
        await keeper.look()
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"{settings.certificates} has no certificate to serve with ({error}); mount tls.crt "
            "and tls.key there, or leave --cert-dir out"
        ) from error
    known = Knowledge()
    policies: Informer[Claimant] = Informer(
        client,
        POLICIES,
        project=claimant,
        on_change=known.on_policy,
        namespace=settings.namespace,
    )
    reports: Informer[Told] = Informer(
        client, REPORTS, project=told, on_change=known.on_report, namespace=settings.namespace
    )

    def is_ready() -> bool:
        return policies.synced.is_set() and reports.synced.is_set()

    def decided(asked: Asked) -> Operations:
        return decide(asked, known.claimants, known.record) if is_ready() else []

    app = application(decided, is_ready)
    async with serving(app, keeper.tls, host=settings.host, port=settings.port) as port:
        logger.info("answers on port %d", port)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each.run()) for each in (policies, reports, keeper)]
            await stop.wait()
            for task in tasks:
                task.cancel()
