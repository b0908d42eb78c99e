"""The verbs of the API server as functions: what the controller, the checker and the CLI call."""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from inferencehealth.kube import requests
from inferencehealth.kube.config import Access
from inferencehealth.kube.errors import Expired
from inferencehealth.kube.requests import JsonObject, Resource
from inferencehealth.kube.retries import Limits
from inferencehealth.kube.transport import Transport, open_transport

T = TypeVar("T")

PAGE_SIZE: Final = 500
"""Objects per page, as kubectl asks: about 4 MB of pods, parsed in some 40 ms."""
LIST_RESTARTS: Final = 5
"""Times a list is begun anew when its pages expire (etcd compacts every 5 minutes)."""
DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. `continue_token` is empty on the last."""

    items: Sequence[JsonObject]
    resource_version: str
    continue_token: str


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A whole list, and the resourceVersion from which to watch on."""

    items: tuple[T, ...]
    resource_version: str


def whole(item: JsonObject) -> JsonObject:
    """The projection that keeps everything."""
    return item


@asynccontextmanager
async def connect(access: Access) -> AsyncIterator["Client"]:
    """A client for as long as the block runs; nothing is asked of the server yet."""
    async with open_transport(access) as transport:
        yield Client(transport)


class Client:
    """Verbs on objects of one cluster.

    All raise `Unreachable` when no answer comes, a type of `ApiError` when the answer is an
    error, and `ConfigError` when credentials cannot be had; what is safe to repeat is repeated
    within `limits`. `writes` counts what was asked to be written, by kind of object.
    """

    def __init__(self, transport: Transport, *, guard: Callable[[], None] | None = None) -> None:
        self._transport = transport
        self._guard = guard
        self.writes: Counter[str] = Counter()

    def guarded(self, guard: Callable[[], None]) -> "Client":
        """The same client, whose writes, repeated ones too, begin only once `guard` returned."""
        same = Client(self._transport, guard=guard)
        same.writes = self.writes
        return same

    @property
    def server_time(self) -> datetime | None:
        """What the server's clock said in its latest answer; None before there is one."""
        return self._transport.server_time

    async def get(
        self, resource: Resource, name: str, *, namespace: str = "", limits: Limits = DEFAULT_LIMITS
    ) -> JsonObject:
        """One object."""
        return await self._transport.send(
            requests.read(resource, name, namespace=namespace), limits
        )

    async def list_pages(
        self,
        resource: Resource,
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        limit: int = PAGE_SIZE,
        limits: Limits = DEFAULT_LIMITS,
    ) -> AsyncIterator[Page]:
        """The pages of a list; raises Expired when they outlive etcd's memory of them."""
        token = ""
        while True:
            request = requests.page(
                resource,
                namespace=namespace,
                label_selector=label_selector,
                field_selector=field_selector,
                limit=limit,
                continue_token=token,
            )
            page = _page(await self._transport.send(request, limits))
            token = page.continue_token
            yield page
            del page  # tens of megabytes, not to be held beside the next ones
            if not token:
                return

    async def list(
        self,
        resource: Resource,
        *,
        project: Callable[[JsonObject], T],
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        limit: int = PAGE_SIZE,
        limits: Limits = DEFAULT_LIMITS,
    ) -> Listing[T]:
        """A whole list, projected page by page so that few raw objects are held at a time.

        Begun anew when its pages expire underway. `project=whole` keeps the objects as they are.
        """
        for _ in range(LIST_RESTARTS):
            found: list[T] = []
            version = ""
            try:
                async for page in self.list_pages(
                    resource,
                    namespace=namespace,
                    label_selector=label_selector,
                    field_selector=field_selector,
                    limit=limit,
                    limits=limits,
                ):
                    found.extend(map(project, page.items))
                    version = page.resource_version
                    del page
            except Expired:
                continue
            return Listing(tuple(found), version)
        raise Expired(410, "Expired", f"the pages of {resource.plural} expire faster than we read")

    def watch(
        self,
        resource: Resource,
        *,
        resource_version: str,
        timeout_seconds: int,
        silence: float,
        namespace: str = "",
        label_selector: str = "",
    ) -> AsyncGenerator[bytes, None]:
        """The raw body of a watch, as it comes: a JSON object a line; first an empty chunk.

        Ends after `timeout_seconds` or when the server likes; raises Unreachable after `silence`
        seconds without a byte.
        """
        request = requests.watch(
            resource,
            resource_version=resource_version,
            timeout_seconds=timeout_seconds,
            namespace=namespace,
            label_selector=label_selector,
        )
        return self._transport.stream(request, silence=silence)

    async def create(
        self,
        resource: Resource,
        body: JsonObject,
        *,
        namespace: str = "",
        manager: str = "",
        limits: Limits = DEFAULT_LIMITS,
    ) -> JsonObject:
        """Create an object; raises Conflict when it exists."""
        request = requests.create(resource, body, namespace=namespace, manager=manager)
        return await self._write(resource, request, limits)

    async def apply(
        self,
        resource: Resource,
        name: str,
        body: JsonObject,
        *,
        manager: str,
        namespace: str = "",
        force: bool = False,
        subresource: str = "",
        dry_run: bool = False,
        limits: Limits = DEFAULT_LIMITS,
    ) -> JsonObject:
        """Server-side apply; without `force` it raises ApplyConflict for fields of others."""
        request = requests.apply(
            resource,
            name,
            body,
            manager=manager,
            namespace=namespace,
            force=force,
            subresource=subresource,
            dry_run=dry_run,
        )
        return await self._write(resource, request, limits)

    async def json_patch(
        self,
        resource: Resource,
        name: str,
        operations: Sequence[Mapping[str, Any]],
        *,
        manager: str,
        namespace: str = "",
        subresource: str = "",
        limits: Limits = DEFAULT_LIMITS,
    ) -> JsonObject:
        """JSON patch; raises Invalid when a `test` operation fails."""
        request = requests.json_patch(
            resource,
            name,
            operations,
            manager=manager,
            namespace=namespace,
            subresource=subresource,
        )
        return await self._write(resource, request, limits)

    async def merge_patch(
        self,
        resource: Resource,
        name: str,
        body: JsonObject,
        *,
        manager: str,
        namespace: str = "",
        subresource: str = "",
        limits: Limits = DEFAULT_LIMITS,
    ) -> JsonObject:
        """JSON merge patch."""
        request = requests.merge_patch(
            resource, name, body, manager=manager, namespace=namespace, subresource=subresource
        )
        return await self._write(resource, request, limits)

    async def update(
        self,
        resource: Resource,
        body: JsonObject,
        *,
        manager: str,
        subresource: str = "",
        limits: Limits = DEFAULT_LIMITS,
    ) -> JsonObject:
        """Replace an object; raises Conflict when its resourceVersion is not the newest."""
        request = requests.update(resource, body, manager=manager, subresource=subresource)
        return await self._write(resource, request, limits)

    async def delete(
        self,
        resource: Resource,
        name: str,
        *,
        namespace: str = "",
        uid: str = "",
        resource_version: str = "",
        propagation: str = "",
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        """Delete an object; raises NotFound when there is none, also after a repetition."""
        request = requests.delete(
            resource,
            name,
            namespace=namespace,
            uid=uid,
            resource_version=resource_version,
            propagation=propagation,
        )
        await self._write(resource, request, limits)

    async def _write(
        self, resource: Resource, request: requests.Request, limits: Limits
    ) -> JsonObject:
        self.writes[resource.kind] += 1
        return await self._transport.send(request, limits, before=self._guard)


def _page(answer: JsonObject) -> Page:
    meta = answer.get("metadata") or {}
    return Page(
        items=answer.get("items") or (),
        resource_version=meta.get("resourceVersion") or "",
        continue_token=meta.get("continue") or "",
    )
