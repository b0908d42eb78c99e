"""The checker's numbers as Prometheus reads them: made when asked for, from `counters`.

Labels are bounded: signs, verdicts and kinds of objects, profiles, never names of users' objects.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from inferencehealth.checker.counters import OUTDATED, VOID, Counters
from inferencehealth.checker.disagreement import Contradiction
from inferencehealth.checker.engine import Engine
from inferencehealth.checker.restarts import Cause, Probes
from inferencehealth.checker.tally import Ended, Tally
from inferencehealth.checks.steps import Sign
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.metrics import counter, counts, gauge, histogram, labelled, text


def families(
    engine: Engine, members: Callable[[], int], writes: Mapping[str, int]
) -> Iterator[Metric]:
    """Every metric of a checker, as it stands now. `members` counts those that share the work."""
    counters = engine.counters
    yield histogram("check_lateness", "By how much checks start late.", counters.lateness)
    yield histogram("check_duration", "How long checks take.", counters.duration)
    yield from _counts(counters)
    yield labelled(CounterMetricFamily, "api_writes", "Writes to the API server.", "kind", writes)
    yield from _canaries(engine.canaries.counted)
    verdicts = Counter({verdict.value: 0 for verdict in Verdict})
    verdicts.update(checked.history.verdict.value for checked in engine.checked())
    yield labelled(
        GaugeMetricFamily, "verdicts", "Pods checked here by verdict.", "verdict", verdicts
    )
    differing = Counter({kind.value: 0 for kind in Contradiction})
    differing.update(c.contradiction.value for c in engine.checked() if c.contradiction)
    what = "Pods checked here of which the kubelet has long said something else, by finding."
    yield labelled(GaugeMetricFamily, "kubelet_differences", what, "finding", differing)
    yield gauge("pods", "Pods checked here.", verdicts.total())
    yield gauge("reports", "Reports checked here.", engine.reports)
    yield gauge("members", "Checkers that share the work.", members())
    suspect = "Whether this checker suspects itself, as too many pods fell silent at once."
    yield gauge("suspect", suspect, int(engine.suspects_itself))


def _canaries(counted: Mapping[str, Tally]) -> Iterator[Metric]:
    what = (
        "Canaries by profile and by how they ended; Skipped: not sent, as real requests told more."
    )
    ends: dict[tuple[str, ...], float] = {
        (profile, end.value): float(tally.ends[end])
        for profile, tally in counted.items()
        for end in Ended
    }
    yield counts("canaries", what, ("profile", "outcome"), ends)
    what = "Seconds that servers took for the canaries that were sent to them, by profile."
    seconds: dict[tuple[str, ...], float] = {(p,): t.seconds for p, t in counted.items()}
    yield counts("canary_seconds", what, ("profile",), seconds)


def exposition(
    engine: Engine, members: Callable[[], int], writes: Mapping[str, int]
) -> Callable[[], bytes]:
    """What is served at /metrics, in the Prometheus text format, at each call anew."""
    return text(lambda: families(engine, members, writes))


def _counts(counters: Counters) -> Iterator[Metric]:
    checks = {**{sign.value: 0 for sign in Sign}, VOID: 0, OUTDATED: 0, **counters.checks}
    transitions = {**{verdict.value: 0 for verdict in Verdict}, **counters.transitions}
    what = (
        "Checks by what they came to; Void: this checker stood still meanwhile, Outdated: the pod "
    )
    what += "or its spec changed."
    yield labelled(CounterMetricFamily, "checks", what, "outcome", checks)
    what = "Turns of pods that were lost because this checker was late."
    yield counter("checks_shed", what, counters.shed)
    what = "Changes of pods' verdicts by the new one."
    yield labelled(CounterMetricFamily, "transitions", what, "verdict", transitions)
    what = "Restarts of servers by how their process ended, and by whose probes they had."
    restarts: dict[tuple[str, ...], float] = {
        (c.value, p.value): float(counters.restarts[c, p]) for c in Cause for p in Probes
    }
    yield counts("restarts", what, ("cause", "probes"), restarts)
    what = "Servers with probes of ours that came to serve after more than 30 s of loading or "
    what += "load, in which a copied liveness probe would have restarted them."
    yield counter("restarts_prevented", what, counters.spared)
    yield counter("lapses", "Times that this checker stood still.", counters.lapses)
