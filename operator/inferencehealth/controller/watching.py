"""Runs Kopf, and decides when it ends: watches in, calls of the handlers out."""

import asyncio
import signal
from typing import Any, cast

import kopf

from inferencehealth.api.names import GROUP
from inferencehealth.controller.handlers import settings


async def watch(handlers: kopf.OperatorRegistry, *, namespace: str, stop: asyncio.Event) -> None:
    """Run Kopf until `stop`, or until it gives up; raises what it died of.

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
