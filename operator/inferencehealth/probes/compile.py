"""From what a policy says of probes and its server deserves to numbers, or to a contradiction."""

from dataclasses import dataclass
from typing import Final

from inferencehealth.api.durations import format_duration
from inferencehealth.api.policy import ProbeNumbers, Probes, Strategy
from inferencehealth.kubelet import Numbers, startup_allowance, worst_detection
from inferencehealth.probes.budgets import (
    TooSmall,
    compile_detection,
    compile_startup,
    explain_detection,
    explain_startup,
    override,
)
from inferencehealth.problems import Problem

_NOTHING: Final = ProbeNumbers()


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the server deserves where the policy is silent; times in seconds."""

    server: str
    max_startup: float
    stop_traffic_after: float
    restart_after: float
    liveness_timeout: int
    readiness_timeout: int
    documented_liveness: Numbers | None = None
    documented_readiness: Numbers | None = None


@dataclass(frozen=True, slots=True)
class Compiled:
    """The numbers of one probe and why they are so."""

    numbers: Numbers
    reason: str


@dataclass(frozen=True, slots=True)
class CompiledSet:
    """Numbers of all probes; `startup` is None where none is wanted.

    `too_late` is a sentence when exact numbers restart a pod before its traffic stops.
    """

    startup: Compiled | None
    liveness: Compiled
    readiness: Compiled
    too_late: str = ""


def compile_probes(probes: Probes, defaults: Defaults) -> CompiledSet | Problem:
    """Numbers for all three probes, or the first contradiction in what was asked."""
    startup = _startup(probes, defaults)
    readiness = _detection(
        "stopTrafficAfter",
        "out of traffic",
        budget=probes.budgets.stop_traffic_after,
        usual=defaults.stop_traffic_after,
        timeout=defaults.readiness_timeout,
        documented=defaults.documented_readiness,
        exact=probes.readiness,
        server=defaults.server,
    )
    liveness = _detection(
        "restartAfter",
        "restarted",
        budget=probes.budgets.restart_after,
        usual=defaults.restart_after,
        timeout=defaults.liveness_timeout,
        documented=defaults.documented_liveness,
        exact=probes.liveness,
        server=defaults.server,
    )
    for part in (startup, readiness, liveness):
        if isinstance(part, Problem):
            return part
    assert not isinstance(startup, Problem)  # noqa: S101
    assert not isinstance(readiness, Problem)  # noqa: S101
    assert not isinstance(liveness, Problem)  # noqa: S101
    return _consistent(probes, CompiledSet(startup, liveness, readiness))


def given(exact: ProbeNumbers) -> bool:
    """Whether any exact number is given."""
    return any(getattr(exact, field) is not None for field in ProbeNumbers.model_fields)


def _startup(probes: Probes, defaults: Defaults) -> Compiled | Problem | None:
    asked = (
        probes.budgets.max_startup is not None
        or given(probes.startup)
        or probes.liveness.strategy is Strategy.PROCESS
    )
    if defaults.documented_liveness and not asked:
        return None
    budget = probes.budgets.max_startup or defaults.max_startup
    numbers = compile_startup(budget, defaults.liveness_timeout, probes.startup)
    allowed = startup_allowance(numbers)
    if probes.budgets.max_startup and allowed < budget:
        return Problem(
            "ContradictingBudgets",
            f"maxStartup is {format_duration(budget)}, but the exact numbers in probes.startup "
            f"let the kubelet restart a loading pod after {format_duration(allowed)}. Raise "
            "probes.startup.failureThreshold or leave it to maxStartup.",
            "spec.probes.startup",
        )
    return Compiled(numbers, explain_startup(numbers))


def _detection(
    name: str,
    effect: str,
    *,
    budget: float | None,
    usual: float,
    timeout: int,
    documented: Numbers | None,
    exact: ProbeNumbers,
    server: str,
) -> Compiled | Problem:
    if documented and budget is None:
        numbers = override(documented, exact)
        source = f"as documented for {server}" + (", exact fields excepted" if given(exact) else "")
        return Compiled(numbers, f"{source}: {explain_detection(numbers, effect)}")
    found = compile_detection(budget or usual, timeout, exact)
    if isinstance(found, TooSmall) and budget is None:
        plain = compile_detection(usual, timeout, _NOTHING)
        if isinstance(plain, TooSmall):
            raise ValueError(f"profile {server}: {name} {usual}s is below {plain.least}s")
        found = override(plain, exact)
    if isinstance(found, TooSmall):
        return _too_small(name, budget or usual, found, exact)
    if documented and exact.initial_delay_seconds is None:
        found = override(found, ProbeNumbers(initial_delay_seconds=documented.initial_delay))
    return Compiled(found, explain_detection(found, effect))


def _too_small(name: str, budget: float, found: TooSmall, exact: ProbeNumbers) -> Problem:
    because = " with the exact numbers given" if given(exact) else ""
    return Problem(
        "ContradictingBudgets",
        f"{name} is {format_duration(budget)}, but the kubelet needs at least "
        f"{format_duration(found.least)}{because}: it acts after at least two missed probes. "
        f"Give at least {format_duration(found.least)}.",
        f"spec.probes.budgets.{name}",
    )


def _consistent(probes: Probes, compiled: CompiledSet) -> CompiledSet | Problem:
    """A pod leaves traffic before it is restarted, in the worst case of both."""
    stop = worst_detection(compiled.readiness.numbers)
    restart = worst_detection(compiled.liveness.numbers)
    if restart > stop:
        return compiled
    stop_source = "asked" if probes.budgets.stop_traffic_after else "by default"
    restart_source = "asked" if probes.budgets.restart_after else "by default"
    told = (
        f"A pod would be restarted at most {format_duration(restart)} after a failure "
        f"(restartAfter, {restart_source}), but leave traffic only after up to "
        f"{format_duration(stop)} (stopTrafficAfter, {stop_source})."
    )
    if probes.budgets.stop_traffic_after is None and probes.budgets.restart_after is None:
        return CompiledSet(compiled.startup, compiled.liveness, compiled.readiness, told)
    return Problem(
        "ContradictingBudgets",
        f"{told} Give a restartAfter longer than {format_duration(stop)}, or a shorter "
        "stopTrafficAfter.",
        "spec.probes.budgets",
    )
