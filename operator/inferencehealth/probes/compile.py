"""From what a policy says of probes and its server deserves to numbers, or to a contradiction."""

from dataclasses import dataclass, replace

from inferencehealth.api.durations import format_duration
from inferencehealth.api.probes import ProbeNumbers, Probes, Strategy
from inferencehealth.api.report import Startup
from inferencehealth.kubelet import Numbers, startup_allowance, worst_detection
from inferencehealth.probes.budgets import (
    TooSmall,
    compile_detection,
    compile_startup,
    explain_detection,
    explain_startup,
    override,
)
from inferencehealth.probes.learned import Learned, learned_startup, standing_budget
from inferencehealth.problems import Problem


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
    load: Startup | None = None
    """The loads that were observed, if what they say is to be heeded."""
    standing: Numbers | None = None
    """The numbers of our own startup probe that is in place, if it is only to be raised."""


@dataclass(frozen=True, slots=True)
class Detection:
    """What a probe that acts on failures is compiled from; times in seconds.

    `name` is the budget's field, `usual` its default, `timeout` what one probe may take.
    """

    name: str
    effect: str
    server: str
    usual: float
    timeout: int
    documented: Numbers | None


@dataclass(frozen=True, slots=True)
class Promise:
    """The time in seconds within which the kubelet acts, and who named it."""

    seconds: float
    source: str

    def __str__(self) -> str:
        return f"{format_duration(self.seconds)} ({self.source})"


@dataclass(frozen=True, slots=True)
class Compiled:
    """The numbers of one probe, why they are so, and what they are held to."""

    numbers: Numbers
    reason: str
    promise: Promise


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
    if isinstance(startup, Problem):
        return startup
    readiness = _detection(
        Detection(
            name="stopTrafficAfter",
            effect="out of traffic",
            server=defaults.server,
            usual=defaults.stop_traffic_after,
            timeout=defaults.readiness_timeout,
            documented=defaults.documented_readiness,
        ),
        probes.budgets.stop_traffic_after,
        probes.readiness,
    )
    if isinstance(readiness, Problem):
        return readiness
    liveness = _detection(
        Detection(
            name="restartAfter",
            effect="restarted",
            server=defaults.server,
            usual=defaults.restart_after,
            timeout=defaults.liveness_timeout,
            documented=defaults.documented_liveness,
        ),
        probes.budgets.restart_after,
        probes.liveness,
    )
    if isinstance(liveness, Problem):
        return liveness
    return _in_order(probes, CompiledSet(startup, liveness, readiness))


def given(exact: ProbeNumbers) -> bool:
    """Whether any exact number is given."""
    return any(getattr(exact, field) is not None for field in ProbeNumbers.model_fields)


def _startup(probes: Probes, defaults: Defaults) -> Compiled | Problem | None:
    asked = (
        probes.budgets.max_startup is not None
        or given(probes.startup)
        or probes.liveness.strategy is Strategy.PROCESS
    )
    documented = defaults.documented_liveness if not asked else None
    default = startup_allowance(documented) if documented else defaults.max_startup
    settled = probes.budgets.max_startup or probes.startup.failure_threshold
    standing = default if documented else None
    learned = None if settled else _learned(probes, defaults, default, standing)
    if documented and (learned is None or defaults.load is None):
        return None  # without any observed load, what the documentation prints is what is meant
    budget = probes.budgets.max_startup or (learned.budget if learned else default)
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
    told = explain_startup(numbers)
    if learned:
        return Compiled(numbers, f"{learned.reason}; {told}", Promise(budget, "observed loads"))
    source = "asked for" if probes.budgets.max_startup else f"default of {defaults.server}"
    return Compiled(numbers, told, Promise(budget, source))


def _learned(
    probes: Probes, defaults: Defaults, default: float, standing: float | None
) -> Learned | None:
    if defaults.standing:
        timeout = defaults.liveness_timeout
        standing = standing_budget(defaults.standing, timeout, probes.startup)
    return learned_startup(defaults.load, default=default, standing=standing)


def _detection(asked: Detection, budget: float | None, exact: ProbeNumbers) -> Compiled | Problem:
    """Numbers of a probe that acts on failures; `budget` is the policy's, in seconds."""
    if budget is None:
        return _by_default(asked, exact)
    found = compile_detection(budget, asked.timeout, exact)
    if isinstance(found, TooSmall):
        return _too_small(asked.name, budget, found, exact)
    if asked.documented and exact.initial_delay_seconds is None:
        found = replace(found, initial_delay=asked.documented.initial_delay)
    return Compiled(found, explain_detection(found, asked.effect), Promise(budget, "asked for"))


def _by_default(asked: Detection, exact: ProbeNumbers) -> Compiled:
    """Documented numbers, else those of the default budget; exact fields win over both."""
    numbers = asked.documented or _default_numbers(asked, exact)
    numbers = override(numbers, exact)
    told = explain_detection(numbers, asked.effect)
    source = f"documented for {asked.server}" if asked.documented else f"default of {asked.server}"
    if asked.documented:
        told = f"as documented for {asked.server}: {told}"
    if given(exact):
        source, told = "exact numbers", f"exact numbers as asked for: {told}"
    kept = asked.documented or given(exact)
    return Compiled(
        numbers, told, Promise(worst_detection(numbers) if kept else asked.usual, source)
    )


def _default_numbers(asked: Detection, exact: ProbeNumbers) -> Numbers:
    for constraint in (exact, ProbeNumbers()):
        found = compile_detection(asked.usual, asked.timeout, constraint)
        if isinstance(found, Numbers):
            return found
    raise ValueError(f"{asked.server}: no numbers keep its own {asked.name} of {asked.usual}s")


def _too_small(name: str, budget: float, found: TooSmall, exact: ProbeNumbers) -> Problem:
    because = " with the exact numbers given" if given(exact) else ""
    instead = ", or lower the exact numbers" if given(exact) else ""
    least = format_duration(found.least)
    return Problem(
        "ContradictingBudgets",
        f"{name} is {format_duration(budget)}, but the kubelet needs at least {least}{because}. "
        f"Give {least} or more{instead}.",
        f"spec.probes.budgets.{name}",
    )


def _in_order(probes: Probes, compiled: CompiledSet) -> CompiledSet | Problem:
    """A pod leaves traffic before it is restarted, by promise and in the worst case of both."""
    restart, stop = compiled.liveness.promise, compiled.readiness.promise
    numbers = compiled.liveness.numbers, compiled.readiness.numbers
    too_close = worst_detection(numbers[0]) <= worst_detection(numbers[1])
    if restart.seconds > stop.seconds and not too_close:
        return compiled
    told = (
        f"restartAfter is {restart} and stopTrafficAfter is {stop}: a pod has to leave traffic "
        "before it is restarted, in the worst case of both"
    )
    if probes.budgets.stop_traffic_after is None and probes.budgets.restart_after is None:
        return replace(compiled, too_late=f"{told}.")
    longer = "clearly " if restart.seconds > stop.seconds else ""
    return Problem(
        "ContradictingBudgets",
        f"{told}. Give a restartAfter that is {longer}longer than "
        f"{format_duration(stop.seconds)}, or a shorter stopTrafficAfter.",
        "spec.probes.budgets",
    )
