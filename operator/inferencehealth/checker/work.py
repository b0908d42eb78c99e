"""What the engine holds: a report with its compiled check, and its pods with their histories."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from inferencehealth.api.report import CheckSpec, Health, PodHealth, Startup
from inferencehealth.checker.disagreement import Contradiction, Kubelet, contradiction
from inferencehealth.checker.health import PodState, epoch
from inferencehealth.checker.memory import RoundMemory
from inferencehealth.checker.reports import ReportRecord
from inferencehealth.checker.rounds import Compiled, compile_check
from inferencehealth.checker.tally import Tally
from inferencehealth.checks import latency
from inferencehealth.checks.candidate import of_pod
from inferencehealth.checks.history import History, PodFacts, begin, resume
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.kube.pods import PodRecord
from inferencehealth.kube.store import Key
from inferencehealth.profiles.auto_canary import Target

TOLD_SHARE: Final = 0.95
"""The share of a pod's answers by whose time the report tells how quick it is."""


@dataclass(slots=True, eq=False)
class Work:
    """One report and its pods.

    `waiting` are the pods not yet judged by the present spec. While there are any and `complete`
    is not set, nothing is written, so that neither a new spec nor a restart of ours ever shows
    half a picture; pods that come later do not hold it up again. `told` is what was written
    about the pods before this process began, `unlisted` the verdict on those that had no place in
    the report, where they all had the same. `startups` is how long pods took to load, begun by
    whoever had the report before us. `tally` counts its canaries; `proven` are the models of which
    any pod has answered one well.
    """

    record: ReportRecord
    compiled: Compiled
    told: dict[str, PodHealth]
    unlisted: Verdict | None = None
    startups: tuple[Startup, ...] = ()
    pods: "dict[Key, Checked]" = field(default_factory=dict)
    waiting: "set[Checked]" = field(default_factory=set)
    complete: bool = False
    tally: Tally = field(default_factory=Tally)
    proven: set[Target] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Checked:
    """One pod as one report checks it.

    `facts` is what Kubernetes says about the pod and its server's container; `known`: the verdict
    follows from that alone, so that nobody has to be asked. `looked_at` is when the last round
    ended, at first when the pod joined (seconds of a clock that never stands still). `memory` is
    about this start of the container and the present question. `latency` counts how long answers
    took, and `contradiction` is where the kubelet says something else for good.
    """

    work: Work
    pod: PodRecord
    history: History
    looked_at: float
    memory: RoundMemory = field(default_factory=RoundMemory)
    latency: int = latency.NONE
    contradiction: Contradiction | None = None
    facts: PodFacts = field(init=False)
    known: bool = field(init=False)

    def __post_init__(self) -> None:
        self._read(self.pod)

    def __repr__(self) -> str:
        return f"pod {self.pod.namespace}/{self.pod.name} for report {self.work.record.name}"

    def see(self, pod: PodRecord) -> None:
        """Take over what Kubernetes says now, read by the present spec."""
        before = self.facts
        self._read(pod)
        if _start(before) != _start(self.facts):
            self.memory = RoundMemory()

    def _read(self, pod: PodRecord) -> None:
        self.pod = pod
        self.facts = facts_of(pod, self.work.compiled.spec.container)
        self.known = of_pod(self.facts) is not None

    def state(self) -> PodState:
        """The pod as its report tells it."""
        return PodState(
            self.pod.name,
            self.history,
            kubelet_ready=self.pod.ready,
            restarts=self.facts.restarts,
            canaries=tuple(self.memory.canaries.values()),
            latency=latency.percentile(self.latency, TOLD_SHARE),
            contradiction=self.contradiction,
            gate=self.pod.gate,
        )

    def differs(self, now: float) -> Contradiction | None:
        """Where the kubelet says something else by now, and has for long enough."""
        history = self.history
        if history.verdict is Verdict.READY and self.pod.ready:
            return None  # nearly always, and asked in every round
        spec = self.work.compiled.spec
        kubelet = Kubelet(
            pod_ready=self.pod.ready,
            since=self.pod.ready_since,
            server_ready=self.facts.ready,
            lag=spec.kubelet_lag,
        )
        return contradiction(history, self.facts, kubelet, spec.interval, now)


def _start(facts: PodFacts) -> tuple[object, ...]:
    return facts.uid, facts.ip, facts.started_at


def work_for(record: ReportRecord, check: CheckSpec) -> Work:
    """The work that a report asks for, still without pods."""
    told = {pod.name: pod for pod in record.health.pods} if record.health else {}
    startups = record.health.startups if record.health else ()
    unlisted = _verdict_on_unlisted(record.health) if record.health else None
    return Work(record, compile_check(check), told, unlisted, startups)


def _verdict_on_unlisted(said: Health) -> Verdict | None:
    """The only verdict that the counts have more of than the list of pods, if there is just one."""
    if len(said.pods) >= said.counts.total:
        return None
    listed = Counter(pod.verdict for pod in said.pods)
    counts = {verdict: getattr(said.counts, verdict.value.lower()) for verdict in Verdict}
    left = [verdict for verdict, count in counts.items() if count > listed[verdict.value]]
    return left[0] if len(left) == 1 else None


def first_history(work: Work, pod: PodRecord, now: float) -> History:
    """The history of a pod that joins: of what was told of it before this process began, or new."""
    facts = facts_of(pod, work.compiled.spec.container)
    told = None if work.complete else work.told.get(pod.name)
    since = epoch(told.since) if told else None
    if told is None and work.unlisted is not None and not work.complete:
        began = now if facts.started_at is None else facts.started_at
        return resume(facts, work.unlisted, "", "", began, now=now)
    if told is None or since is None or told.verdict not in set(Verdict):
        return begin(facts, now)
    return resume(facts, Verdict(told.verdict), told.reason, told.message, since, now=now)


def facts_of(pod: PodRecord, container: str) -> PodFacts:
    """What a verdict needs to know of the pod and the named container."""
    found = pod.container(container)
    return PodFacts(
        uid=pod.uid,
        ip=pod.ip,
        phase=pod.phase,
        started_at=found.started_at if found else None,
        waiting=found.waiting if found else "",
        last_termination=found.last_termination if found else "",
        restarts=found.restarts if found else 0,
        unschedulable=pod.unschedulable,
        ready=found.ready if found else False,
        last_exit=found.last_exit if found else None,
        missing="" if found else container,
    )
