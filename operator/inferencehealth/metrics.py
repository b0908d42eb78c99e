"""How our programs tell their numbers to Prometheus: families named as its conventions want it."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

PREFIX: Final = "inferencehealth_"
"""What the names of all our metrics begin with."""


class Spread:
    """How often a value fell between which bounds."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count one value; one at a bound lies below it."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


def histogram(name: str, what: str, spread: Spread) -> HistogramMetricFamily:
    """A histogram of seconds."""
    running, buckets = 0, []
    for bound, count in zip((*map(str, spread.bounds), "+Inf"), spread.counts, strict=True):
        running += count
        buckets.append((bound, float(running)))
    return HistogramMetricFamily(
        f"{PREFIX}{name}_seconds", what, buckets=buckets, sum_value=spread.total
    )


def counter(name: str, what: str, value: int) -> CounterMetricFamily:
    """A counter without labels; Prometheus sees its name with _total."""
    return CounterMetricFamily(f"{PREFIX}{name}", what, value=value)


def gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    """A gauge without labels."""
    return GaugeMetricFamily(f"{PREFIX}{name}", what, value=value)


def labelled(
    family: type[CounterMetricFamily] | type[GaugeMetricFamily],
    name: str,
    what: str,
    label: str,
    values: Mapping[str, int],
) -> Metric:
    """A family with one label, and its value for each value of the label."""
    made = family(f"{PREFIX}{name}", what, labels=[label])
    for value, count in values.items():
        made.add_metric([value], count)
    return made


def gauges(
    name: str, what: str, labels: Sequence[str], rows: Mapping[tuple[str, ...], float]
) -> GaugeMetricFamily:
    """A gauge with several labels, and its value for each combination of theirs."""
    made = GaugeMetricFamily(f"{PREFIX}{name}", what, labels=list(labels))
    for values, number in rows.items():
        made.add_metric(list(values), number)
    return made


def counts(
    name: str, what: str, labels: Sequence[str], rows: Mapping[tuple[str, ...], float]
) -> CounterMetricFamily:
    """A counter with several labels, and its value for each combination of theirs."""
    made = CounterMetricFamily(f"{PREFIX}{name}", what, labels=list(labels))
    for values, number in rows.items():
        made.add_metric(list(values), number)
    return made


def text(families: Callable[[], Iterator[Metric]]) -> Callable[[], bytes]:
    """What is served at /metrics: these and the process's own, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Anew(families))
    ProcessCollector(registry=registry)
    return lambda: generate_latest(registry)


class _Anew(Collector):
    """The client's way to say that metrics are made when they are asked for."""

    def __init__(self, families: Callable[[], Iterator[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        return self._families()
