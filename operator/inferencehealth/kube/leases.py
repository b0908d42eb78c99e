"""Signs of life between our programs: a member renews a Lease, others see whether it still does.

Nobody compares clocks: a reader measures, on its own monotonic clock, how long ago the renewal
time last changed. What it says is never read as a time.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import Conflict, KubeError, NotFound
from inferencehealth.kube.requests import LEASES, JsonObject
from inferencehealth.kube.retries import Limits
from inferencehealth.kube.timestamps import micro_time, utc_now

logger = logging.getLogger(__name__)

BEATS_PER_DURATION: Final = 3
"""Beats that fit into a Lease's duration: two may fail before a member counts as gone."""


def lease_body(
    *, holder: str, labels: Mapping[str, str], duration: float, now: datetime
) -> JsonObject:
    """The Lease of a member that was alive at `now` and will be heard of within `duration` s."""
    return {
        "metadata": {"labels": dict(labels)},
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": max(1, round(duration)),
            "renewTime": micro_time(now),
        },
    }


class Heartbeat:
    """A member's own Lease, renewed by `beat` every `period` seconds, deleted by `release`.

    It is made by the first beat, and again by the next one if someone deletes it.
    """

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        name: str,
        labels: Mapping[str, str],
        duration: float,
        manager: str,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._labels = labels
        self._duration = duration
        self._manager = manager
        self._clock = clock
        self._version = ""
        self.period = duration / BEATS_PER_DURATION
        # A request that hangs must be over before the next beat is due.
        self._limits = Limits(attempt=self.period * 0.8, retry_for=0.0)

    async def beat(self) -> None:
        """Show that we are alive; raises KubeError when that could not be told to the server."""
        lease = await self._client.apply(
            LEASES,
            self._name,
            lease_body(
                holder=self._name,
                labels=self._labels,
                duration=self._duration,
                now=self._clock(),
            ),
            namespace=self._namespace,
            manager=self._manager,
            force=True,  # our own object: whoever wrote to it was mistaken
            limits=self._limits,
        )
        self._version = lease["metadata"]["resourceVersion"]

    async def release(self) -> None:
        """Leave at once instead of by silence; trouble is logged, as the silence says the same.

        A Lease that another process has renewed since is left to it.
        """
        if not self._version:
            return
        version, self._version = self._version, ""
        try:
            await self._client.delete(
                LEASES,
                self._name,
                namespace=self._namespace,
                resource_version=version,
                limits=self._limits,
            )
        except (NotFound, Conflict):
            return
        except KubeError as error:
            logger.warning("lease %s/%s is not released: %s", self._namespace, self._name, error)


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """A Lease as its readers need it. `renewed` is only ever compared for equality."""

    uid: str
    namespace: str
    name: str
    labels: Mapping[str, str]
    holder: str
    duration: float
    renewed: str


def project_lease(raw: Mapping[str, Any]) -> LeaseRecord:
    """The record of a Lease object; raises KeyError for anything else."""
    meta, spec = raw["metadata"], raw.get("spec") or {}
    return LeaseRecord(
        uid=meta["uid"],
        namespace=meta["namespace"],
        name=meta["name"],
        labels=meta.get("labels") or {},
        holder=spec.get("holderIdentity") or "",
        duration=float(spec.get("leaseDurationSeconds") or 0),
        renewed=spec.get("renewTime") or "",
    )


@dataclass(frozen=True, slots=True)
class Sighting:
    """A Lease and when its renewal was last seen to change, in the reader's monotonic seconds."""

    lease: LeaseRecord
    changed_at: float

    def alive(self, now: float) -> bool:
        """Whether the member has been heard of within its duration.

        `now` should not be later than the reader last heard the API server: while the server is
        silent, every member is.
        """
        return bool(self.lease.holder) and now - self.changed_at <= self.lease.duration


def sight(before: Sighting | None, lease: LeaseRecord, now: float) -> Sighting:
    """What is known after the Lease was seen (again) at `now`.

    One seen for the first time counts as renewed now: how old it is cannot be known without
    trusting its writer's clock, and a wrong "gone" costs more than a late one.
    """
    if before is None or (before.lease.uid, before.lease.renewed) != (lease.uid, lease.renewed):
        return Sighting(lease, now)
    return Sighting(lease, before.changed_at)


@dataclass(slots=True)
class Freshness:
    """The members that a reader knows, by the name of their Lease."""

    _seen: dict[str, Sighting] = field(default_factory=dict)

    def observe(self, lease: LeaseRecord, now: float) -> None:
        """A Lease was added or changed."""
        self._seen[lease.name] = sight(self._seen.get(lease.name), lease, now)

    def forget(self, name: str) -> None:
        """A Lease was deleted: its member has left."""
        self._seen.pop(name, None)

    def alive(self, name: str, now: float) -> bool:
        """Whether that member lives; one never seen does not."""
        sighting = self._seen.get(name)
        return sighting is not None and sighting.alive(now)

    def members(self, now: float) -> frozenset[str]:
        """The Leases of all members that live."""
        return frozenset(name for name in self._seen if self.alive(name, now))

    def silent(self, since: float) -> frozenset[str]:
        """The Leases of all members that have not been heard of since then."""
        return frozenset(name for name, seen in self._seen.items() if seen.changed_at < since)
