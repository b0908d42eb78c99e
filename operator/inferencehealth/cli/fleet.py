"""Policies, reports and the checkers' signs of life: read once, or followed by watches."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import typer

from inferencehealth.api.names import CHECKER_LEASE_LABEL, POLICY_LABEL
from inferencehealth.api.policy import Policy
from inferencehealth.api.report import Report
from inferencehealth.controller.leases import CHECKER
from inferencehealth.controller.reading import Unreadable
from inferencehealth.controller.reports import policy_label
from inferencehealth.controller.views import SilenceOf
from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import ConfigError, Forbidden, NotFound
from inferencehealth.kube.informer import Informer
from inferencehealth.kube.requests import LEASES, POLICIES, REPORTS, JsonObject
from inferencehealth.kube.retries import Limits
from inferencehealth.kube.store import Change
from inferencehealth.status.freshness import (
    Heard,
    SignOfLife,
    heard,
    sign_of_life,
    silences,
    unheard,
)
from inferencehealth.status.reading import read_policy, read_report
from inferencehealth.status.tree import PolicyNode, tree

PATIENCE: Final = Limits(attempt=30.0, retry_for=5.0)
"""Somebody waits before a screen: an API server that is away is told soon."""
_LEASES: Final = f"{CHECKER_LEASE_LABEL}={CHECKER}"


@dataclass(frozen=True, slots=True)
class Scope:
    """What is looked at: one namespace or all (""), one policy or all ("").

    `system` is where the checkers' Leases are. `everything`: also the pods that serve.
    """

    namespace: str
    policy: str
    system: str
    everything: bool = False

    def policy_of(self, raw: JsonObject) -> Policy | Unreadable | None:
        """The policy, if it is one of those."""
        if self.policy and raw["metadata"]["name"] != self.policy:
            return None
        return read_policy(raw)

    @property
    def reports(self) -> str:
        """Label selector of the reports."""
        return f"{POLICY_LABEL}={policy_label(self.policy)}" if self.policy else ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was there at one moment; `notes` are what could not be found out."""

    policies: tuple[Policy | Unreadable, ...]
    reports: tuple[Report, ...]
    silence_of: SilenceOf
    notes: tuple[str, ...]

    def nodes(self, system: str) -> tuple[PolicyNode, ...]:
        """It as a tree."""
        return tree(self.policies, self.reports, self.silence_of, system)


async def look(client: Client, scope: Scope) -> Seen:
    """Everything in the scope, read once; raises KubeError, and typer.BadParameter for a policy
    that is not there.
    """
    try:
        policies, reports, (silence_of, notes) = await asyncio.gather(
            client.list(
                POLICIES,
                project=scope.policy_of,
                namespace=scope.namespace,
                field_selector=f"metadata.name={scope.policy}" if scope.policy else "",
                limits=PATIENCE,
            ),
            client.list(
                REPORTS,
                project=partial(read_report, everything=scope.everything),
                namespace=scope.namespace,
                label_selector=scope.reports,
                limits=PATIENCE,
            ),
            _signs(client, scope.system),
        )
    except NotFound as error:
        raise ConfigError(
            "the cluster does not know InferenceHealthPolicy: install the definitions in crds/ "
            "(kubectl apply --server-side -f crds/)"
        ) from error
    found = tuple(each for each in policies.items if each is not None)
    if scope.policy and not found:
        told = f"no policy {scope.policy!r} in namespace {scope.namespace or 'any'!r}"
        raise typer.BadParameter(f"{told}; ihp status -A shows all", param_hint="POLICY")
    readable = tuple(each for each in reports.items if each is not None)
    unread = len(reports.items) - len(readable)
    notes += (f"{unread} reports of another version cannot be read",) if unread else ()
    return Seen(found, readable, silence_of, notes)


async def _signs(client: Client, system: str) -> tuple[SilenceOf, tuple[str, ...]]:
    try:
        listed = await client.list(
            LEASES,
            project=lambda raw: (raw["metadata"]["name"], sign_of_life(raw)),
            namespace=system,
            label_selector=_LEASES,
            limits=PATIENCE,
        )
    except Forbidden:
        return unheard, (_unverified(system),)
    now, server_time = time.monotonic(), client.server_time
    known = {
        name: heard(None, sign, server_time=server_time, now=now)
        for name, sign in listed.items
        if sign is not None
    }
    return silences(known, now), ()


def _unverified(system: str) -> str:
    return (
        f"you may not list Leases in {system}, so it is not known whether the checkers still look"
    )


@dataclass(slots=True)
class Live:
    """The scope as watches tell it. `changed` is set by every change, to be cleared by a reader."""

    scope: Scope
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _policies: Mapping[Any, Policy | Unreadable] = field(default_factory=dict)
    _reports: Mapping[Any, Report] = field(default_factory=dict)
    _heard: dict[str, Heard] = field(default_factory=dict)
    _informers: tuple[Informer[Any], ...] = ()
    _deaf: bool = False

    def seen(self) -> Seen:
        """What is known now."""
        silence_of = unheard if self._deaf else silences(self._heard, time.monotonic())
        notes = (_unverified(self.scope.system),) if self._deaf else ()
        return Seen(
            tuple(self._policies.values()),
            tuple(self._reports.values()),
            silence_of,
            (*notes, *self._troubles()),
        )

    def _troubles(self) -> Iterable[str]:
        troubles = (informer.trouble for informer in self._informers)
        return dict.fromkeys(f"not up to date: {each}" for each in troubles if each)

    def told(self, _change: Change[Any]) -> None:
        """Something changed."""
        self.changed.set()

    def lease(self, client: Client) -> Callable[[Change[SignOfLife]], None]:
        """What takes in a change of a checker's Lease."""

        def take(change: Change[SignOfLife]) -> None:
            name, now = change.key[1], time.monotonic()
            if change.new is None:
                self._heard.pop(name, None)
                self.changed.set()
                return
            before = self._heard.get(name)
            self._heard[name] = heard(before, change.new, server_time=client.server_time, now=now)
            if before is None:
                self.changed.set()

        return take

    def follow(self, client: Client) -> tuple[Informer[Any], ...]:
        """The informers that keep this up to date."""
        scope = self.scope
        policies = Informer(
            client,
            POLICIES,
            project=scope.policy_of,
            on_change=self.told,
            namespace=scope.namespace,
        )
        reports = Informer(
            client,
            REPORTS,
            project=partial(read_report, everything=scope.everything),
            on_change=self.told,
            namespace=scope.namespace,
            label_selector=scope.reports,
        )
        self._policies, self._reports = policies.store, reports.store
        leases = (
            ()
            if self._deaf
            else (
                Informer(
                    client,
                    LEASES,
                    project=sign_of_life,
                    on_change=self.lease(client),
                    namespace=scope.system,
                    label_selector=_LEASES,
                ),
            )
        )
        self._informers = (policies, reports, *leases)
        return self._informers


@asynccontextmanager
async def following(client: Client, scope: Scope) -> AsyncIterator[Live]:
    """The scope, kept up to date while the block runs; raises as `look` does at its beginning."""
    first = await look(client, scope)
    live = Live(scope, _deaf=first.silence_of is unheard)
    informers = live.follow(client)
    tasks = [asyncio.create_task(informer.run()) for informer in informers]
    try:
        await asyncio.gather(*(informer.synced.wait() for informer in informers))
        yield live
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
