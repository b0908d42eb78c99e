"""Whatever a policy promises holds for whole containers, under the kubelet's own arithmetic."""

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from inferencehealth.api.probes import Probes
from inferencehealth.kubelet import Numbers, startup_allowance, worst_detection, worst_startup
from inferencehealth.probes.compile import CompiledSet, Defaults, compile_probes
from inferencehealth.profiles.registry import PROFILES
from tests.unit.probes.prober import MS, Life, Server, Worker, live

fractions = st.floats(0, 1)


@st.composite
def deserved(draw: st.DrawFn) -> tuple[CompiledSet, Probes]:
    """The probes of some profile under some budgets that do not contradict each other."""
    profile = draw(st.sampled_from(list(PROFILES)))
    budgets: dict[str, Any] = {
        "maxStartup": draw(st.none() | st.floats(10, 3_600)),
        "stopTrafficAfter": draw(st.none() | st.floats(3, 300)),
        "restartAfter": draw(st.none() | st.floats(10, 3_600)),
    }
    strategy = draw(st.sampled_from(["Profile", "Process"]))
    asked = Probes.model_validate(
        {
            "budgets": {name: value for name, value in budgets.items() if value is not None},
            "liveness": {"strategy": strategy},
        }
    )
    documented = profile.documented
    server = Defaults(
        server=profile.title,
        max_startup=profile.budgets.max_startup,
        stop_traffic_after=profile.budgets.stop_traffic_after,
        restart_after=profile.budgets.restart_after,
        liveness_timeout=profile.budgets.liveness_timeout,
        readiness_timeout=profile.budgets.readiness_timeout,
        documented_liveness=documented.liveness if documented else None,
        documented_readiness=documented.readiness if documented else None,
    )
    found = compile_probes(asked, server)
    assume(isinstance(found, CompiledSet))
    assert isinstance(found, CompiledSet)
    return found, asked


@st.composite
def kubelets(draw: st.DrawFn) -> dict[str, Any]:
    """What is up to chance: phases of the tickers, the cut of the start's time, syncing."""
    return {
        "phases": [draw(fractions) for _ in range(3)],
        "cut": draw(st.integers(0, MS - 1)),
        "sync": draw(st.integers(0, MS)),
    }


def run(found: CompiledSet, server: Server, kubelet: dict[str, Any], until: float) -> Life:
    def worker(numbers: Numbers, phase: float) -> Worker:
        return Worker(numbers, int(phase * (numbers.period * MS - 1)), kubelet["cut"])

    first, second, third = kubelet["phases"]
    return live(
        server,
        startup=worker(found.startup.numbers, first) if found.startup else None,
        liveness=worker(found.liveness.numbers, second),
        readiness=worker(found.readiness.numbers, third),
        sync=kubelet["sync"],
        until=int(until * MS),
    )


def loads_for(seconds: float, answer: int) -> Server:
    """Refuses until it has loaded, then answers within `answer` ms."""
    return lambda start: (answer, True) if start >= seconds * MS else (0, False)


def fails_from(at: int, answer: int, failing: int) -> Server:
    """Answers within `answer` ms; from `at` on every exchange fails after `failing` ms."""

    def exchange(start: int) -> tuple[int, bool]:
        if start + answer <= at:
            return answer, True
        return max(failing, at - start), False

    return exchange


@given(deserved(), kubelets(), fractions, fractions)
@settings(deadline=None)
def test_a_container_that_loads_within_its_budget_lives_and_gets_traffic(
    probes: tuple[CompiledSet, Probes], kubelet: dict[str, Any], load: float, slowness: float
) -> None:
    found, _ = probes
    assume(found.startup is not None)
    assert found.startup is not None
    shortest = min(
        n.timeout for n in (found.startup.numbers, found.liveness.numbers, found.readiness.numbers)
    )
    seconds = load * found.startup.promise.seconds
    life = run(found, loads_for(seconds, int(slowness * shortest * MS)), kubelet, seconds + 100)
    assert life.killed is None
    assert life.ready is not None
    assert life.out_of_traffic is None


@given(deserved(), kubelets(), fractions, st.integers(0, 100 * MS))
@settings(deadline=None)
def test_a_server_that_stops_serving_leaves_traffic_and_is_restarted_in_time(
    probes: tuple[CompiledSet, Probes], kubelet: dict[str, Any], hang: float, later: int
) -> None:
    found, asked = probes
    ready, lively = found.readiness.numbers, found.liveness.numbers
    delay = max(ready.initial_delay, lively.initial_delay) + 1
    broken = (delay + 2 * max(ready.period, lively.period, 10) + 15) * MS + later
    hanging = int(hang * max(ready.timeout, lively.timeout) * MS)
    until = broken / MS + worst_detection(lively) + worst_detection(ready) + 1
    life = run(found, fails_from(broken, 0, hanging), kubelet, until)
    assert life.ready is not None
    assert life.killed is not None
    out = life.out_of_traffic if life.out_of_traffic is not None else life.killed
    stop, restart = asked.budgets.stop_traffic_after, asked.budgets.restart_after
    assert (out - broken) / MS <= (stop or worst_detection(ready))
    assert (life.killed - broken) / MS <= (restart or worst_detection(lively))


@given(deserved(), kubelets(), fractions)
@settings(deadline=None)
def test_a_container_that_never_loads_is_restarted_and_not_before_its_budget(
    probes: tuple[CompiledSet, Probes], kubelet: dict[str, Any], failing: float
) -> None:
    found, _ = probes
    assume(found.startup is not None)
    assert found.startup is not None
    numbers = found.startup.numbers
    length = int(failing * numbers.timeout * MS)
    life = run(found, lambda _: (length, False), kubelet, worst_startup(numbers) + 1)
    assert life.killed is not None
    assert found.startup.promise.seconds <= life.killed / MS <= worst_startup(numbers)


@given(
    st.builds(
        Numbers,
        initial_delay=st.integers(0, 60),
        period=st.integers(1, 30),
        timeout=st.integers(1, 30),
        failures=st.integers(1, 10),
    ),
    kubelets(),
)
def test_an_initial_delay_may_end_a_second_early_and_the_allowance_knows(
    numbers: Numbers, kubelet: dict[str, Any]
) -> None:
    never = Worker(Numbers(0, 3_600, 1, 1), 3_599 * MS, 0)
    startup = Worker(numbers, int(kubelet["phases"][0] * (numbers.period * MS - 1)), kubelet["cut"])
    life = live(
        lambda _: (0, False),
        startup=startup,
        liveness=never,
        readiness=never,
        sync=0,
        until=3_000 * MS,
    )
    assert life.killed is not None
    assert life.killed >= startup_allowance(numbers) * MS
