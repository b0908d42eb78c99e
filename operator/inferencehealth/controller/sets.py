"""Changes of LeaderWorkerSets become keys in the work queue, in clusters that have such a kind.

Kopf would follow them too, but ends when it may not: who installs LeaderWorkerSet later need not
have given us the right to see them. So they go by an informer that begins once they are served.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from inferencehealth.controller.handlers import Key, WholeNamespace
from inferencehealth.controller.queue import WorkQueue
from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import Forbidden, KubeError
from inferencehealth.kube.informer import Informer
from inferencehealth.kube.requests import LEADER_WORKER_SETS, JsonObject
from inferencehealth.kube.store import Change

LOOK: Final = 30.0
"""Seconds between two looks whether the kind is served by now: its definition comes with an
installation, which takes longer."""

logger = logging.getLogger(__name__)


async def follow_sets(
    client: Client,
    queue: WorkQueue[Key],
    known: set[str],
    *,
    namespace: str = "",
    look: float = LOOK,
) -> None:
    """Follow them for ever, once there are any to follow. `known`: namespaces with a policy."""
    if await _until_served(client, namespace, look):
        for waiting in known:
            queue.add(WholeNamespace(waiting))
    informer: Informer[str] = Informer(
        client,
        LEADER_WORKER_SETS,
        project=_version,
        on_change=_on_change(queue, known),
        namespace=namespace,
    )
    await informer.run()


async def _until_served(client: Client, namespace: str, look: float) -> bool:
    """Whether they had to be waited for: then statuses say that they are not seen."""
    told = waited = False
    while True:
        try:
            await client.list(LEADER_WORKER_SETS, project=_version, namespace=namespace)
        except Forbidden as error:
            if not told:
                logger.warning("LeaderWorkerSets are not looked at: %s", error)
            told = True
        except KubeError as error:
            logger.debug("no LeaderWorkerSets yet: %s", error)
        else:
            return waited
        waited = True
        await asyncio.sleep(look)


def _version(raw: JsonObject) -> str:
    """What of it is news: its status says nothing that we go by, labels choose its policy."""
    meta = raw["metadata"]
    labels = sorted((meta.get("labels") or {}).items())
    return f"{meta['uid']} {meta.get('generation')} {meta.get('deletionTimestamp')} {labels}"


def _on_change(queue: WorkQueue[Key], known: set[str]) -> Callable[[Change[Any]], None]:
    def changed(change: Change[Any]) -> None:
        namespace, _ = change.key
        if namespace in known and change.old != change.new:
            queue.add(WholeNamespace(namespace))

    return changed
