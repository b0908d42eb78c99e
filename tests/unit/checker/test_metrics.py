"""The checker's numbers, as Prometheus would parse them."""

from prometheus_client.parser import text_string_to_metric_families

from inferencehealth.checker.metrics import exposition
from inferencehealth.metrics import Spread

from .test_engine import World, world
from .values import NOT_READY, pod, report


def read(w: World) -> dict[tuple[str, str], float]:
    """Every sample by its name and its only label's value."""
    page = exposition(w.engine, lambda: 3, {"Lease": 7})().decode()
    return {
        (sample.name.removeprefix("inferencehealth_"), next(iter(sample.labels.values()), "")): (
            sample.value
        )
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


async def test_checks_verdicts_and_transitions_are_counted() -> None:
    w = world(report(), pod("a", ip="10.0.0.1"), pod("b", ip="10.0.0.2"))
    await w.round()
    w.answers["10.0.0.2"] = NOT_READY
    await w.round()
    await w.round()
    found = read(w)
    assert found["checks_total", "Serves"] == 4
    assert found["checks_total", "Fails"] == 2
    assert (found["verdicts", "Ready"], found["verdicts", "Broken"]) == (1, 1)
    assert (found["transitions_total", "Ready"], found["transitions_total", "Broken"]) == (2, 1)
    assert (found["pods", ""], found["reports", ""], found["members", ""]) == (2, 1, 3)
    assert found["check_duration_seconds_count", ""] == 6
    assert found["api_writes_total", "Lease"] == 7
    assert found["suspect", ""] == 0
    for _ in range(3):
        await w.round()
    assert read(w)["kubelet_differences", "KubeletReadyButBroken"] == 1


async def test_what_did_not_happen_is_zero_and_not_absent() -> None:
    found = read(world())
    assert found["checks_total", "Void"] == 0
    assert found["transitions_total", "Broken"] == 0
    assert found["verdicts", "Asleep"] == 0
    assert found["kubelet_differences", "KubeletReadyButBroken"] == 0
    assert found["checks_shed_total", ""] == 0


def test_values_are_counted_below_their_bounds() -> None:
    spread = Spread((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 9.0):
        spread.add(value)
    assert (spread.counts, spread.total) == ([2, 1, 1], 12.0)
