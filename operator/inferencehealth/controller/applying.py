"""One policy's workloads: planned all, reported all, changed few at a time.

What each run does is decided by pure functions (guard, reverts, turns) from the reports and the
workloads as they are; here it is carried out. A change is reported before it is done: the author's
probe must be on record when ours replaces it, also if we are killed in between.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from inferencehealth.api.names import POLICY_KIND
from inferencehealth.api.policy import Policy
from inferencehealth.api.probes import Mode
from inferencehealth.api.report import Finding, Health, ProbesReport, Report
from inferencehealth.api.rollouts import RolloutReport
from inferencehealth.controller import guard
from inferencehealth.controller.inject import Refusal, Refusals, with_outcome, write_probes
from inferencehealth.controller.plans import Plans
from inferencehealth.controller.records import Records
from inferencehealth.controller.reports import Content, report_name, report_spec
from inferencehealth.controller.reverts import given_up, observe, told
from inferencehealth.controller.rollouts import progress
from inferencehealth.controller.together import together
from inferencehealth.controller.turns import Act, Case, Decision, decide
from inferencehealth.controller.undoing import has_claim, is_undone, release, undo_of
from inferencehealth.controller.views import SilenceOf, view
from inferencehealth.controller.window import window_problem
from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import Conflict
from inferencehealth.kube.events import ObjectRef, Recorder, ref_of
from inferencehealth.plan import Plan, apply_operations, probes_report
from inferencehealth.problems import Problem
from inferencehealth.workloads import Container, Workload, workload

SOON = 1.0
"""Seconds until to look again where a write met a change, or gave its turn back."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """A workload of the policy, on its way through a run."""

    planned: Plan
    report: Report | None
    """As it was found; None where there is none that is about this very workload."""
    probes: ProbesReport
    """What is to be said about its probes, as long as nothing is written."""
    seen: guard.Seen
    case: Case
    health: Health
    reverted: bool
    """Whether somebody has just changed our probes back."""
    stale: str = ""
    """Name of a report about an earlier workload of that name."""

    @property
    def target(self) -> Workload:
        """The workload itself."""
        return self.case.target

    @property
    def container(self) -> Container | None:
        """The server's container."""
        name = self.planned.detection.container
        return next((c for c in self.target.containers if c.name == name), None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a workload; `again`: seconds until to look again, None for never."""

    report: Report
    again: float | None = None


@dataclass(frozen=True, slots=True)
class Applying:
    """Carries out what is decided about workloads."""

    client: Client
    events: Recorder
    records: Records
    refusals: Refusals
    plans: Plans
    silence_of: SilenceOf

    async def run(
        self,
        policy: Policy,
        held: Iterable[Workload],
        reports: Mapping[str, Report | None],
        now: datetime,
    ) -> list[Outcome]:
        """Bring the policy's workloads and their reports as far as they can be now.

        Raises the first KubeError after everything else was done.
        """
        works = [self._work(policy, each, reports, now) for each in held]
        decisions = decide(policy, [work.case for work in works], now)
        return await together(
            self._carry_out(policy, work, decision, now)
            for work, decision in zip(works, decisions, strict=True)
        )

    def _work(
        self,
        policy: Policy,
        target: Workload,
        reports: Mapping[str, Report | None],
        now: datetime,
    ) -> Work:
        found = reports.get(report_name(target.kind, target.name))
        report = found if found and found.spec.workload.uid == target.uid else None
        before = report.status.probes if report else ProbesReport()
        observed = report.status.health.startups if report and report.status.health else ()
        planned = self.plans.of(policy, target, before, observed)
        write = apply_operations(planned, target)
        subject = guard.subject_of(policy, target, planned.detection.container)
        health = view(report, self.silence_of).health if report else Health()
        seen = guard.Seen(
            target=target,
            progress=progress(target),
            in_place=write is None,
            health=health,
            check=planned.check,
            subject=subject,
            halts=policy.spec.probes.rollout.halt_on_failure,
            now=now,
        )
        applies = policy.spec.probes.mode is Mode.APPLY
        reverts, again = observe(before, planned, target, subject, now)
        record = None if again or not applies else guard.step(before.rollout, seen)
        probes = probes_report(planned, previous=before).model_copy(
            update={
                "rollout": record,
                "reverts": reverts if applies else None,
                "on_delete": policy.spec.probes.on_delete,
            }
        )
        return Work(
            planned=planned,
            report=report,
            probes=probes,
            seen=seen,
            health=health,
            reverted=again,
            stale=found.metadata.name if found and report is None else "",
            case=Case(
                target=target,
                progress=seen.progress,
                write=write,
                record=record,
                reverts=probes.reverts,
                refusal=self.refusals.standing(target, write, now) if write else None,
                undone=is_undone(target, probes),
            ),
        )

    async def _carry_out(
        self, policy: Policy, work: Work, decision: Decision, now: datetime
    ) -> Outcome:
        if work.stale:
            await self.records.delete(work.target.namespace, work.stale)
        if work.reverted and work.probes.reverts:
            note = f"{work.target.ref}: {told(work.probes.reverts, work.target.kind)}"
            await self._say(policy, "ProbesReverted", note)
        try:
            return await self._do(policy, work, decision, now)
        except Conflict as changed:
            logger.info("changed meanwhile: %s", changed, extra={"workload": work.target.ref})
            return Outcome(await self._report(policy, work, work.probes), SOON)

    async def _do(self, policy: Policy, work: Work, decision: Decision, now: datetime) -> Outcome:
        if decision.act is Act.WRITE:
            return await self._change(policy, work, now)
        probes = work.probes
        if decision.state:
            probes = with_outcome(probes, decision.state, decision.message)
        report = await self._report(policy, work, probes)
        lost = given_up(probes.reverts)
        if lost and has_claim(work.target, probes, lost):
            await release(self.client, work.target, probes, lost)
        if decision.act is Act.PUT_BACK:
            return await self._put_back(policy, work, report, now)
        again = (decision.again, guard.look_again(work.case.record, work.seen))
        return Outcome(report, min((each for each in again if each is not None), default=None))

    async def _change(self, policy: Policy, work: Work, now: datetime) -> Outcome:
        """Write the planned probes."""
        write, container = work.case.write, work.container
        if write is None or container is None:
            return Outcome(await self._report(policy, work, work.probes))
        begun = guard.begin(
            work.target,
            container,
            work.seen.progress,
            work.health,
            previous=work.case.record,
            subject=work.seen.subject,
            now=now,
        )
        report = await self._report(policy, work, _with(work.probes, begun))
        result = await write_probes(self.client, work.target, write)
        if isinstance(result, Refusal):
            self.refusals.remember(work.target, write, result, now)
            logger.warning(
                "probes not injected", extra={"workload": work.target.ref, "why": result.message}
            )
            note = f"{work.target.ref}: {result.message}"
            await self._say(policy, f"Probes{result.state.value}", note)
            probes = with_outcome(_with(work.probes, None), result.state, result.message)
            return Outcome(await self._report(policy, work, probes, report), SOON)
        await self._say_injected(policy, work)
        after = workload(result)
        observed = report.status.health.startups if report.status.health else ()
        planned = self.plans.of(policy, after, work.probes, observed)
        rolling = guard.written(begun, after, work.seen.progress.phase, now)
        probes = _with(probes_report(planned, previous=work.probes), rolling).model_copy(
            update={"reverts": work.probes.reverts, "on_delete": work.probes.on_delete}
        )
        changed = replace(
            work, planned=planned, probes=probes, case=replace(work.case, target=after)
        )
        seen = replace(work.seen, target=after)
        report = await self._report(policy, changed, probes, report)
        return Outcome(report, guard.look_again(rolling, seen))

    async def _put_back(self, policy: Policy, work: Work, report: Report, now: datetime) -> Outcome:
        """Give the workload the probes from before a rollout that failed."""
        undo = undo_of(work.target, work.probes)
        if undo:
            if self.refusals.standing(work.target, undo, now):
                return Outcome(report)
            result = await write_probes(self.client, work.target, undo)
            if isinstance(result, Refusal):
                self.refusals.remember(work.target, undo, result, now)
                note = f"{work.target.ref}: the old probes could not be put back: {result.message}"
                await self._say(policy, "RestoreRefused", note)
                return Outcome(report)
            message = report.status.probes.message
            logger.warning("rollout halted", extra={"workload": work.target.ref, "why": message})
            await self._say(policy, "RolloutHalted", f"{work.target.ref}: {message}")
            await self._say_of(work.target, "Warning", "RolloutHalted", message)
        await release(self.client, work.target, work.probes)
        return Outcome(report)

    async def _report(
        self, policy: Policy, work: Work, probes: ProbesReport, current: Report | None = None
    ) -> Report:
        content = _content(policy, work.target, work.planned, probes)
        return await self.records.write(content, work.target, current or work.report)

    async def _say_injected(self, policy: Policy, work: Work) -> None:
        detection, name = work.planned.detection, policy.metadata.name
        note = (
            f"policy {name} gave container {detection.container} "
            f"the probes of profile {detection.profile}"
        )
        logger.info("probes injected", extra={"workload": work.target.ref, "policy": name})
        await self._say_of(work.target, "Normal", "ProbesInjected", note)

    async def _say(self, policy: Policy, reason: str, note: str) -> None:
        await self.events.emit(
            _reference(policy), type="Warning", reason=reason, note=note, action="InjectProbes"
        )

    async def _say_of(self, target: Workload, type_: str, reason: str, note: str) -> None:
        await self.events.emit(
            ref_of(target.raw),
            type="Normal" if type_ == "Normal" else "Warning",
            reason=reason,
            note=note,
            action="InjectProbes",
        )


def _with(probes: ProbesReport, record: RolloutReport | None) -> ProbesReport:
    return probes.model_copy(update={"rollout": record})


def _content(policy: Policy, target: Workload, planned: Plan, probes: ProbesReport) -> Content:
    problems = [*planned.problems, *filter(None, [window_problem(policy)])]
    return Content(
        name=report_name(target.kind, target.name),
        spec=report_spec(policy, target, planned.check),
        detection=planned.detection,
        probes=probes,
        findings=(*map(_as_finding, problems), *planned.findings),
        desired_pods=target.replicas,
    )


def _as_finding(problem: Problem) -> Finding:
    """A problem stands first among the findings: nothing goes on until somebody acts."""
    return Finding(id=problem.reason, severity="error", message=problem.message)


def _reference(policy: Policy) -> ObjectRef:
    meta = policy.metadata
    return ObjectRef(policy.api_version, POLICY_KIND, meta.namespace, meta.name, meta.uid)
