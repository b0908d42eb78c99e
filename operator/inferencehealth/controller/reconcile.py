"""One namespace brought in line with its policies: read everything, decide, write the difference.

Level-triggered: it asks what is the case now, never what happened, so a lost event, a restart or
a write cut off half-way costs nothing but another run.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from inferencehealth.api.names import API_VERSION, CONTROLLER_MANAGER, POLICY_KIND
from inferencehealth.api.policy import Policy
from inferencehealth.api.report import Report
from inferencehealth.api.status import PolicyStatus
from inferencehealth.controller.admission import AdmissionPolicies
from inferencehealth.controller.aggregate import invalid_status, policy_status
from inferencehealth.controller.applying import Applying
from inferencehealth.controller.board import Board
from inferencehealth.controller.claims import Claims, LostClaim, claim
from inferencehealth.controller.guard import RUNNING
from inferencehealth.controller.inject import RESOURCES, Refusals
from inferencehealth.controller.letting_go import LettingGo, leaving_of
from inferencehealth.controller.moments import moment
from inferencehealth.controller.plans import Plans
from inferencehealth.controller.reading import Unreadable, read_policies, read_reports
from inferencehealth.controller.records import Records
from inferencehealth.controller.transitions import transition
from inferencehealth.controller.views import SilenceOf, view
from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.errors import ApiError, Forbidden, NotFound
from inferencehealth.kube.events import ObjectRef, Recorder
from inferencehealth.kube.requests import POLICIES, REPORTS
from inferencehealth.kube.workloads import workloads_of
from inferencehealth.workloads import Workload

TERMINATING = "NamespaceTerminating"
"""Cause of the refusal of whatever is new in a namespace that is being deleted."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Reconciler:
    """What a run needs beyond the cluster's own state."""

    client: Client
    events: Recorder
    silence_of: SilenceOf
    now: Callable[[], str]
    """The time as RFC 3339, UTC."""
    admission: AdmissionPolicies
    refusals: Refusals = field(default_factory=Refusals)
    plans: Plans = field(default_factory=Plans)
    board: Board = field(default_factory=Board)
    """Where each status is posted for the pages and numbers of this program."""
    lost: dict[tuple[str, str], tuple[LostClaim, ...]] = field(default_factory=dict)
    """By namespace and policy: claims lost in the last full run, for runs about status alone."""
    unseen: dict[str, dict[str, str]] = field(default_factory=dict)
    """By namespace and kind: why that run saw none of the kind, where it could not."""
    _talking: set[asyncio.Task[None]] = field(default_factory=set)

    async def namespace(self, namespace: str) -> float | None:
        """Claims, plans, probes, reports and status of everything in the namespace.

        Returns the seconds until time alone will have changed something; None: never.
        """
        try:
            return await self._namespace(namespace)
        except NotFound as gone:
            # Our definitions are being removed, or were: there is nothing left to bring in line.
            logger.info("nothing to do: %s", gone, extra={"in_namespace": namespace})
        except Forbidden as refused:
            if not _is_terminating(refused):
                raise
            logger.info("the namespace is being deleted", extra={"in_namespace": namespace})
        self.board.keep(namespace, ())
        return None

    async def _namespace(self, namespace: str) -> float | None:
        policies, unreadable = await self._policies(namespace)
        self.board.keep(
            namespace,
            [each.metadata.name for each in policies] + [bad.metadata.name for bad in unreadable],
        )
        listed = await self.client.list(REPORTS, project=whole, namespace=namespace)
        reports = read_reports(listed.items)
        workloads = await self._workloads(namespace, policies, reports.values())
        claims = claim(policies, workloads, unreadable)
        self._remember(namespace, claims)
        # Before anything is let go: what was put back must not be given ours again.
        await self.admission.bring_in_line(namespace, policies, unreadable, claims.held, reports)
        now = moment(self.now())
        records = Records(self.client)
        applying = Applying(
            self.client, self.events, records, self.refusals, self.plans, self.silence_of
        )
        wanted: set[str] = set()
        again: list[float | None] = []
        for policy in policies:
            outcomes = await applying.run(policy, claims.held[policy.metadata.name], reports, now)
            written = [outcome.report for outcome in outcomes]
            wanted |= {report.metadata.name for report in written}
            again += [outcome.again for outcome in outcomes]
            again.append(await self._write_status(policy, written))
        for bad in unreadable:
            status = invalid_status(bad.metadata.generation, bad.message, bad.status, self.now())
            self.board.post((namespace, bad.metadata.name), status, ())
            await self._patch_status(bad.metadata.namespace, bad.metadata.name, bad.status, status)
        doubtful = {bad.metadata.name for bad in unreadable}
        for name in [name for name, report in reports.items() if not report and name not in wanted]:
            await records.delete(namespace, name)
        leaving = leaving_of(reports, wanted, doubtful, workloads)
        letting_go = LettingGo(self.client, self.events, records, self.refusals, self.plans)
        again.append(await letting_go.run(leaving, now))
        return min((each for each in again if each is not None), default=None)

    async def status(self, namespace: str, name: str) -> float | None:
        """The status of one policy, from its reports as they are; returns as `namespace` does.

        Where the policy is gone, nothing was planned yet, or a rollout of ours waits for verdicts,
        only a full run can tell more.
        """
        if (namespace, name) not in self.lost:
            return await self.namespace(namespace)
        try:
            raw = await self.client.get(POLICIES, name, namespace=namespace)
        except NotFound:
            return await self.namespace(namespace)
        policies, _ = read_policies([raw])
        for policy in policies:
            if policy.metadata.generation != policy.status.observed_generation:
                # Its reports still ask what an older spec wanted.
                return await self.namespace(namespace)
            listed = await self.client.list(REPORTS, project=whole, namespace=namespace)
            reports = [
                r for r in read_reports(listed.items).values() if r and r.spec.policy == name
            ]
            if any(map(_is_running, reports)):
                return await self.namespace(namespace)
            return await self._write_status(policy, reports)
        return None

    async def _policies(self, namespace: str) -> tuple[tuple[Policy, ...], tuple[Unreadable, ...]]:
        listed = await self.client.list(POLICIES, project=whole, namespace=namespace)
        return read_policies(listed.items)

    async def _workloads(
        self, namespace: str, policies: Iterable[Policy], reports: Iterable[Report | None]
    ) -> tuple[Workload, ...]:
        """Of all kinds that a policy is about, or a report that may have to be let go."""
        asked = {kind.value for policy in policies for kind in policy.spec.target.kinds}
        known = {report.spec.workload.kind for report in reports if report}
        kinds = sorted((asked | known) & RESOURCES.keys())
        listed = {
            kind: await workloads_of(self.client, RESOURCES[kind], namespace) for kind in kinds
        }
        self.unseen.pop(namespace, None)
        if unseen := {kind: each.unseen for kind, each in listed.items() if each.unseen}:
            self.unseen[namespace] = unseen
        found = (workload for each in listed.values() for workload in each.workloads)
        return tuple(each for each in found if not each.raw["metadata"].get("deletionTimestamp"))

    def _remember(self, namespace: str, claims: Claims) -> None:
        for key in [key for key in self.lost if key[0] == namespace]:
            del self.lost[key]
        self.lost.update({(namespace, name): lost for name, lost in claims.lost.items()})

    async def _write_status(self, policy: Policy, reports: Iterable[Report]) -> float | None:
        """Returns as `namespace` does."""
        meta = policy.metadata
        learning = self.admission.learning(meta.namespace, meta.name)
        unseen = self.unseen.get(meta.namespace, {})
        status = policy_status(
            policy,
            reports,
            lost=self.lost.get((meta.namespace, meta.name), ()),
            unseen=[unseen[kind] for kind in policy.spec.target.kinds if kind in unseen],
            silence_of=self.silence_of,
            now=self.now(),
            learning=bool(learning),
        )
        views = (view(report, self.silence_of) for report in reports)
        self.board.post((meta.namespace, meta.name), status, views)
        await self._patch_status(meta.namespace, meta.name, policy.status, status)
        self._say(policy, status)
        return learning or None

    def _say(self, policy: Policy, status: PolicyStatus) -> None:
        """Tell of a transition as an Event, beside the work: no other status waits for it."""
        told = transition(policy.status, status)
        if told is None:
            return
        meta = policy.metadata
        about = ObjectRef(API_VERSION, POLICY_KIND, meta.namespace, meta.name, meta.uid)
        saying = asyncio.create_task(
            self.events.emit(
                about, type=told.type, reason=told.reason, note=told.note, action="WriteStatus"
            )
        )
        self._talking.add(saying)
        saying.add_done_callback(self._talking.discard)

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


def _is_running(report: Report) -> bool:
    record = report.status.probes.rollout
    return record is not None and record.state in RUNNING


def _is_terminating(error: ApiError) -> bool:
    return any(cause.reason == TERMINATING for cause in error.causes)
