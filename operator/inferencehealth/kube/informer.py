"""Keeps a trimmed copy of a collection: lists it, watches it, tells of each change; never gives up.

The copy survives everything that can happen to the watch (expired versions, errors, silence) and
is brought up to date by the difference to a new list, so nothing that vanished in a gap stays.
"""

import asyncio
import json
import logging
import random
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Final, Generic, TypeVar

from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import ApiError, Expired, KubeError, error_of_status
from inferencehealth.kube.requests import JsonObject, Resource
from inferencehealth.kube.retries import MAX_RETRY_AFTER, Limits, backoff
from inferencehealth.kube.store import Change, Key, Seen, Store, see

T = TypeVar("T")
logger = logging.getLogger(__name__)

WATCH_SECONDS: Final = (240, 480)
"""How long a watch may last, drawn anew each time so that watches do not end all together."""
SILENCE: Final = 90.0
"""Seconds without a byte after which a watch counts as hung: bookmarks come every minute
(k8s.io/apiserver pkg/storage/cacher, defaultBookmarkFrequency)."""
MAX_BACKOFF: Final = 30.0
QUIET_FAILURES: Final = 1
"""Failures in a row that are not worth a line in the log: a server restarts, a version expires."""
SHORT_WATCH: Final = 5.0
"""Seconds; a watch that ends sooner, and said nothing, is not begun again at once."""
EVENT_TYPES: Final = frozenset({"ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"})
MAX_LINE: Final = 32 * 1024 * 1024
"""Bytes; etcd takes no object over 1.5 MiB, so a longer line is not one."""
LIST_LIMITS: Final = Limits(attempt=30.0, retry_for=10.0)
"""A page may be slow; when the server is away, that should show as trouble soon."""


class StreamBroken(KubeError):  # noqa: N818
    """A watch said something that is no watch event; whatever it was, we missed it."""


class Informer(Generic[T]):
    """The collection as we know it.

    `store` has what `project` makes of each object (None: not wanted). `on_change` is called in
    the loop, right after each change, and must not block; what it raises ends `run`. `synced` is
    set by the first whole list. `last_contact` is when the server was last heard (monotonic
    seconds). `trouble` is why the copy may be stale, None while the watch runs.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        *,
        project: Callable[[JsonObject], T | None],
        on_change: Callable[[Change[T]], None],
        namespace: str | None = None,
        label_selector: str = "",
        silence: float = SILENCE,
        max_backoff: float = MAX_BACKOFF,
    ) -> None:
        self._client = client
        self._resource = resource
        self._project = project
        self._on_change = on_change
        self._namespace = namespace or ""
        self._selector = label_selector
        self._silence = silence
        self._max_backoff = max_backoff
        self._store: Store[T] = Store()
        self._version = ""  # resourceVersion to watch from; empty: list first
        self._failures = 0  # pauses since the last event or lasting watch
        self._events = 0
        self.synced = asyncio.Event()
        self.last_contact = float("-inf")
        self.trouble: KubeError | None = None

    @property
    def store(self) -> Mapping[Key, T]:
        """The objects by (namespace, name); a live view."""
        return self._store.values

    async def run(self) -> None:
        """List and watch until cancelled."""
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except KubeError as error:
                # What we may have missed can only be found by listing; all else goes on from the
                # last version.
                if isinstance(error, Expired | StreamBroken):
                    self._version = ""
                await self._pause(error)

    async def _list(self) -> None:
        listing = await self._client.list(
            self._resource,
            project=self._see,
            namespace=self._namespace,
            label_selector=self._selector,
            limits=LIST_LIMITS,
        )
        for change in self._store.replace(listing.items):
            self._on_change(change)
        self._version = listing.resource_version
        self.synced.set()

    async def _watch(self) -> None:
        """Follow one watch to its end."""
        started, events_before = time.monotonic(), self._events
        lines = Lines()
        chunks = self._client.watch(
            self._resource,
            resource_version=self._version,
            timeout_seconds=random.randint(*WATCH_SECONDS),  # noqa: S311
            silence=self._silence,
            namespace=self._namespace,
            label_selector=self._selector,
        )
        try:
            async with aclosing(chunks) as body:
                async for chunk in body:
                    self._heard()
                    for line in lines.feed(chunk):
                        self._take(line)
        finally:
            lasted = time.monotonic() - started >= SHORT_WATCH
            if lasted:
                self._failures = 0
        if not lasted and self._events == events_before:
            await self._pause(None)

    def _take(self, line: bytes) -> None:
        kind, raw = parse_event(line)
        if kind == "ERROR":
            error = error_of_status(raw)
            raise error if isinstance(error, Expired) else StreamBroken(f"watch error: {error}")
        if kind != "BOOKMARK":
            seen = self._see(raw)
            store = self._store
            for change in store.remove(seen) if kind == "DELETED" else store.put(seen):
                self._on_change(change)
        self._version = raw["metadata"]["resourceVersion"]
        self._events += 1
        self._failures = 0

    def _see(self, raw: JsonObject) -> Seen[T]:
        self.last_contact = time.monotonic()
        try:
            return see(raw, self._project)
        except (KeyError, TypeError, AttributeError) as error:
            raise StreamBroken(f"no object of {self._resource.plural}: {error!r}") from error

    def _heard(self) -> None:
        self.last_contact = time.monotonic()
        if self._failures > QUIET_FAILURES and self.trouble is not None:
            logger.info("watching %s again", self._resource.plural)
        self.trouble = None

    async def _pause(self, error: KubeError | None) -> None:
        delay = backoff(self._failures, cap=self._max_backoff, chance=random.random())  # noqa: S311
        if error is not None:
            self.trouble = error
            if isinstance(error, ApiError) and error.retry_after is not None:
                delay = max(delay, min(error.retry_after, MAX_RETRY_AFTER))
            if self._failures == QUIET_FAILURES:
                logger.warning("%s cannot be watched: %s", self._resource.plural, error)
        self._failures += 1
        await asyncio.sleep(delay)


class Lines:
    """Cuts a stream into lines; keeps an unfinished one for the next chunk."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that are whole now, but empty ones; raises StreamBroken for an endless one."""
        *whole, rest = chunk.split(b"\n")
        if whole:
            whole[0] = bytes(self._rest) + whole[0]
            self._rest.clear()
        self._rest += rest
        if len(self._rest) > MAX_LINE:
            raise StreamBroken(f"a line of more than {MAX_LINE} bytes")
        return [line for line in whole if line.strip()]


def parse_event(line: bytes) -> tuple[str, JsonObject]:
    """Type and object of a watch event (metav1.WatchEvent); raises StreamBroken."""
    try:
        event = json.loads(line)
        kind, raw = event["type"], event["object"]
        if kind not in EVENT_TYPES or (kind != "ERROR" and not raw["metadata"]["resourceVersion"]):
            raise StreamBroken(f"no watch event: type {kind!r}")
    except (ValueError, KeyError, TypeError) as error:
        raise StreamBroken(f"no watch event: {error!r}") from error
    return kind, raw
