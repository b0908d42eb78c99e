"""Runs Kopf, and decides when it ends: watches in, calls of the handlers out."""

import asyncio
import contextlib
import logging
import signal
from http import HTTPStatus
from typing import Any, Final, cast

import kopf

from inferencehealth.api.names import GROUP
from inferencehealth.controller.handlers import settings
from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import KubeError, NotFound
from inferencehealth.kube.requests import POLICIES

RETRY: Final = 5.0
"""Seconds before the next look whether our definitions are there, or the next run of Kopf."""

logger = logging.getLogger(__name__)


async def watch(
    handlers: kopf.OperatorRegistry, client: Client, *, namespace: str, stop: asyncio.Event
) -> None:
    """Run Kopf until `stop`, or until it gives up; raises what it died of.

    While our definitions are not there it is not run: in one namespace it would never notice that
    they have come, and where they go it dies of the 404 if it looks before it has heard of that.
    """
    while await _defined(client, namespace, stop):
        try:
            await _watch(handlers, namespace=namespace, stop=stop)
        except Exception as error:
            # Kopf 1.45 does not export its errors.
            if getattr(error, "status", None) != HTTPStatus.NOT_FOUND:
                raise
            logger.warning("watching begins anew: %s", error)
            await _pause(stop)
        else:
            return


async def _defined(client: Client, namespace: str, stop: asyncio.Event) -> bool:
    """Wait for the definition of policies; False where `stop` comes first."""
    told = False
    while not stop.is_set():
        try:
            await client.list(POLICIES, project=lambda _raw: None, namespace=namespace)
        except NotFound:
            if not told:
                logger.warning(
                    "this cluster does not know InferenceHealthPolicy: waiting for its definition; "
                    "remedy: kubectl apply --server-side -f crds/"
                )
            told = True
        except KubeError as error:
            logger.debug("left to Kopf, which is patient: %s", error)
            return True
        else:
            return True
        await _pause(stop)
    return False


async def _pause(stop: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), RETRY)


async def _watch(handlers: kopf.OperatorRegistry, *, namespace: str, stop: asyncio.Event) -> None:
    """Run Kopf once.

    It is cancelled, because its own orderly end waits five seconds for tasks of ours. It takes the
    signals when it starts, so they are taken back when it is ready.
    """
    ready = asyncio.Event()
    watching = asyncio.create_task(
        kopf.operator(
            registry=handlers,
            settings=settings(finalizer=f"{GROUP}/controller", clusterwide=not namespace),
            # Kopf would ask for the name of our user, and in a container that has none.
            identity=cast("Any", GROUP),
            standalone=True,
            ready_flag=ready,
            clusterwide=not namespace,
            namespaces=[namespace] if namespace else [],
        )
    )
    stopping = asyncio.create_task(stop.wait())
    taking = asyncio.create_task(_take_signals(ready, stop))
    try:
        await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            watching.result()
    finally:
        for task in (watching, stopping, taking):
            task.cancel()
        await asyncio.gather(watching, stopping, taking, return_exceptions=True)


async def _take_signals(ready: asyncio.Event, stop: asyncio.Event) -> None:
    await ready.wait()
    on_signals(stop)


def on_signals(stop: asyncio.Event) -> None:
    """SIGINT and SIGTERM set `stop`."""
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
