"""How long each checker has been silent, by its Lease and by our own clock."""

import time
from datetime import UTC, datetime

from inferencehealth.api.names import CHECKER_LEASE_LABEL
from inferencehealth.controller.views import MIN_STALE, Silence
from inferencehealth.kube.client import Client
from inferencehealth.kube.informer import Informer
from inferencehealth.kube.leases import LeaseRecord, project_lease
from inferencehealth.kube.requests import LEASES
from inferencehealth.kube.store import Change

CHECKER = "checker"
"""Value of the member label on a checker's Lease."""


class CheckerLeases:
    """The checkers' signs of life.

    A Lease that was deleted falls silent like one that is no longer renewed; one that is named in
    a report but was never seen is silent from the moment somebody asked for it. So a controller
    that has just started holds nothing against anybody.
    """

    def __init__(self, client: Client, namespace: str) -> None:
        """Watch the Leases in the operator's own namespace."""
        self._heard: dict[str, tuple[float, str]] = {}
        self._asked: set[str] = set()
        self._missed: set[str] = set()
        self._informer = Informer(
            client,
            LEASES,
            project=project_lease,
            on_change=self._changed,
            namespace=namespace,
            label_selector=f"{CHECKER_LEASE_LABEL}={CHECKER}",
        )

    async def run(self) -> None:
        """Follow the Leases until cancelled."""
        await self._informer.run()

    def deaf(self) -> float:
        """Seconds for which we have not heard the API server; 0 while the watch runs."""
        if self._informer.trouble is None:
            return 0.0
        return time.monotonic() - self._informer.last_contact

    def silence(self, lease: str) -> Silence:
        """For how long that checker gave no sign of life, as far as we could have heard it."""
        self._asked.add(lease)
        found = self._silence(lease)
        if found.seconds > MIN_STALE:
            # Whoever asked may write that it is gone: back before the watchdog saw it silent, it
            # would stay gone in the status.
            self._missed.add(lease)
        return found

    def _silence(self, lease: str) -> Silence:
        changed, since = self._heard.setdefault(lease, _this_moment())
        # While we ourselves do not hear the API server, nobody's silence grows.
        until = time.monotonic() if self._informer.trouble is None else self._informer.last_contact
        return Silence(max(0.0, until - changed), since)

    def any_silent(self) -> bool:
        """Whether some checker's verdicts may be about to lose their worth, lost it, or have it
        again: who was away for a moment has nothing to write when its pods are as they were.

        Said once for each time that somebody asked: while reports name a silent checker, looking
        at them asks again; one that was replaced under another name is soon asked for no more.
        """
        silent = {name for name in self._asked if self._silence(name).seconds > MIN_STALE}
        back = {name for name in self._missed if self._silence(name).seconds <= MIN_STALE}
        self._asked -= silent
        self._missed = (self._missed | silent) - back
        return bool(silent or back)

    def _changed(self, change: Change[LeaseRecord]) -> None:
        lease = change.new
        if lease is None:
            return
        if change.old is None or change.old.renewed != lease.renewed:
            self._heard[lease.name] = _this_moment()


def _this_moment() -> tuple[float, str]:
    return time.monotonic(), datetime.now(UTC).strftime("%H:%M:%S UTC")
