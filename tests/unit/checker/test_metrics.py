"""The checker's numbers, as Prometheus would parse them."""

from dataclasses import replace

from prometheus_client.parser import text_string_to_metric_families

from inferencehealth.checker.metrics import exposition
from inferencehealth.checks.steps import Answer, Outcome
from inferencehealth.metrics import Spread

from .test_engine import World, world
from .values import NOT_READY, OK, START, modified, pod, report


def read(w: World) -> dict[tuple[str, str], float]:
    """Every sample by its name and its labels' values."""
    page = exposition(w.engine, lambda: 3, {"Lease": 7})().decode()
    return {
        (sample.name.removeprefix("inferencehealth_"), ",".join(sample.labels.values())): (
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


async def test_restarts_are_counted_by_cause_and_probes() -> None:
    before, ours = pod("a"), replace(report(), our_probes=True)
    w = world(ours, before)
    server = before.container("server")
    assert server is not None
    killed = replace(server, restarts=1, started_at=START + 5, last_exit=137)
    change = modified(before, containers=(killed,))
    w.engine.on_pod(change)
    w.engine.on_pod(modified(change.new, ready=False))
    found = read(w)
    assert found["restarts_total", "signal,ours"] == 1
    assert found["restarts_total", "signal,others"] == 0
    assert found["restarts_total", "exit,ours"] == 0


async def test_a_server_that_our_probes_let_load_is_counted_as_a_restart_prevented() -> None:
    w = world(replace(report(), our_probes=True), pod(started_at=START + 55))
    w.answers["10.0.0.1"] = Answer(Outcome.ANSWERED, 503)
    for _ in range(5):
        await w.round()
    w.answers["10.0.0.1"] = OK
    await w.round()
    assert read(w)["restarts_prevented_total", ""] == 1
