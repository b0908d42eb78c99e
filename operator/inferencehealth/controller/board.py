"""What the controller last found about every policy, kept for its own HTTP pages and numbers.

Reconciliation puts it here with each status that it makes; nobody reads the API server for it.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from inferencehealth.api.status import PolicyStatus
from inferencehealth.controller.pages import Page, page
from inferencehealth.controller.states import WorkloadState, state
from inferencehealth.controller.views import View

Key = tuple[str, str]
"""Namespace and name of a policy."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A policy: its conditions' status by type, its workloads, the page about it, and since when.

    `at` are seconds of a clock that nobody sets.
    """

    conditions: Mapping[str, str]
    workloads: tuple[WorkloadState, ...]
    page: Page
    at: float = 0.0


class Board:
    """The policies by namespace and name."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds that nobody sets."""
        self._clock = clock
        self._doubts: dict[Key, float] = {}
        self._posted: dict[Key, Posted] = {}
        self._awaited: set[Key] | None = None

    def expect(self, policies: Iterable[Key]) -> None:
        """These policies exist: until they are posted, each is one that was not looked at yet."""
        self._awaited = set(policies) - self._posted.keys()

    def post(self, policy: Key, status: PolicyStatus, views: Iterable[View]) -> None:
        """What was found about a policy just now."""
        workloads = tuple(map(state, views))
        if self._awaited:
            self._awaited.discard(policy)
        self._posted[policy] = Posted(
            conditions={c.type: c.status.value for c in status.conditions},
            workloads=workloads,
            page=page(status, workloads),
            at=self._clock(),
        )

    def keep(self, namespace: str, names: Iterable[str]) -> None:
        """These are the policies of the namespace; others are gone."""
        kept = {(namespace, name) for name in names}
        for gone in [key for key in self._posted if key[0] == namespace and key not in kept]:
            del self._posted[gone]
        if self._awaited:
            self._awaited = {key for key in self._awaited if key[0] != namespace or key in kept}

    def doubt(self, namespace: str, policy: str = "") -> None:
        """A run over the policy, or the whole namespace, failed: what is posted may be old."""
        self._doubts.setdefault((namespace, policy), self._clock())

    def trust(self, namespace: str, policy: str = "") -> None:
        """A run over the policy, or the whole namespace and so each of its policies, succeeded."""
        gone = [key for key in self._doubts if key[0] == namespace and policy in {"", key[1]}]
        for key in gone:
            del self._doubts[key]

    def doubted(self, policy: Key) -> float:
        """Seconds for which runs have failed without a word on the policy; 0 while they succeed."""
        began = min(
            (self._doubts[key] for key in (policy, (policy[0], "")) if key in self._doubts),
            default=None,
        )
        if began is None:
            return 0.0
        posted = self._posted.get(policy)
        return self._clock() - max(began, posted.at if posted else began)

    def get(self, policy: Key) -> Posted | None:
        """What was found about it last; None where there is no such policy, or not yet."""
        return self._posted.get(policy)

    def awaits(self, policy: Key) -> bool:
        """Whether the policy exists, as far as we know, and was not looked at yet."""
        return self._awaited is None or policy in self._awaited

    def waits(self) -> str:
        """What has to happen before everything is known; "" when it is."""
        if self._awaited is None:
            return "policies are not known yet"
        return f"{len(self._awaited)} policies were not looked at yet" if self._awaited else ""

    def __iter__(self) -> Iterator[tuple[Key, Posted]]:
        return iter(self._posted.items())
