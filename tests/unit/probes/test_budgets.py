"""Budgets become numbers that keep them."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from inferencehealth.api.probes import ProbeNumbers, Probes
from inferencehealth.kubelet import Numbers, startup_allowance, worst_detection
from inferencehealth.probes.budgets import (
    MAX_PERIOD,
    TooSmall,
    compile_detection,
    compile_startup,
)
from inferencehealth.probes.compile import Compiled, CompiledSet, Defaults, compile_probes
from inferencehealth.problems import Problem

NOTHING = ProbeNumbers()
SERVER = Defaults(
    server="Server",
    max_startup=600,
    stop_traffic_after=15,
    restart_after=60,
    liveness_timeout=5,
    readiness_timeout=3,
)
DOCUMENTED = Defaults(
    server="ASR",
    max_startup=600,
    stop_traffic_after=18,
    restart_after=60,
    liveness_timeout=5,
    readiness_timeout=3,
    documented_liveness=Numbers(30, 10, 5, 3),
    documented_readiness=Numbers(10, 5, 3, 3),
)
exact_numbers = st.builds(
    ProbeNumbers,
    period_seconds=st.none() | st.integers(1, 20),
    timeout_seconds=st.none() | st.integers(1, 20),
    failure_threshold=st.none() | st.integers(1, 20),
    initial_delay_seconds=st.none() | st.integers(0, 20),
)


@pytest.mark.parametrize(
    ("budget", "timeout", "numbers"),
    [
        (15, 3, Numbers(0, 4, 3, 3)),
        (60, 5, Numbers(0, 10, 5, 5)),
        (10, 3, Numbers(0, 2, 2, 4)),
        (3, 3, Numbers(0, 1, 1, 2)),
        (30, 3, Numbers(0, 9, 3, 3)),
        (3600, 3, Numbers(0, 10, 3, 359)),
    ],
)
def test_a_budget_compiles_to(budget: float, timeout: int, numbers: Numbers) -> None:
    assert compile_detection(budget, timeout, NOTHING) == numbers


@given(st.floats(3, 86_400), st.integers(1, 30))
def test_every_budget_that_the_api_accepts_is_kept(budget: float, timeout: int) -> None:
    numbers = compile_detection(budget, timeout, NOTHING)
    assert isinstance(numbers, Numbers)
    assert worst_detection(numbers) <= budget
    assert numbers.failures >= 2
    assert 1 <= numbers.timeout <= timeout
    assert numbers.period <= MAX_PERIOD


@given(st.floats(3, 3_600), st.integers(1, 30))
def test_a_budget_is_not_left_half_unused(budget: float, timeout: int) -> None:
    numbers = compile_detection(budget, timeout, NOTHING)
    assert isinstance(numbers, Numbers)
    slower = Numbers(0, numbers.period + 1, numbers.timeout, numbers.failures)
    more = Numbers(0, numbers.period, numbers.timeout, numbers.failures + 1)
    assert worst_detection(slower) > budget or numbers.period == MAX_PERIOD
    assert worst_detection(more) > budget


@given(st.floats(3, 3_600), st.integers(1, 30), exact_numbers)
def test_exact_numbers_stay_and_the_budget_is_kept_or_refused(
    budget: float, timeout: int, exact: ProbeNumbers
) -> None:
    numbers = compile_detection(budget, timeout, exact)
    if isinstance(numbers, TooSmall):
        assert numbers.least > budget
        assume(numbers.least <= 3_600)
        assert isinstance(compile_detection(numbers.least, timeout, exact), Numbers)
        return
    assert worst_detection(numbers) <= budget
    given_and_got = [
        (exact.period_seconds, numbers.period),
        (exact.timeout_seconds, numbers.timeout),
        (exact.failure_threshold, numbers.failures),
        (exact.initial_delay_seconds, numbers.initial_delay),
    ]
    assert all(want in {None, got} for want, got in given_and_got)


@given(st.floats(10, 86_400), st.integers(1, 30))
def test_a_loading_server_is_never_restarted_within_its_budget(budget: float, timeout: int) -> None:
    numbers = compile_startup(budget, timeout, NOTHING)
    assert budget <= startup_allowance(numbers) < budget + numbers.period
    assert worst_detection(numbers) < budget + 2 * numbers.period + numbers.timeout
    assert numbers.timeout <= numbers.period


@pytest.mark.parametrize(
    ("budget", "numbers"),
    [
        (600, Numbers(0, 10, 5, 61)),
        (60, Numbers(0, 2, 2, 31)),
        (10, Numbers(0, 1, 1, 11)),
        (86_400, Numbers(0, 10, 5, 8641)),
    ],
)
def test_a_startup_budget_compiles_to(budget: float, numbers: Numbers) -> None:
    assert compile_startup(budget, 5, NOTHING) == numbers


def probes(**fields: object) -> Probes:
    return Probes.model_validate(fields)


def compiled(asked: Probes, server: Defaults = SERVER) -> CompiledSet:
    result = compile_probes(asked, server)
    assert isinstance(result, CompiledSet), result
    return result


def startup_of(result: CompiledSet) -> Compiled:
    assert result.startup
    return result.startup


def test_without_any_word_the_profiles_promises_are_kept() -> None:
    result = compiled(probes())
    assert worst_detection(result.readiness.numbers) <= 15
    assert worst_detection(result.liveness.numbers) <= 60
    assert startup_allowance(startup_of(result).numbers) >= 600


def test_documented_numbers_come_out_to_the_digit_and_nothing_else() -> None:
    result = compiled(probes(), DOCUMENTED)
    assert result.liveness.numbers == Numbers(30, 10, 5, 3)
    assert result.readiness.numbers == Numbers(10, 5, 3, 3)
    assert result.startup is None


@pytest.mark.parametrize(
    "asked",
    [
        {"budgets": {"maxStartup": "5m"}},
        {"startup": {"periodSeconds": 5}},
        {"liveness": {"strategy": "Process"}},
    ],
)
def test_a_documented_server_gets_a_startup_probe_only_when_asked_for(
    asked: dict[str, object],
) -> None:
    result = compiled(probes(**asked), DOCUMENTED)
    assert result.startup is not None
    assert result.liveness.numbers == Numbers(30, 10, 5, 3)


def test_an_exact_number_replaces_one_documented_field() -> None:
    result = compiled(probes(liveness={"failureThreshold": 6}), DOCUMENTED)
    assert result.liveness.numbers == Numbers(30, 10, 5, 6)
    assert result.readiness.numbers == Numbers(10, 5, 3, 3)
    assert "exact" in result.liveness.reason


def test_a_budget_recompiles_only_the_probe_it_is_about() -> None:
    result = compiled(probes(budgets={"restartAfter": "2m"}), DOCUMENTED)
    assert result.readiness.numbers == Numbers(10, 5, 3, 3)
    assert worst_detection(result.liveness.numbers) <= 120
    assert result.liveness.numbers.initial_delay == 30


def problem(asked: Probes, server: Defaults = SERVER) -> Problem:
    result = compile_probes(asked, server)
    assert isinstance(result, Problem)
    assert result.reason == "ContradictingBudgets"
    return result


@pytest.mark.parametrize(
    ("asked", "server", "told"),
    [
        ({"budgets": {"stopTrafficAfter": "90s"}}, SERVER, ("1m30s", "1m", "default")),
        ({"budgets": {"stopTrafficAfter": "90s"}}, DOCUMENTED, ("1m30s", "35s", "documented")),
        ({"budgets": {"restartAfter": "12s"}}, SERVER, ("12s", "15s", "default")),
        (
            {"budgets": {"stopTrafficAfter": "90s", "restartAfter": "80s"}},
            SERVER,
            ("1m30s", "1m20s"),
        ),
    ],
)
def test_a_restart_before_traffic_stops_is_refused_naming_both(
    asked: dict[str, object], server: Defaults, told: tuple[str, ...]
) -> None:
    refused = problem(probes(**asked), server)
    assert "restartAfter" in refused.message
    assert "stopTrafficAfter" in refused.message
    assert all(part in refused.message for part in told), refused.message


def test_a_budget_below_what_exact_numbers_need_is_refused_with_the_least() -> None:
    asked = probes(budgets={"stopTrafficAfter": "8s"}, readiness={"timeoutSeconds": 10})
    refused = problem(asked)
    assert refused.field == "spec.probes.budgets.stopTrafficAfter"
    assert "8s" in refused.message
    assert "30s" in refused.message


def test_exact_startup_numbers_below_the_budget_are_refused() -> None:
    refused = problem(probes(budgets={"maxStartup": "10m"}, startup={"failureThreshold": 3}))
    assert refused.field == "spec.probes.startup"
    assert "10m" in refused.message


def test_exact_numbers_without_a_budget_win_even_against_the_profile() -> None:
    result = compiled(probes(readiness={"timeoutSeconds": 30, "failureThreshold": 9}))
    assert (result.readiness.numbers.timeout, result.readiness.numbers.failures) == (30, 9)
    assert "restart" in result.too_late


def test_ordinary_numbers_are_not_called_too_late() -> None:
    assert not compiled(probes()).too_late
    assert not compiled(probes(), DOCUMENTED).too_late


@given(
    st.none() | st.floats(10, 86_400),
    st.none() | st.floats(3, 3_600),
    st.none() | st.floats(10, 86_400),
    st.sampled_from([SERVER, DOCUMENTED]),
)
def test_what_is_accepted_keeps_every_promise(
    start: float | None, stop: float | None, restart: float | None, server: Defaults
) -> None:
    budgets = {"maxStartup": start, "stopTrafficAfter": stop, "restartAfter": restart}
    asked = {name: value for name, value in budgets.items() if value is not None}
    result = compile_probes(probes(budgets=asked), server)
    if isinstance(result, Problem):
        assert result.reason == "ContradictingBudgets"
        return
    live, ready = result.liveness.numbers, result.readiness.numbers
    assert worst_detection(ready) < worst_detection(live)
    assert stop is None or worst_detection(ready) <= stop
    assert restart is None or worst_detection(live) <= restart
    assert start is None or startup_allowance(startup_of(result).numbers) >= start
