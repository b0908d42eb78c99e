"""Kopf's side: every event becomes a key in the work queue, and nothing else happens here.

A report whose pods were seen to load at another pace may change the plan, any other news in one
changes no more than its policy's status.

Only `on.event` handlers, which store nothing on the objects; they return nothing, because Kopf
writes what a handler returns into the object's status.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import kopf

from inferencehealth.api.names import GROUP, POLICY_PLURAL, VERSION
from inferencehealth.controller.queue import WorkQueue
from inferencehealth.kube.config import Access
from inferencehealth.kube.requests import DEPLOYMENTS, STATEFUL_SETS


@dataclass(frozen=True, slots=True)
class WholeNamespace:
    """Bring everything in the namespace in line."""

    namespace: str


@dataclass(frozen=True, slots=True)
class StatusOf:
    """Bring one policy's status in line with its reports."""

    namespace: str
    policy: str


Key = WholeNamespace | StatusOf


def registry(access: Access, queue: WorkQueue[Key], known: set[str]) -> kopf.OperatorRegistry:
    """The handlers. `known` collects the namespaces that have a policy, for the resync."""
    handlers = kopf.OperatorRegistry()
    refused: list[Mapping[str, str]] = []

    @kopf.on.login(registry=handlers)
    async def login(**_: Any) -> kopf.AiohttpSession:
        """Called at the start, and again after a 401: then the last ones are refused."""
        headers = dict(await access.credentials(renew=True))
        if headers in refused:
            raise kopf.PermanentError("the API server no longer accepts our credentials")
        refused.append(headers)
        return _session(access, headers)

    @kopf.on.event(GROUP, VERSION, POLICY_PLURAL, registry=handlers)
    async def policy_changed(namespace: str | None, **_: Any) -> None:
        known.add(namespace or "")
        queue.add(WholeNamespace(namespace or ""))

    async def workload_changed(namespace: str | None, **_: Any) -> None:
        # Where there is no policy nobody asks; one that comes later brings its own event.
        if namespace in known:
            queue.add(WholeNamespace(namespace))

    for resource in (DEPLOYMENTS, STATEFUL_SETS):
        kopf.on.event(resource.group, resource.version, resource.plural, registry=handlers)(
            workload_changed
        )

    return handlers


def _session(access: Access, headers: Mapping[str, str]) -> kopf.AiohttpSession:
    """Kopf on the same credentials as our own client."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=True if access.tls is None else access.tls),
        headers=headers,
        proxy=access.proxy or None,
        trust_env=False,
    )
    return kopf.AiohttpSession(
        server=access.server, default_namespace=access.namespace, aiohttp_session=session
    )


def settings(*, finalizer: str, clusterwide: bool) -> kopf.OperatorSettings:
    """Kopf as we need it: it writes nothing, posts nothing and elects nobody."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.peering.standalone = True
    # With the default name Kopf would strip the finalizer of other Kopf operators.
    chosen.persistence.finalizer = finalizer
    chosen.networking.request_timeout = 30
    chosen.networking.connect_timeout = 5
    # A program that can't read ends soon and is started again; Kopf's own patience is a minute.
    chosen.networking.error_backoffs = (0.5, 1, 2, 4)
    # Without rights on the whole cluster it may not look for new definitions and namespaces.
    chosen.scanning.disabled = not clusterwide
    chosen.watching.server_timeout = 300
    chosen.watching.connect_timeout = 5
    return chosen
