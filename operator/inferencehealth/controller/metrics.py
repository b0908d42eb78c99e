"""The controller's numbers as Prometheus reads them: made when asked for, from the board.

Names of users' objects are labels here, so their number is bounded: of workloads beyond the limit
only the number is told, and models beyond theirs are told as one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from prometheus_client.core import CounterMetricFamily, Metric

from inferencehealth.controller.board import Board, Key, Posted
from inferencehealth.controller.runs import Runs
from inferencehealth.controller.states import Part, WorkloadState
from inferencehealth.metrics import gauge, gauges, histogram, labelled, text

MAX_WORKLOADS: Final = 1000
"""Workloads with series of their own: four each, and two for each model. The text of all takes at
most a fifth of a second to make, in which nobody else is answered."""
MAX_MODELS: Final = 10
"""Models of one workload with series of their own."""
OTHERS: Final = "(others)"
"""The model that stands for all beyond the limit; no server can call one so: names of files and
URLs carry no brackets."""

Row = tuple[str, WorkloadState]


def families(
    board: Board,
    runs: Runs,
    writes: Mapping[str, int],
    deaf: Callable[[], float],
    leads: Callable[[], bool],
) -> Iterator[Metric]:
    """Every metric of the controller, as it stands now.

    Only the copy that leads tells of policies and workloads, so that nothing is counted twice.
    """
    what = "1 for the copy of the controller that acts, 0 for one that stands by."
    yield gauge("controller_leads", what, leads())
    posted = sorted(board, key=lambda entry: entry[0]) if leads() else []
    yield _conditions(posted)
    rows = [(namespace, w) for (namespace, _), each in posted for w in each.workloads]
    shown, beyond = rows[:MAX_WORKLOADS], len(rows) - MAX_WORKLOADS
    yield from _workloads(shown)
    yield from _models(shown)
    what = "Workloads held by policies."
    yield gauge("workloads", what, len(rows))
    what = "Workloads without series of their own, because there are too many."
    yield gauge("workloads_omitted", what, max(0, beyond))
    what = "Runs that brought a namespace, or a policy's status, in line."
    yield labelled(CounterMetricFamily, "runs", what, "result", runs.results)
    yield histogram("run_duration", "How long these runs take.", runs.duration)
    what = "Runs that are due or wait to be."
    yield gauge("runs_waiting", what, runs.waiting())
    what = "Time for which the API server was not heard: what is told here may be older than it."
    yield gauge("api_silence_seconds", what, deaf())
    what = "Writes to the API server."
    yield labelled(CounterMetricFamily, "api_writes", what, "kind", writes)


def exposition(
    board: Board,
    runs: Runs,
    writes: Mapping[str, int],
    deaf: Callable[[], float],
    leads: Callable[[], bool],
) -> Callable[[], bytes]:
    """What is served at /metrics, in the Prometheus text format, at each call anew.

    `deaf`: seconds for which the API server was not heard.
    """
    return text(lambda: families(board, runs, writes, deaf, leads))


def _conditions(posted: Sequence[tuple[Key, Posted]]) -> Metric:
    return gauges(
        "policy_condition",
        "1 for the status that a condition of a policy has; its other statuses are absent.",
        ("namespace", "policy", "type", "status"),
        {
            (*key, kind, status): 1
            for key, each in posted
            for kind, status in each.conditions.items()
        },
    )


def _workloads(rows: Sequence[Row]) -> Iterator[Metric]:
    labels = ("namespace", "kind", "workload")
    yield gauges(
        "workload_verdict",
        "1 for the worst verdict on any pod of the workload; the other verdicts are absent.",
        (*labels, "verdict"),
        {(*_names(row), row[1].verdict): 1 for row in rows},
    )
    yield gauges(
        "workload_pods_serving",
        "Pods of the workload that serve: those that are Ready or Degraded.",
        labels,
        {_names(row): row[1].serving for row in rows},
    )
    yield gauges(
        "workload_pods_wanted",
        "Pods that should serve: those that the workload wants, or has if these are more.",
        labels,
        {_names(row): row[1].wanted for row in rows},
    )
    yield gauges(
        "learned_startup_seconds",
        "Time within which nine of ten pods of the workload were seen to load, of its slowest "
        "image and kind of node.",
        labels,
        {_names(row): row[1].loads for row in rows if row[1].loads is not None},
    )


def _models(rows: Sequence[Row]) -> Iterator[Metric]:
    labels = ("namespace", "kind", "workload", "model")
    parts = [(row, part) for row in rows for part in _bounded(row[1].models)]
    yield gauges(
        "model_pods_serving",
        "Pods of the workload on which the model serves.",
        labels,
        {(*_names(row), part.name): part.serving for row, part in parts},
    )
    yield gauges(
        "model_pods_asked",
        "Pods of the workload that were asked for the model.",
        labels,
        {(*_names(row), part.name): part.asked for row, part in parts},
    )


def _bounded(models: Sequence[Part]) -> tuple[Part, ...]:
    """The models by the report's order, which has the worst first; the rest as one."""
    if len(models) <= MAX_MODELS:
        return tuple(models)
    rest = models[MAX_MODELS - 1 :]
    others = Part(OTHERS, sum(m.serving for m in rest), sum(m.asked for m in rest))
    return (*models[: MAX_MODELS - 1], others)


def _names(row: Row) -> tuple[str, str, str]:
    return row[0], row[1].kind, row[1].name
