"""From the verdicts on a workload's pods to the health half of its report. Pure.

Nothing in it changes while nothing changes: no ages, no latencies, no counters that run. So a
steady fleet is never written about.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from inferencehealth.api.report import (
    MAX_HEALTH_FINDINGS,
    MAX_MESSAGE,
    MAX_MODELS,
    MAX_NOT_READY,
    MAX_PODS,
    CanaryCost,
    Health,
    ItemHealth,
    PodHealth,
    PodItem,
    Startup,
)
from inferencehealth.api.status import VerdictCounts, enough_serve
from inferencehealth.checker.canary import CanaryState
from inferencehealth.checker.disagreement import Contradiction, Differing, findings
from inferencehealth.checker.gating import gate_in_words
from inferencehealth.checker.turns import canary_findings
from inferencehealth.checks.history import History
from inferencehealth.checks.steps import Item, Sign
from inferencehealth.checks.verdicts import RANK, SERVING, Verdict
from inferencehealth.kube.pods import GateRecord

_ITEM_VERDICTS: Final = {
    Sign.NOT_READY: Verdict.LOADING,
    Sign.SERVES: Verdict.READY,
    Sign.DEGRADED: Verdict.DEGRADED,
    Sign.LOADING: Verdict.LOADING,
    Sign.BUSY: Verdict.BUSY,
    Sign.ASLEEP: Verdict.ASLEEP,
    Sign.FAILS: Verdict.BROKEN,
    Sign.UNKNOWN: Verdict.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class PodState:
    """One pod as a report tells it; `latency` is in seconds, 0 where it is not known."""

    name: str
    history: History
    kubelet_ready: bool
    restarts: int
    canaries: tuple[CanaryState, ...] = ()
    latency: float = 0.0
    contradiction: Contradiction | None = None
    gate: GateRecord | None = None


def health(
    pods: Iterable[PodState],
    *,
    generation: int,
    checked_by: str,
    previous: Health | None,
    now: float,
    container: str = "",
    startups: tuple[Startup, ...] = (),
    desired: int = 0,
    canary: CanaryCost | None = None,
) -> Health:
    """The health of a workload; `now` (epoch seconds) dates its last transition.

    `desired` is how many pods the workload wants, 0 where that is not known.
    The pod named first is the worst, among equals the one that is so longest. Returns `previous`
    where nothing but latencies and the cost of canaries differs: they are no reason to write.
    """
    worst_first = sorted(pods, key=_badness)
    verdict, reason, message = _summary(worst_first)
    models = _roll_up((s, i) for s in worst_first for i in s.history.models)
    components = _roll_up((s, i) for s in worst_first for i in s.history.components)
    counts = Counter(state.history.verdict for state in worst_first)
    serving = sum(counts[each] for each in SERVING)
    same = previous is not None and previous.verdict == verdict.value
    found = Health(
        observed_generation=generation,
        checked_by=checked_by,
        verdict=verdict.value,
        reason=reason,
        message=_short(message),
        counts=VerdictCounts(
            total=len(worst_first), **{v.value.lower(): counts[v] for v in Verdict}
        ),
        pods_serving=f"{serving}/{len(worst_first)}",
        models_serving=_models_serving(models, desired),
        pods=tuple(_pod(state) for state in worst_first[:MAX_PODS]),
        models=models[:MAX_MODELS],
        components=components[:MAX_MODELS],
        findings=(
            *findings(_differing(worst_first), len(worst_first), container),
            *canary_findings(each for state in worst_first for each in state.canaries),
        )[:MAX_HEALTH_FINDINGS],
        startups=startups,
        canary=canary,
        last_transition_time=previous.last_transition_time
        if same and previous is not None and previous.last_transition_time
        else rfc3339(now),
    )
    return previous if previous is not None and _unhurried(found) == _unhurried(previous) else found


def _models_serving(models: Sequence[ItemHealth], desired: int) -> str:
    serving = sum(enough_serve(m.ready, m.total, desired) for m in models)
    return f"{serving}/{len(models)}" if models else "-"


def _unhurried(told: Health) -> Health:
    """The same without its latencies, and without what canaries cost."""
    pods = tuple(pod.model_copy(update={"latency": 0.0}) for pod in told.pods)
    return told.model_copy(update={"pods": pods, "canary": None})


def _differing(states: Iterable[PodState]) -> Iterator[Differing]:
    for state in states:
        if state.contradiction is not None:
            said = state.history.message or state.history.reason
            yield Differing(state.name, state.contradiction, said)


def rfc3339(seconds: float) -> str:
    """Epoch seconds as Kubernetes writes a time: UTC, whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def epoch(text: str) -> float | None:
    """Epoch seconds of a time as Kubernetes writes it; None where it is none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def _badness(state: PodState) -> tuple[int, float, str]:
    return -RANK[state.history.verdict], state.history.since, state.name


def _summary(worst_first: Sequence[PodState]) -> tuple[Verdict, str, str]:
    if not worst_first:
        return Verdict.UNKNOWN, "NoPods", "the workload has no pods"
    worst = worst_first[0].history
    if worst.verdict is Verdict.READY:
        count = len(worst_first)
        return worst.verdict, worst.reason, f"{count} of {count} pods serve"
    others = sum(state.history.verdict is worst.verdict for state in worst_first) - 1
    told = f"pod {worst_first[0].name}: {worst.message or worst.reason}"
    more = f"; {others} more {'pod is' if others == 1 else 'pods are'} {worst.verdict}"
    return worst.verdict, worst.reason, told + more if others else told


def _pod(state: PodState) -> PodHealth:
    return PodHealth(
        name=state.name,
        verdict=state.history.verdict.value,
        reason=state.history.reason,
        message=_short(state.history.message),
        since=rfc3339(state.history.since),
        kubelet_ready=state.kubelet_ready,
        restarts=state.restarts,
        gate=gate_in_words(state.gate),
        latency=round(state.latency, 3),
        not_ready=tuple(_not_ready(state)),
    )


def _not_ready(state: PodState) -> Sequence[PodItem]:
    """Its models and components that are not Ready, the worst first."""
    items = (*state.history.models, *state.history.components)
    judged = ((_verdict(state, item), item) for item in items)
    troubled = [entry for entry in judged if entry[0] is not Verdict.READY]
    worst = sorted(troubled, key=lambda entry: -RANK[entry[0]])[:MAX_NOT_READY]
    return [
        PodItem(name=f"{i.name}:{i.version}" if i.version else i.name, state=verdict.value)
        for verdict, i in worst
    ]


def _verdict(state: PodState, item: Item) -> Verdict:
    return _ITEM_VERDICTS.get(item.sign, state.history.verdict)


def _roll_up(items: Iterable[tuple[PodState, Item]]) -> tuple[ItemHealth, ...]:
    """One entry per model or component, those that serve least first."""
    found: dict[tuple[str, str], list[tuple[Verdict, Item]]] = {}
    for state, item in items:
        found.setdefault((item.name, item.version), []).append((_verdict(state, item), item))
    entries = [_item(told) for told in found.values()]
    return tuple(sorted(entries, key=_item_badness))


def _item(told: Sequence[tuple[Verdict, Item]]) -> ItemHealth:
    verdict, worst = max(told, key=lambda entry: RANK[entry[0]])
    return ItemHealth(
        name=worst.name,
        version=worst.version,
        required=any(item.required for _, item in told),
        ready=sum(each in SERVING for each, _ in told),
        total=len(told),
        state=verdict.value,
        reason=worst.reason,
        message=_short(worst.message),
    )


def _item_badness(entry: ItemHealth) -> tuple[int, bool, str, str]:
    return -RANK[entry.state], not entry.required, entry.name, entry.version


def _short(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"
