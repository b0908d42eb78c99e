"""A failure exercise as values: which pod goes, what has to follow, and when it did. Pure.

The steps are those that the ASR server's documentation recommends to go through regularly.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from inferencehealth.api.durations import format_duration
from inferencehealth.kube.pods import PodRecord
from inferencehealth.problems import Problem


class Stage(StrEnum):
    """What has to follow the deletion of a pod."""

    CHECK_FAILS = "CheckFails"
    TRAFFIC_STOPS = "TrafficStops"
    POD_READY = "PodReady"
    CHECK_SUCCEEDS = "CheckSucceeds"
    TRAFFIC_RETURNS = "TrafficReturns"


class Outcome(StrEnum):
    """How a step ended."""

    DONE = "Done"
    NOT_IN_TIME = "NotInTime"
    SKIPPED = "Skipped"


TITLES: Final[Mapping[Stage, str]] = {
    Stage.CHECK_FAILS: "the check of the deleted pod fails",
    Stage.TRAFFIC_STOPS: "Services stop routing to it",
    Stage.POD_READY: "a new pod is ready",
    Stage.CHECK_SUCCEEDS: "the check of the new pod succeeds",
    Stage.TRAFFIC_RETURNS: "Services route to the new pod",
}
WORDS: Final[Mapping[Outcome, str]] = {
    Outcome.DONE: "✓ done",
    Outcome.NOT_IN_TIME: "✗ not in time",
    Outcome.SKIPPED: "- skipped",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `seconds` since the deletion, or how long it was waited for; `told` the details."""

    stage: Stage
    outcome: Outcome
    seconds: float
    told: str = ""


@dataclass(frozen=True, slots=True)
class Exercise:
    """An exercise as far as it went. `replacement` is empty while there is none."""

    workload: str
    namespace: str
    deleted: str
    pods: int
    steps: tuple[Step, ...] = ()
    replacement: str = ""

    @property
    def passed(self) -> bool:
        """Whether all that had to follow did."""
        ended = {step.stage for step in self.steps}
        return ended == set(Stage) and all(s.outcome is not Outcome.NOT_IN_TIME for s in self.steps)


def choose(workload: str, pods: Sequence[PodRecord]) -> PodRecord | Problem:
    """The pod to delete: one that is in traffic, while all the others are, too."""
    if not pods:
        return Problem("NoPods", f"{workload} has no pods: there is nothing to exercise.")
    unready = [pod.name for pod in pods if not pod.ready]
    if unready:
        return Problem(
            "NotReady",
            f"{len(unready)} of {len(pods)} pods are not ready, such as {unready[0]}: an exercise "
            f"would come on top of that. First: ihp diagnose pod/{unready[0]}",
        )
    return min(pods, key=lambda pod: pod.name)


def question(workload: str, namespace: str, pod: str, count: int) -> str:
    """What a person is asked before anything is deleted."""
    one = f"This deletes pod/{pod}, one of {count} pods of {workload} in namespace {namespace}."
    only = (
        f"This deletes pod/{pod}, the only pod of {workload} in namespace {namespace}: "
        "traffic stops until its replacement is ready."
    )
    return only if count == 1 else one


def in_traffic(slices: Iterable[Mapping[str, Any]], pod: str, uid: str) -> bool:
    """Whether any EndpointSlice has the pod as a ready endpoint.

    A missing condition counts as ready (discovery.k8s.io/v1, EndpointConditions).
    """
    for each in slices:
        for endpoint in each.get("endpoints") or ():
            reference = endpoint.get("targetRef") or {}
            named = (reference.get("name"), reference.get("uid")) == (pod, uid)
            if named and (endpoint.get("conditions") or {}).get("ready") is not False:
                return True
    return False


def line(step: Step) -> str:
    """One step for people."""
    when = format_duration(round(step.seconds, 1))
    details = f" ({step.told})" if step.told else ""
    before = "after " if step.outcome is Outcome.DONE else "waited "
    time = "" if step.outcome is Outcome.SKIPPED else f"  {before}{when}"
    return f"{WORDS[step.outcome]}  {TITLES[step.stage]}{time}{details}"


def document(exercise: Exercise) -> dict[str, Any]:
    """The exercise as JSON and YAML have it; times in seconds since the deletion."""
    return {
        "workload": exercise.workload,
        "namespace": exercise.namespace,
        "passed": exercise.passed,
        "pods": exercise.pods,
        "deleted": exercise.deleted,
        "replacement": exercise.replacement,
        "steps": [
            {
                "step": step.stage.value,
                "outcome": step.outcome.value,
                "seconds": round(step.seconds, 2),
                "message": step.told,
            }
            for step in sorted(exercise.steps, key=lambda step: list(Stage).index(step.stage))
        ],
    }
