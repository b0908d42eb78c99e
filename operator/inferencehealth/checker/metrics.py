"""The checker's numbers as Prometheus reads them: made when asked for, from `counters`.

Labels are bounded: signs, verdicts and kinds of objects, never names of users' objects.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from inferencehealth.checker.counters import OUTDATED, VOID, Counters, Spread
from inferencehealth.checker.disagreement import Contradiction
from inferencehealth.checker.engine import Engine
from inferencehealth.checks.steps import Sign
from inferencehealth.checks.verdicts import Verdict


class _Numbers(Collector):
    def __init__(
        self, engine: Engine, members: Callable[[], int], writes: Mapping[str, int]
    ) -> None:
        self._engine = engine
        self._members = members
        self._writes = writes

    def collect(self) -> Iterator[Metric]:
        engine, counters = self._engine, self._engine.counters
        yield _histogram("check_lateness", "By how much checks start late.", counters.lateness)
        yield _histogram("check_duration", "How long checks take.", counters.duration)
        yield from _counts(counters)
        yield _labelled(
            CounterMetricFamily, "api_writes", "Writes to the API server.", "kind", self._writes
        )
        canaries = {"sent": engine.canaries.sent, "skipped": engine.canaries.skipped}
        what = "Canaries that were sent, and those that real traffic made needless."
        yield _labelled(CounterMetricFamily, "canaries", what, "result", canaries)
        verdicts = Counter({verdict.value: 0 for verdict in Verdict})
        verdicts.update(checked.history.verdict.value for checked in engine.checked())
        yield _labelled(
            GaugeMetricFamily, "verdicts", "Pods checked here by verdict.", "verdict", verdicts
        )
        differing = Counter({kind.value: 0 for kind in Contradiction})
        differing.update(c.contradiction.value for c in engine.checked() if c.contradiction)
        what = "Pods checked here of which the kubelet has long said something else, by finding."
        yield _labelled(GaugeMetricFamily, "kubelet_differences", what, "finding", differing)
        yield _gauge("pods", "Pods checked here.", verdicts.total())
        yield _gauge("reports", "Reports checked here.", engine.reports)
        yield _gauge("members", "Checkers that share the work.", self._members())
        suspect = "Whether this checker suspects itself, as too many pods fell silent at once."
        yield _gauge("suspect", suspect, int(engine.suspects_itself))


def exposition(
    engine: Engine, members: Callable[[], int], writes: Mapping[str, int]
) -> Callable[[], bytes]:
    """What is served at /metrics, in the Prometheus text format, at each call anew."""
    registry = CollectorRegistry()
    registry.register(_Numbers(engine, members, writes))
    ProcessCollector(registry=registry)
    return lambda: generate_latest(registry)


def _counts(counters: Counters) -> Iterator[Metric]:
    checks = {**{sign.value: 0 for sign in Sign}, VOID: 0, OUTDATED: 0, **counters.checks}
    transitions = {**{verdict.value: 0 for verdict in Verdict}, **counters.transitions}
    what = "Checks by what they came to."
    yield _labelled(CounterMetricFamily, "checks", what, "outcome", checks)
    what = "Turns of pods that were lost because this checker was late."
    yield _counter("checks_shed", what, counters.shed)
    what = "Changes of pods' verdicts by the new one."
    yield _labelled(CounterMetricFamily, "transitions", what, "verdict", transitions)
    yield _counter("lapses", "Times that this checker stood still.", counters.lapses)


def _histogram(name: str, what: str, spread: Spread) -> HistogramMetricFamily:
    running, buckets = 0, []
    for bound, count in zip((*map(str, spread.bounds), "+Inf"), spread.counts, strict=True):
        running += count
        buckets.append((bound, float(running)))
    return HistogramMetricFamily(
        f"inferencehealth_{name}_seconds", what, buckets=buckets, sum_value=spread.total
    )


def _counter(name: str, what: str, value: int) -> CounterMetricFamily:
    return CounterMetricFamily(f"inferencehealth_{name}", what, value=value)


def _gauge(name: str, what: str, value: int) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"inferencehealth_{name}", what, value=value)


def _labelled(
    family: type[CounterMetricFamily] | type[GaugeMetricFamily],
    name: str,
    what: str,
    label: str,
    values: Mapping[str, int],
) -> Metric:
    made = family(f"inferencehealth_{name}", what, labels=[label])
    for value, count in values.items():
        made.add_metric([value], count)
    return made
