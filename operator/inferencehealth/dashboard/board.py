"""What the page shows now, brought up to date from watches, and who has yet to hear of what."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from inferencehealth.api.policy import Policy
from inferencehealth.api.report import Report
from inferencehealth.controller.reading import Unreadable
from inferencehealth.controller.views import SilenceOf, View, view
from inferencehealth.dashboard.rows import (
    Known,
    Row,
    policy_row,
    told_since,
    workload_key,
    workload_row,
)
from inferencehealth.dashboard.timeline import Timeline, begun, noted
from inferencehealth.status.tree import by_policy, policy_node


class Seen(Protocol):
    """Policies and reports at one moment; `notes` are what could not be found out."""

    @property
    def policies(self) -> tuple[Policy | Unreadable, ...]:
        """The policies, read or not."""

    @property
    def reports(self) -> tuple[Report, ...]:
        """Their reports."""

    @property
    def silence_of(self) -> SilenceOf:
        """The silence of a checker."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be found out."""


@dataclass(slots=True, eq=False)
class Reader:
    """A page that is open. `news` is set when there is something that it was not told.

    However slow it is, only the names of what changed are kept for it: it gets what is so by then.
    """

    news: asyncio.Event = field(default_factory=asyncio.Event)
    policies: set[str] = field(default_factory=set)
    workloads: set[str] = field(default_factory=set)
    whole: bool = True

    def tell(self, policies: Iterable[str], workloads: Iterable[str]) -> None:
        """These changed, or are gone."""
        self.policies.update(policies)
        self.workloads.update(workloads)
        self.news.set()


State = tuple[Policy | Unreadable, tuple[View, ...]]
"""A policy and its workloads: all that its rows are made of."""


@dataclass(slots=True)
class Board:
    """The rows by their keys, which are namespace/name and namespace/kind/name.

    `system` is the operator's namespace, `since` when we began to look (epoch seconds). Nothing is
    computed for a policy of which nothing changed.
    """

    system: str
    since: float
    notes: tuple[str, ...] = ()
    policies: dict[str, Row] = field(default_factory=dict)
    workloads: dict[str, Row] = field(default_factory=dict)
    known: dict[str, Known] = field(default_factory=dict)
    _timelines: dict[str, Timeline] = field(default_factory=dict)
    _states: Mapping[str, State] = field(default_factory=dict)
    _readers: set[Reader] = field(default_factory=set)

    def refresh(self, seen: Seen, now: float) -> None:
        """Take in what is there at `now` (epoch seconds), and tell the readers what is new."""
        before, states = self._states, _states(seen)
        # Unchanged objects are the same objects, so that this compares next to nothing.
        changed = {key for key, state in states.items() if before.get(key) != state}
        gone = before.keys() - states.keys()
        self._states = states
        told: set[str] = set()
        for key in changed:
            told |= self._take(key, *states[key], seen.silence_of, now)
        for key in gone:
            self.policies.pop(key, None)
        if changed or gone:
            told |= self._forget_others()
        if changed or gone or self.notes != seen.notes:
            self.notes = seen.notes
            for reader in self._readers:
                reader.tell(changed | gone, told)

    def policy(self, workload: str) -> Policy | None:
        """The policy that holds a workload; None where there is none that can be read."""
        row = self.workloads.get(workload)
        policy, _ = self._states.get(row["policy"], (None, ())) if row else (None, ())
        return policy if isinstance(policy, Policy) else None

    def _take(
        self,
        key: str,
        policy: Policy | Unreadable,
        views: tuple[View, ...],
        silence_of: SilenceOf,
        now: float,
    ) -> set[str]:
        """Rows of a policy and its workloads; returns the workloads that changed."""
        node = policy_node(policy, [each.report for each in views], silence_of, self.system)
        self.policies[key] = policy_row(node)
        by_ref = {each.ref: each for each in views}
        changed = set()
        for each in node.workloads:
            known = Known(by_ref[each.ref], each)
            name = workload_key(known.view)
            before = self.known.get(name)
            if before is not None and before.view == known.view:
                continue
            self.known[name] = known
            timeline = (
                noted(self._timelines[name], each.verdict, now)
                if before
                else begun(each.verdict, told_since(known.view), now)
            )
            revision = self.workloads[name]["revision"] + 1 if before else 1
            self._timelines[name] = timeline
            self.workloads[name] = workload_row(known, timeline, revision)
            changed.add(name)
        return changed

    def _forget_others(self) -> set[str]:
        """Forget the workloads that no policy holds any more; returns them."""
        present = {workload_key(each) for _, views in self._states.values() for each in views}
        gone = self.known.keys() - present
        for name in gone:
            del self.known[name], self.workloads[name], self._timelines[name]
        return gone

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """A page that is open during the block."""
        reader = Reader()
        reader.news.set()
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)

    def news(self, reader: Reader) -> dict[str, Any]:
        """What the reader was not told yet; from then on it was."""
        policies = self.policies.keys() if reader.whole else reader.policies
        workloads = self.workloads.keys() if reader.whole else reader.workloads
        told = {
            "whole": reader.whole,
            "since": self.since,
            "notes": list(self.notes),
            "policies": [self.policies[key] for key in policies if key in self.policies],
            "workloads": [self.workloads[key] for key in workloads if key in self.workloads],
            "gone": {
                "policies": [key for key in policies if key not in self.policies],
                "workloads": [key for key in workloads if key not in self.workloads],
            },
        }
        reader.whole = False
        reader.policies, reader.workloads = set(), set()
        reader.news.clear()
        return told


def _states(seen: Seen) -> dict[str, State]:
    reports = by_policy(seen.reports)
    found = {}
    for policy in seen.policies:
        meta = policy.metadata
        answers = reports.get((meta.namespace, meta.name), ())
        views = tuple(view(report, seen.silence_of) for report in answers)
        found[f"{meta.namespace}/{meta.name}"] = (policy, views)
    return found
