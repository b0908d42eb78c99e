"""Workloads that no policy holds any more: restored or released, then forgotten.

The report outlives its policy until that is done. It holds all that is needed (what to do, the
author's probes), so it makes no difference whether we ran when the policy went; and nothing waits
for us, because no finalizer does.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from inferencehealth.api.probes import OnDelete
from inferencehealth.api.report import ProbesReport, Report
from inferencehealth.api.rollouts import RolloutReport, RolloutState
from inferencehealth.controller.inject import Refusal, Refusals, with_outcome, write_probes
from inferencehealth.controller.moments import stamp
from inferencehealth.controller.plans import Plans
from inferencehealth.controller.records import Records
from inferencehealth.controller.rollouts import Phase, progress
from inferencehealth.controller.together import together
from inferencehealth.controller.turns import QUIET
from inferencehealth.controller.undoing import has_claim, release, restore_of
from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import Conflict, Forbidden, Invalid, NotFound
from inferencehealth.kube.events import Recorder, ref_of
from inferencehealth.workloads import Workload

SOON = 1.0
"""Seconds until to look again where a write met a change, or a turn may be free."""
RESTORED = "restored"
"""Subject of the record of a restoration: it is about no policy."""

logger = logging.getLogger(__name__)


class Way(StrEnum):
    """What is done about a workload that is let go."""

    FORGET = "Forget"
    """Nothing of ours is left to undo: give up the claim, delete the report."""
    RESTORE = "Restore"
    WAIT = "Wait"


@dataclass(frozen=True, slots=True)
class Leaving:
    """A report that no policy asks for, and its workload if that is still there."""

    report: Report
    target: Workload | None


@dataclass(frozen=True, slots=True)
class LettingGo:
    """Carries out what becomes of workloads that no policy holds."""

    client: Client
    events: Recorder
    records: Records
    refusals: Refusals
    plans: Plans

    async def run(self, leaving: Iterable[Leaving], now: datetime) -> float | None:
        """Let go of all, as far as it can be done now; seconds until to look again.

        Raises the first KubeError after everything else was done.
        """
        listed = list(leaving)
        ways = ways_of(listed)
        again = await together(
            self._let_go(each, way, why, now) for each, (way, why) in zip(listed, ways, strict=True)
        )
        return min((each for each in again if each is not None), default=None)

    async def _let_go(self, leaving: Leaving, way: Way, why: str, now: datetime) -> float | None:
        report, target = leaving.report, leaving.target
        try:
            if way is Way.FORGET:
                await self._forget(report, target)
                return None
            if target is not None and way is Way.RESTORE:
                return await self._restore(report, target, now)
        except Conflict as changed:
            logger.info("changed meanwhile: %s", changed, extra={"report": report.metadata.name})
            return SOON
        told = with_outcome(report.status.probes, report.status.probes.state, why)
        await self.records.say(report, told)
        return None

    async def _forget(self, report: Report, target: Workload | None) -> None:
        meta = report.metadata
        unhalted = _without_record(report.status.probes)  # by the record, a part of it would stay
        if target is not None and has_claim(target, unhalted):
            try:
                await release(self.client, target, unhalted)
            except NotFound:
                logger.debug("workload is gone already", extra={"workload": target.ref})
            except (Forbidden, Invalid) as refused:
                # Its probes stay as they are; only the name on them stays ours as well.
                logger.warning("claim not given up: %s", refused, extra={"workload": target.ref})
        await self.records.delete(meta.namespace, meta.name, uid=meta.uid)
        self.refusals.forget(report.spec.workload.uid)
        self.plans.forget(report.spec.workload.uid)

    async def _restore(self, report: Report, target: Workload, now: datetime) -> float | None:
        probes, write = report.status.probes, restore_of(target, report.status.probes)
        if write is None:
            return SOON
        if refusal := self.refusals.standing(target, write, now):
            await self.records.say(report, with_outcome(probes, refusal.state, refusal.message))
            return None
        found = progress(target)
        rolls = found.phase not in QUIET
        record = RolloutReport(
            state=RolloutState.ROLLING if rolls else RolloutState.DONE,
            since=stamp(now),
            subject=RESTORED,
            available=found.available,
        )
        told = probes.model_copy(update={"rollout": record, "message": _under_way(probes)})
        report = await self.records.say(report, told)
        result = await write_probes(self.client, target, write)
        if isinstance(result, Refusal):
            self.refusals.remember(target, write, result, now)
            undone = with_outcome(_without_record(probes), result.state, result.message)
            await self.records.say(report, undone)
            await self._tell(target, "Warning", "RestoreRefused", result.message)
            return SOON
        await release(self.client, target, told)
        logger.info("probes restored", extra={"workload": target.ref})
        back = "the probes from before it are back"
        if probes.on_delete is OnDelete.RETAIN:
            back = "its readiness gate is out of the pod template, its probes stay"
        note = f"policy {report.spec.policy} let go: {back}"
        await self._tell(target, "Normal", "ProbesRestored", note)
        return SOON

    async def _tell(self, target: Workload, type_: str, reason: str, note: str) -> None:
        await self.events.emit(
            ref_of(target.raw),
            type="Normal" if type_ == "Normal" else "Warning",
            reason=reason,
            note=note,
            action="RestoreProbes",
        )


def ways_of(leaving: Iterable[Leaving]) -> list[tuple[Way, str]]:
    """What to do about each, and why where that is to wait: one restoration rolls at a time."""
    listed = list(leaving)
    rolling = [each.report.spec.workload.name for each in listed if _is_being_restored(each)]
    ways = []
    for each in listed:
        way, why = _way_of(each, rolling)
        if way is Way.RESTORE and each.target and progress(each.target).phase not in QUIET:
            rolling.append(each.target.name)
        ways.append((way, why))
    return ways


def _way_of(leaving: Leaving, rolling: list[str]) -> tuple[Way, str]:
    report, target = leaving.report, leaving.target
    probes = report.status.probes
    if target is None:
        return Way.FORGET, ""
    if restore_of(target, probes) is None:
        if _is_being_restored(leaving):
            return Way.WAIT, _under_way(probes)
        return Way.FORGET, ""
    phase = progress(target).phase
    if phase in QUIET:
        return Way.RESTORE, ""
    if phase is Phase.PAUSED:
        return Way.WAIT, "to be restored once the workload is resumed"
    if phase is Phase.ROLLING:
        return Way.WAIT, "to be restored when the rollout that is under way has ended"
    if rolling:
        return Way.WAIT, f"to be restored after {rolling[0]}: one workload at a time"
    return Way.RESTORE, ""


def _under_way(probes: ProbesReport) -> str:
    if probes.on_delete is OnDelete.RETAIN:
        return "the readiness gate is being taken out"
    return "the author's probes are being restored"


def _is_being_restored(leaving: Leaving) -> bool:
    record, target = leaving.report.status.probes.rollout, leaving.target
    return bool(
        record
        and target
        and record.subject == RESTORED
        and record.state is RolloutState.ROLLING
        and record.available
        and progress(target).phase is Phase.ROLLING
    )


def _without_record(probes: ProbesReport) -> ProbesReport:
    return probes.model_copy(update={"rollout": None})


def leaving_of(
    reports: Mapping[str, Report | None],
    wanted: set[str],
    doubtful: set[str],
    workloads: Iterable[Workload],
) -> list[Leaving]:
    """The reports that no policy asks for; those of a policy that can't be read now stay."""
    there = {each.uid: each for each in workloads}
    return [
        Leaving(report, there.get(report.spec.workload.uid))
        for name, report in reports.items()
        if report and name not in wanted and report.spec.policy not in doubtful
    ]
