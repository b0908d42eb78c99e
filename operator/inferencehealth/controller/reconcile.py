"""One namespace brought in line with its policies: read everything, decide, write the difference.

Level-triggered: it asks what is the case now, never what happened, so a lost event, a restart or
a write cut off half-way costs nothing but another run.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from inferencehealth.api.names import CONTROLLER_MANAGER, POLICY_KIND
from inferencehealth.api.policy import Policy
from inferencehealth.api.probes import Mode
from inferencehealth.api.report import Finding, ProbesReport, ProbeState, Report
from inferencehealth.api.status import PolicyStatus
from inferencehealth.controller.aggregate import invalid_status, policy_status
from inferencehealth.controller.claims import Claims, LostClaim, claim
from inferencehealth.controller.inject import (
    RESOURCES,
    Refusal,
    Refusals,
    with_outcome,
    write_probes,
)
from inferencehealth.controller.reading import Unreadable, read_policies, read_reports
from inferencehealth.controller.reports import (
    Content,
    report_body,
    report_name,
    report_spec,
    same_spec,
    same_status,
)
from inferencehealth.controller.rollouts import rolling
from inferencehealth.controller.views import SilenceOf
from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.errors import NotFound
from inferencehealth.kube.events import ObjectRef, Recorder, ref_of
from inferencehealth.kube.requests import POLICIES, REPORTS
from inferencehealth.plan import Plan, apply_operations, plan, probes_report
from inferencehealth.problems import Problem
from inferencehealth.workloads import Workload, workload

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Reconciler:
    """What a run needs beyond the cluster's own state."""

    client: Client
    events: Recorder
    silence_of: SilenceOf
    now: Callable[[], str]
    """The time as RFC 3339, UTC."""
    refusals: Refusals = field(default_factory=Refusals)
    lost: dict[tuple[str, str], tuple[LostClaim, ...]] = field(default_factory=dict)
    """By namespace and policy: claims lost in the last full run, for runs about status alone."""

    async def namespace(self, namespace: str) -> None:
        """Claims, plans, probes, reports and status of everything in the namespace."""
        policies, unreadable = await self._policies(namespace)
        workloads = await self._workloads(namespace, policies)
        reports = read_reports(
            (await self.client.list(REPORTS, project=whole, namespace=namespace)).items
        )
        claims = claim(policies, workloads)
        self._remember(namespace, claims)
        kept: dict[str, list[Report]] = {}
        for policy in policies:
            name = policy.metadata.name
            kept[name] = await self._workloads_of(policy, claims.held[name], reports)
        await self._delete_reports(namespace, reports, kept, unreadable)
        for policy in policies:
            await self._write_status(policy, kept[policy.metadata.name])
        for bad in unreadable:
            status = invalid_status(bad.metadata.generation, bad.message, bad.status, self.now())
            await self._patch_status(bad.metadata.namespace, bad.metadata.name, bad.status, status)

    async def status(self, namespace: str, name: str) -> None:
        """The status of one policy, from its reports as they are.

        Where the policy is gone, or nothing was planned yet, only a full run can tell more.
        """
        if (namespace, name) not in self.lost:
            await self.namespace(namespace)
            return
        try:
            raw = await self.client.get(POLICIES, name, namespace=namespace)
        except NotFound:
            await self.namespace(namespace)
            return
        policies, _ = read_policies([raw])
        for policy in policies:
            listed = await self.client.list(REPORTS, project=whole, namespace=namespace)
            reports = [
                r for r in read_reports(listed.items).values() if r and r.spec.policy == name
            ]
            await self._write_status(policy, reports)

    async def _policies(self, namespace: str) -> tuple[tuple[Policy, ...], tuple[Unreadable, ...]]:
        listed = await self.client.list(POLICIES, project=whole, namespace=namespace)
        return read_policies(listed.items)

    async def _workloads(self, namespace: str, policies: Iterable[Policy]) -> tuple[Workload, ...]:
        kinds = sorted({kind.value for policy in policies for kind in policy.spec.target.kinds})
        found: list[Workload] = []
        for kind in kinds:
            resource = RESOURCES[kind]
            identity = {"kind": kind, "apiVersion": resource.api_version}
            listed = await self.client.list(
                resource,
                project=lambda raw, identity=identity: workload({**raw, **identity}),  # type: ignore[misc]
                namespace=namespace,
            )
            found += listed.items
        return tuple(each for each in found if not each.raw["metadata"].get("deletionTimestamp"))

    def _remember(self, namespace: str, claims: Claims) -> None:
        for key in [key for key in self.lost if key[0] == namespace]:
            del self.lost[key]
        self.lost.update({(namespace, name): lost for name, lost in claims.lost.items()})

    async def _workloads_of(
        self, policy: Policy, held: Iterable[Workload], reports: Mapping[str, Report | None]
    ) -> list[Report]:
        """Plan, inject and report each workload of a policy; returns the reports as they are."""
        plans = [(each, plan(policy, each)) for each in held]
        busy = [each.ref for each, planned in plans if rolling(each) and _has_ours(planned)]
        written: list[Report] = []
        for each, planned in plans:
            others = [ref for ref in busy if ref != each.ref]
            before = await self._fresh_report(each, reports)
            probes = probes_report(planned, previous=before.status.probes if before else None)
            # Reported before it is done: the author's probe must be on record when ours replaces
            # it, also if we are killed in between.
            report = await self._write_report(_content(policy, each, planned, probes), each, before)
            target, planned_now, outcome = await self._inject(policy, each, planned, probes, others)
            if target is not each:
                busy.append(each.ref)
            content = _content(policy, target, planned_now, outcome)
            written.append(await self._write_report(content, target, report))
        return written

    async def _inject(
        self,
        policy: Policy,
        target: Workload,
        planned: Plan,
        probes: ProbesReport,
        others: list[str],
    ) -> tuple[Workload, Plan, ProbesReport]:
        """The workload, its plan and its probes' report after what can be done now is done."""
        write = apply_operations(planned, target)
        if policy.spec.probes.mode is not Mode.APPLY or write is None:
            return target, planned, probes
        refusal = self.refusals.standing(target, write)
        if refusal is None and others and target.replicas:
            message = f"waits for the rollout of {others[0]}: one workload at a time"
            return target, planned, with_outcome(probes, ProbeState.PENDING, message)
        if refusal is None:
            result = await write_probes(self.client, target, write)
            if not isinstance(result, Refusal):
                await self._say_injected(policy, target, planned)
                after = workload(result)
                again = plan(policy, after)
                return after, again, probes_report(again, previous=probes)
            refusal = result
            self.refusals.remember(target, write, refusal)
            await self._say_refused(policy, target, refusal)
        return target, planned, with_outcome(probes, refusal.state, refusal.message)

    async def _say_injected(self, policy: Policy, target: Workload, planned: Plan) -> None:
        note = (
            f"policy {policy.metadata.name} gave container {planned.detection.container} "
            f"the probes of profile {planned.detection.profile}"
        )
        logger.info(
            "probes injected", extra={"workload": target.ref, "policy": policy.metadata.name}
        )
        await self.events.emit(
            ref_of(target.raw),
            type="Normal",
            reason="ProbesInjected",
            note=note,
            action="InjectProbes",
        )

    async def _say_refused(self, policy: Policy, target: Workload, refusal: Refusal) -> None:
        reason = f"Probes{refusal.state.value}"
        note = f"{target.ref}: {refusal.message}"
        logger.warning(
            "probes not injected", extra={"workload": target.ref, "why": refusal.message}
        )
        await self.events.emit(
            _reference(policy), type="Warning", reason=reason, note=note, action="InjectProbes"
        )

    async def _fresh_report(
        self, target: Workload, reports: Mapping[str, Report | None]
    ) -> Report | None:
        """The workload's report, unless it speaks of an earlier workload of the same name."""
        current = reports.get(report_name(target.kind, target.name))
        if current and current.spec.workload.uid != target.uid:
            await self._delete_report(target.namespace, current.metadata.name)
            return None
        return current

    async def _write_report(
        self, content: Content, target: Workload, current: Report | None
    ) -> Report:
        """Bring the report in line, writing only what differs; returns it as it is now."""
        if current is None or not same_spec(content, current):
            body = report_body(content, target)
            current = await self._apply_report(target.namespace, content.name, body, "")
        if not same_status(content, current):
            body = {"status": content.status()}
            current = await self._apply_report(target.namespace, content.name, body, "status")
        return current

    async def _apply_report(
        self, namespace: str, name: str, body: dict[str, object], subresource: str
    ) -> Report:
        raw = await self.client.apply(
            REPORTS,
            name,
            body,
            namespace=namespace,
            manager=CONTROLLER_MANAGER,
            force=True,  # our own fields on our own object
            subresource=subresource,
        )
        return Report.model_validate(raw)

    async def _delete_reports(
        self,
        namespace: str,
        reports: Mapping[str, Report | None],
        kept: Mapping[str, list[Report]],
        unreadable: Iterable[Unreadable],
    ) -> None:
        """Delete what no policy asks for; reports of a policy that can't be read now stay."""
        wanted = {report.metadata.name for written in kept.values() for report in written}
        doubtful = {bad.metadata.name for bad in unreadable}
        for name, report in reports.items():
            if name in wanted or (report and report.spec.policy in doubtful):
                continue
            await self._delete_report(namespace, name)
            if report:
                self.refusals.forget(report.spec.workload.uid)

    async def _delete_report(self, namespace: str, name: str) -> None:
        try:
            await self.client.delete(REPORTS, name, namespace=namespace)
        except NotFound:
            logger.debug("report is gone already", extra={"report": name})

    async def _write_status(self, policy: Policy, reports: Iterable[Report]) -> None:
        meta = policy.metadata
        status = policy_status(
            policy,
            reports,
            lost=self.lost.get((meta.namespace, meta.name), ()),
            silence_of=self.silence_of,
            now=self.now(),
        )
        await self._patch_status(meta.namespace, meta.name, policy.status, status)

    async def _patch_status(
        self, namespace: str, name: str, old: PolicyStatus, new: PolicyStatus
    ) -> None:
        if new == old:
            return
        try:
            await self.client.apply(
                POLICIES,
                name,
                {"status": new.manifest()},
                namespace=namespace,
                manager=CONTROLLER_MANAGER,
                force=True,  # our own fields on our own object
                subresource="status",
            )
        except NotFound:
            logger.debug("policy is gone already", extra={"policy": name})


def _has_ours(planned: Plan) -> bool:
    return any(each.action == "InPlace" for each in planned.probes)


def _content(policy: Policy, target: Workload, planned: Plan, probes: ProbesReport) -> Content:
    return Content(
        name=report_name(target.kind, target.name),
        spec=report_spec(policy, target, planned.check),
        detection=planned.detection,
        probes=probes,
        findings=(*map(_as_finding, planned.problems), *planned.findings),
        desired_pods=target.replicas,
    )


def _as_finding(problem: Problem) -> Finding:
    """A problem stands first among the findings: nothing goes on until somebody acts."""
    return Finding(id=problem.reason, severity="error", message=problem.message)


def _reference(policy: Policy) -> ObjectRef:
    meta = policy.metadata
    return ObjectRef(policy.api_version, POLICY_KIND, meta.namespace, meta.name, meta.uid)
