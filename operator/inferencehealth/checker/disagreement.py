"""Where the kubelet says something else about a pod than the checks: the findings of a report.

Pure. A difference is told once it has lasted so long that it is no lag: the kubelet acts after
several failures of its own, and while a server starts the two see it serve at different moments.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from inferencehealth.api.report import MAX_MESSAGE, Finding
from inferencehealth.checks.history import History, PodFacts
from inferencehealth.checks.verdicts import SERVING, Verdict

LASTING_INTERVALS: Final = 2
"""Check intervals that a difference lasts at least before it is told."""
LOST_LOADS: Final = 2
"""Starts in a row that a signal ended while the server loaded; once may be anybody's signal."""


class Contradiction(StrEnum):
    """What the kubelet makes of a pod, against what the checks see; the value is a finding's id."""

    READY_BUT_BROKEN = "KubeletReadyButBroken"
    NOT_READY_BUT_SERVING = "KubeletNotReadyButServing"
    RESTARTS_WHILE_LOADING = "KubeletRestartsWhileLoading"


@dataclass(frozen=True, slots=True)
class Kubelet:
    """What the kubelet says: of the pod, since when (epoch seconds), and of the server's container.

    `lag` is by how many seconds it may be late by the readiness probe in place.
    """

    pod_ready: bool
    since: float | None
    server_ready: bool
    lag: float


@dataclass(frozen=True, slots=True)
class Differing:
    """A pod about which the two differ, and what the checks say."""

    pod: str
    contradiction: Contradiction
    said: str


def contradiction(
    history: History, facts: PodFacts, kubelet: Kubelet, interval: float, now: float
) -> Contradiction | None:
    """Where the kubelet contradicts the checks for good; None where it does not, or not yet.

    Asks nothing and remembers nothing: both sides tell since when they say what they say.
    """
    if history.lost_loads >= LOST_LOADS and not history.served:
        return Contradiction.RESTARTS_WHILE_LOADING
    found = _differing(history.verdict, kubelet)
    if found is None:
        return None
    since = max(history.since, kubelet.since or 0.0, facts.started_at or 0.0)
    lasting = max(kubelet.lag, LASTING_INTERVALS * interval)
    return found if now - since >= lasting else None


def _differing(verdict: Verdict, kubelet: Kubelet) -> Contradiction | None:
    if verdict is Verdict.BROKEN and kubelet.pod_ready:
        return Contradiction.READY_BUT_BROKEN
    if verdict in SERVING and not kubelet.pod_ready and not kubelet.server_ready:
        return Contradiction.NOT_READY_BUT_SERVING
    return None


def findings(pods: Iterable[Differing], total: int, container: str) -> tuple[Finding, ...]:
    """One finding for each way in which the two differ, with how many pods and one by name."""
    listed = sorted(pods, key=lambda one: one.pod)
    grouped = ((kind, [one for one in listed if one.contradiction is kind]) for kind in _WORDS)
    return tuple(_finding(kind, these, total, container) for kind, these in grouped if these)


def _finding(
    kind: Contradiction, these: Sequence[Differing], total: int, container: str
) -> Finding:
    pods = f"{len(these)} of {total} pods" if total > 1 else "the pod"
    told = _WORDS[kind].what.format(pods=pods)
    example = f"for example pod {these[0].pod}: {these[0].said}"
    return Finding(
        id=kind.value,
        severity="warning",
        container=container,
        message=f"{told}; {example}"[:MAX_MESSAGE],
        remedy=_WORDS[kind].remedy,
    )


@dataclass(frozen=True, slots=True)
class _Words:
    what: str
    remedy: str


_WORDS: Final = {
    Contradiction.READY_BUT_BROKEN: _Words(
        what="The kubelet calls {pods} ready, so traffic goes there, but the checks see that they "
        "do not serve",
        remedy="Give the container a readiness probe that asks for its models "
        "(status.probes.readiness of this report has one where the server knows a path for it), "
        "or let the checks take such pods out of traffic: spec.checks.readinessGate of the "
        "policy.",
    ),
    Contradiction.NOT_READY_BUT_SERVING: _Words(
        what="The checks see {pods} serve, but the kubelet calls the container not ready, so no "
        "traffic goes there",
        remedy="Its startup or readiness probe asks a wrong path or port, gives too little time, "
        "or is stricter than the checks: kubectl describe pod shows how it fails; compare it "
        "with status.probes of this report.",
    ),
    Contradiction.RESTARTS_WHILE_LOADING: _Words(
        what="The kubelet restarts {pods} before the server has loaded",
        remedy="Its liveness or startup probe gives the server less time than it takes to load: "
        "raise spec.probes.budgets.maxStartup of the policy, or take the startup probe in "
        "status.probes of this report.",
    ),
}
