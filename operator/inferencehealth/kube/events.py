"""Tells people of transitions, as Kubernetes Events; the last step, which nothing waits for."""

import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import KubeError, NotFound
from inferencehealth.kube.requests import EVENTS, JsonObject
from inferencehealth.kube.retries import Limits
from inferencehealth.kube.series import Book, Series
from inferencehealth.kube.timestamps import micro_time, utc_now

logger = logging.getLogger(__name__)

EventType = Literal["Normal", "Warning"]

MAX_NOTE: Final = 1024
"""Bytes (k8s.io/kubernetes pkg/apis/core/validation/events.go, NoteLengthLimit)."""
MAX_WORD: Final = 128
"""Characters of reportingInstance, reason and action (the same file)."""
MAX_IN_FLIGHT: Final = 64
"""Events being written at a time; when thousands of pods change at once, the rest go unsaid."""
LIMITS: Final = Limits(attempt=5.0, retry_for=5.0)


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """The object an Event is about; `namespace` is empty for what has none."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str

    def manifest(self) -> JsonObject:
        """The reference as the API server wants it (v1.ObjectReference)."""
        fields = {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "uid": self.uid,
        }
        return {key: value for key, value in fields.items() if value}


def ref_of(raw: Mapping[str, Any], *, api_version: str = "", kind: str = "") -> ObjectRef:
    """The reference to an object; the items of a list need `api_version` and `kind` given."""
    meta = raw["metadata"]
    return ObjectRef(
        api_version=api_version or raw["apiVersion"],
        kind=kind or raw["kind"],
        namespace=meta.get("namespace") or "",
        name=meta["name"],
        uid=meta.get("uid") or "",
    )


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One thing to say about an object; `related` is a second object that it concerns.

    `reason` and `action` are single words (at most 128 characters), `note` is a sentence.
    """

    regarding: ObjectRef
    type: EventType
    reason: str
    note: str
    action: str
    related: ObjectRef | None = None

    @property
    def namespace(self) -> str:
        """Where its Event has to live (validated by the API server)."""
        return self.regarding.namespace or "default"


def event_body(
    said: Occurrence, *, name: str, controller: str, instance: str, now: datetime
) -> JsonObject:
    """A new Event object (events.k8s.io/v1)."""
    body: JsonObject = {
        "metadata": {"name": name, "namespace": said.namespace},
        "eventTime": micro_time(now),
        "reportingController": controller,
        "reportingInstance": instance[:MAX_WORD],
        "regarding": said.regarding.manifest(),
        "type": said.type,
        "reason": said.reason,
        "note": said.note,
        "action": said.action,
    }
    return body | ({"related": said.related.manifest()} if said.related else {})


def shorten(note: str) -> str:
    """The note within what the API server takes, cut between characters and marked as cut."""
    raw = note.encode()
    if len(raw) <= MAX_NOTE:
        return note
    mark = "…"
    return raw[: MAX_NOTE - len(mark.encode())].decode(errors="ignore") + mark


class Recorder:
    """Writes Events in the name of one of our programs.

    `controller` is the program ("inferencehealth-checker"), `instance` its replica.
    """

    def __init__(self, client: Client, *, controller: str, instance: str) -> None:
        self._client = client
        self._controller = controller
        self._instance = instance
        self._book = Book()
        self._in_flight = 0

    async def emit(
        self,
        regarding: ObjectRef,
        *,
        type: EventType,  # noqa: A002
        reason: str,
        note: str,
        action: str,
        related: ObjectRef | None = None,
    ) -> None:
        """Say something about an object, once in ten minutes; said again, it is counted.

        Never raises for trouble with the API server: an Event that could not be written is
        logged, and nothing depends on it.
        """
        said = Occurrence(regarding, type, reason, shorten(note), action, related)
        if self._in_flight >= MAX_IN_FLIGHT:
            logger.info("event %s is left out: too many at a time", _title(said))
            return
        self._in_flight += 1
        try:
            await self._write(said)
        except KubeError as error:
            logger.warning("event %s is not written: %s", _title(said), error)
        finally:
            self._in_flight -= 1

    async def _write(self, said: Occurrence) -> None:
        key = (said.regarding.uid, said.reason, said.note)
        series, step = self._book.enter(key, _event_name(said), time.monotonic())
        if step == "count":
            try:
                await self._count(said, series)
            except NotFound:  # the API server forgets Events after an hour
                self._book.drop(key)
                await self._write(said)
        elif step == "create":
            try:
                await self._create(said, series)
            except KubeError:
                self._book.drop(key)
                raise

    async def _create(self, said: Occurrence, series: Series) -> None:
        body = event_body(
            said,
            name=series.name,
            controller=self._controller,
            instance=self._instance,
            now=utc_now(),
        )
        await self._client.create(EVENTS, body, namespace=said.namespace, limits=LIMITS)
        series.written(1, time.monotonic())

    async def _count(self, said: Occurrence, series: Series) -> None:
        count = series.count
        await self._client.merge_patch(
            EVENTS,
            series.name,
            {"series": {"count": count, "lastObservedTime": micro_time(utc_now())}},
            manager=self._controller,
            namespace=said.namespace,
            limits=LIMITS,
        )
        series.written(count, time.monotonic())


def _event_name(said: Occurrence) -> str:
    # A DNS subdomain of at most 253 characters, and no two alike.
    return f"{said.regarding.name[:200].rstrip('-.')}.{secrets.token_hex(8)}"


def _title(said: Occurrence) -> str:
    return f"{said.reason} on {said.regarding.kind} {said.namespace}/{said.regarding.name}"
