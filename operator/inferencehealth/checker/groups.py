"""Groups of pods that serve as one: what the workers say about the reading of their leader.

Only leaders are asked (see `inferencehealth.groups`). A leader may answer while a worker is gone,
so a round's reading of it is weighed against what Kubernetes says of its workers. Pure, but for
the index of workers by their leader.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from inferencehealth.checker.work import facts_of
from inferencehealth.checks.candidate import of_pod
from inferencehealth.checks.steps import Reading, Sign
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.groups import is_worker, leader_name
from inferencehealth.kube.pods import PodRecord
from inferencehealth.kube.store import Change, Key

WORKER_BROKEN: Final = "WorkerBroken"
WORKER_NOT_RUNNING: Final = "WorkerNotRunning"

_OWN_WORDS: Final = frozenset({Sign.FAILS, Sign.UNKNOWN})
"""What a leader says that no worker explains away: its own failure, and that it was not asked."""


@dataclass(slots=True)
class Workers:
    """The workers that exist, by the namespace and name of their leader's pod."""

    _by_leader: dict[Key, dict[str, PodRecord]] = field(default_factory=dict)

    def on_pod(self, change: Change[PodRecord]) -> None:
        """A pod appeared, changed or went away; what is no worker is passed over."""
        known = change.new or change.old
        if known is None or not is_worker(known.labels):
            return
        leader = (known.namespace, leader_name(known.labels))
        if change.new is not None and not change.new.deleting:
            self._by_leader.setdefault(leader, {})[known.name] = change.new
            return
        group = self._by_leader.get(leader, {})
        group.pop(known.name, None)
        if not group:
            self._by_leader.pop(leader, None)

    def weigh(self, reading: Reading, leader: PodRecord, size: int) -> Reading:
        """The reading of the leader of a group of `size` pods, as far as its workers let it be."""
        if size <= 1 or reading.sign in _OWN_WORDS:
            return reading
        group = self._by_leader.get((leader.namespace, leader.name), {})
        return as_group(reading, trouble(leader.name, size, group.values()))


def as_group(reading: Reading, found: Reading | None) -> Reading:
    """A leader's reading, given what is wrong with its workers, if anything is.

    One that sleeps may have sent its workers away; one that is broken explains all else.
    """
    if found is None or (reading.sign is Sign.ASLEEP and found.sign is not Sign.FAILS):
        return reading
    return Reading(
        found.sign,
        found.reason,
        found.message,
        models=reading.models,
        components=reading.components,
    )


def trouble(leader: str, size: int, workers: Iterable[PodRecord]) -> Reading | None:
    """Why the group does not serve, by its workers alone; None where all of them run.

    The worst is told: one that cannot start before one that is still to come.
    """
    found = {pod.name: pod for pod in workers}
    names = [f"{leader}-{index}" for index in range(1, size)]
    troubles = [told for name in names if (told := _of_worker(name, found.get(name)))]
    return min(troubles, key=lambda told: told.sign is not Sign.FAILS, default=None)


def _of_worker(name: str, pod: PodRecord | None) -> Reading | None:
    if pod is None:
        return Reading(Sign.LOADING, WORKER_NOT_RUNNING, f"worker {name} is not there")
    for container in pod.containers:
        facts = facts_of(pod, container.name)
        known = of_pod(facts)
        if known is not None and known.verdict is Verdict.BROKEN:
            return Reading(Sign.FAILS, WORKER_BROKEN, f"worker {name}: {known.message}")
        if known is not None:
            return Reading(Sign.LOADING, WORKER_NOT_RUNNING, f"worker {name}: {known.message}")
        if facts.started_at is None:
            message = f"worker {name}: its container {container.name} does not run"
            return Reading(Sign.LOADING, WORKER_NOT_RUNNING, message)
    return None
