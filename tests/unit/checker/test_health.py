"""Histories of pods into the health of a report."""

from dataclasses import replace

from inferencehealth.api.report import MAX_MESSAGE, MAX_NOT_READY, MAX_PODS, CanaryCost, Health
from inferencehealth.checker.health import PodState, epoch, health, rfc3339
from inferencehealth.checks.history import History
from inferencehealth.checks.steps import Item, Sign
from inferencehealth.checks.verdicts import Verdict

NOW = 1_790_000_000.0


def state(
    name: str,
    verdict: Verdict = Verdict.READY,
    *,
    reason: str = "Serving",
    message: str = "",
    since: float = NOW - 60,
    models: tuple[Item, ...] = (),
) -> PodState:
    history = History(
        uid=name, verdict=verdict, reason=reason, message=message, since=since, models=models
    )
    return PodState(name, history, kubelet_ready=True, restarts=0)


def of(
    *pods: PodState, previous: Health | None = None, now: float = NOW, desired: int = 0
) -> Health:
    return health(pods, generation=3, checked_by="c-0", previous=previous, now=now, desired=desired)


def broken(name: str, since: float = NOW - 60) -> PodState:
    message = "resnet50 failed to load"
    return state(name, Verdict.BROKEN, reason="ModelLoadFailed", message=message, since=since)


def test_a_workload_without_pods_is_unknown() -> None:
    found = of()
    assert (found.verdict, found.reason, found.pods_serving) == ("Unknown", "NoPods", "0/0")


def test_all_serving_is_ready_and_says_how_many() -> None:
    found = of(state("a"), state("b", Verdict.READY))
    assert (found.verdict, found.pods_serving) == ("Ready", "2/2")
    assert found.message == "2 of 2 pods serve"
    assert (found.counts.total, found.counts.ready) == (2, 2)


def test_the_worst_pod_is_named_with_its_reason() -> None:
    found = of(state("a"), broken("c"), broken("b", since=NOW - 90), state("d", Verdict.LOADING))
    assert (found.verdict, found.reason) == ("Broken", "ModelLoadFailed")
    assert found.message == "pod b: resnet50 failed to load; 1 more pod is Broken"
    assert [pod.name for pod in found.pods] == ["b", "c", "d", "a"]
    assert found.pods_serving == "1/4"


def test_what_canaries_cost_is_told_when_something_else_is_news_and_never_by_itself() -> None:
    def told(count: int, previous: Health | None, *pods: PodState) -> Health:
        cost = CanaryCost(requests=("POST /v1/completions: one token",), interval=60, sent=count)
        return health(pods, generation=3, checked_by="c-0", previous=previous, now=NOW, canary=cost)

    first = told(1, None, state("a"))
    assert first.canary is not None
    assert first.canary.sent == 1
    assert told(2, first, state("a")) is first
    later = told(3, first, broken("a")).canary
    assert later is not None
    assert later.sent == 3


def test_degraded_serves() -> None:
    found = of(state("a", Verdict.DEGRADED, reason="ComponentDown", message="redis is down"))
    assert (found.verdict, found.pods_serving) == ("Degraded", "1/1")


def test_the_transition_time_changes_with_the_verdict_only() -> None:
    first = of(state("a"))
    assert first.last_transition_time == rfc3339(NOW)
    later = of(state("a"), state("b"), previous=first, now=NOW + 100)
    assert later.last_transition_time == first.last_transition_time
    worse = of(broken("a"), previous=later, now=NOW + 200)
    assert worse.last_transition_time == rfc3339(NOW + 200)


def test_nothing_changes_with_time_alone() -> None:
    pods = (broken("a"), state("b", models=(Item("m", Sign.SERVES),)))
    first = of(*pods)
    assert of(*pods, previous=first, now=NOW + 3600) == first


def test_models_are_rolled_up_over_pods_worst_first() -> None:
    good, bad = Item("good", Sign.SERVES, "1", required=True), Item("m", Sign.SERVES)
    failed = replace(bad, sign=Sign.FAILS, reason="ModelLoadFailed", message="CUDA OOM")
    found = of(state("a", models=(good, bad)), state("b", models=(good, failed)))
    assert [(m.name, m.version, m.ready, m.total, m.state) for m in found.models] == [
        ("m", "", 1, 2, "Broken"),
        ("good", "1", 2, 2, "Ready"),
    ]
    assert (found.models[0].reason, found.models[0].message) == ("ModelLoadFailed", "CUDA OOM")
    assert found.models[1].required
    assert found.models_serving == "1/2"


def test_a_pod_that_a_rollout_adds_takes_no_model_away_while_it_loads() -> None:
    serves, loads = Item("m", Sign.SERVES), Item("m", Sign.LOADING)
    pods = (state("old", models=(serves,)), state("new", Verdict.LOADING, models=(loads,)))
    assert of(*pods, desired=1).models_serving == "1/1"
    assert of(*pods, desired=2).models_serving == "0/1"
    assert of(*pods).models_serving == "0/1"


def test_a_model_of_a_silent_pod_is_as_its_pod() -> None:
    item = Item("m", Sign.SILENT, required=True)
    found = of(state("a", Verdict.LOADING, reason="Starting", models=(item,)))
    assert found.models[0].state == "Loading"


def test_a_pod_names_its_models_that_are_not_ready_the_worst_first() -> None:
    models = (
        Item("fine", Sign.SERVES),
        Item("slow", Sign.LOADING, version="2"),
        Item("bad", Sign.FAILS),
    )
    (pod,) = of(state("a", Verdict.BROKEN, models=models)).pods
    assert [(item.name, item.state) for item in pod.not_ready] == [
        ("bad", "Broken"),
        ("slow:2", "Loading"),
    ]


def test_a_pod_of_many_failing_models_names_a_few() -> None:
    models = tuple(Item(f"m{i}", Sign.FAILS) for i in range(100))
    (pod,) = of(state("a", Verdict.BROKEN, models=models)).pods
    assert len(pod.not_ready) == MAX_NOT_READY


def test_a_report_is_bounded_and_its_counts_are_whole() -> None:
    pods = [broken(f"p{n:04}") for n in range(MAX_PODS + 50)]
    found = of(
        *pods, replace(broken("x"), history=replace(broken("x").history, message="é" * 5000))
    )
    assert len(found.pods) == MAX_PODS
    assert found.counts.broken == MAX_PODS + 51
    assert all(len(pod.message) <= MAX_MESSAGE for pod in found.pods)


def test_what_is_written_reads_back_the_same() -> None:
    found = of(broken("a"), state("b", models=(Item("m", Sign.SERVES),)))
    assert Health.model_validate(found.manifest()) == found


def test_times_are_read_as_they_are_written() -> None:
    assert epoch(rfc3339(NOW)) == NOW
    assert epoch("") is None
    assert epoch("soon") is None
