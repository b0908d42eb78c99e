"""Mode Initial from Kubernetes 1.36 on: our policies' plans kept as MutatingAdmissionPolicies.

They have no namespace and so no owner that the garbage collector could follow: by their labels we
find again what a policy left behind that was deleted, changed its mode, or selects nothing now.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from inferencehealth.admission.compiled import (
    Document,
    FailurePolicy,
    Known,
    documents,
    labels_of,
)
from inferencehealth.admission.known import known
from inferencehealth.admission.shapes import unborn
from inferencehealth.api.metadata import Metadata
from inferencehealth.api.names import CONTROLLER_MANAGER, NAMESPACE_LABEL, POLICY_LABEL
from inferencehealth.api.policy import Policy
from inferencehealth.api.probes import Mode
from inferencehealth.api.report import Report
from inferencehealth.api.target import Target
from inferencehealth.controller.reading import Unreadable
from inferencehealth.controller.reports import report_name
from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.errors import Forbidden, Invalid, KubeError, NotFound
from inferencehealth.kube.requests import (
    MUTATING_POLICIES,
    MUTATING_POLICY_BINDINGS,
    JsonObject,
    Resource,
)
from inferencehealth.plan import Plan, plan
from inferencehealth.workloads import Workload

logger = logging.getLogger(__name__)

PATIENCE: Final = 5.0
"""Seconds between two attempts to see what was left behind, while the API server is away."""

Held = Mapping[str, Iterable[Workload]]
"""By policy name: the workloads that it holds."""


@dataclass(slots=True)
class AdmissionPolicies:
    """The admission policies of all namespaces. `used` has those that may have some."""

    client: Client
    failure: FailurePolicy = "Ignore"
    used: set[str] = field(default_factory=set)
    _told: set[str] = field(default_factory=set)

    async def find_abandoned(self, found: Callable[[str], None]) -> None:
        """Tell `found` the namespaces that have admission policies of ours, and return.

        Whose policy was deleted while this program did not run, nobody else tells us.
        """
        while True:
            try:
                listed = await self.client.list(
                    MUTATING_POLICIES, project=whole, label_selector=NAMESPACE_LABEL
                )
            except (NotFound, Forbidden):
                return  # told when somebody needs it
            except KubeError as error:
                logger.info("admission policies can't be listed yet: %s", error)
                await asyncio.sleep(PATIENCE)
                continue
            self.used |= {raw["metadata"]["labels"][NAMESPACE_LABEL] for raw in listed.items}
            for namespace in sorted(self.used):
                found(namespace)
            return

    async def bring_in_line(
        self,
        namespace: str,
        policies: Iterable[Policy],
        unreadable: Iterable[Unreadable],
        held: Held,
        reports: Mapping[str, Report | None],
    ) -> None:
        """Write what the namespace's policies in mode Initial need, and delete what none needs."""
        standing = tuple(policies)
        initial = [each for each in standing if each.spec.probes.mode is Mode.INITIAL]
        if not initial and namespace not in self.used:
            return
        label = f"{NAMESPACE_LABEL}={namespace}"
        listed = await self._list(MUTATING_POLICIES, label)
        bindings = await self._list(MUTATING_POLICY_BINDINGS, label)
        if listed is None or bindings is None:
            return
        doubtful = tuple(unreadable)
        wanted = {
            document.name: document
            for policy in initial
            for document in documents(
                policy,
                _known(policy, held.get(policy.metadata.name, ()), reports),
                unborn(policy),
                elder=[target.selector for target in _elder(policy, standing, doubtful)],
                failure=self.failure,
            )
        }
        await self._write(wanted, _specs(listed), _specs(bindings))
        # What a policy that can't be read now asked for before stays, as its probes do.
        kept = {labels_of(namespace, each.metadata.name)[POLICY_LABEL] for each in doubtful}
        await self._delete([raw for raw in listed if not _is_wanted(raw, wanted, kept)])
        self.used |= {namespace} if wanted else set()
        if not wanted:
            self.used.discard(namespace)

    async def _write(
        self,
        wanted: Mapping[str, Document],
        policies: Mapping[str, JsonObject],
        bindings: Mapping[str, JsonObject],
    ) -> None:
        for name, document in wanted.items():
            if policies.get(name) != document.spec:
                await self._apply(MUTATING_POLICIES, document, document.spec)
            if bindings.get(name) != document.binding:
                await self._apply(MUTATING_POLICY_BINDINGS, document, document.binding)

    async def _apply(
        self, resource: Resource, document: Document, spec: Mapping[str, object]
    ) -> None:
        body: JsonObject = {"metadata": {"labels": dict(document.labels)}, "spec": dict(spec)}
        try:
            await self.client.apply(
                resource,
                document.name,
                body,
                manager=CONTROLLER_MANAGER,
                force=True,  # our own object
            )
        except (Forbidden, Invalid) as refused:
            self._tell(f"the API server refuses {resource.kind} {document.name}: {refused}")

    async def _delete(self, unwanted: Iterable[JsonObject]) -> None:
        for raw in unwanted:
            # The binding first: a policy without one does nothing.
            for resource in (MUTATING_POLICY_BINDINGS, MUTATING_POLICIES):
                try:
                    await self.client.delete(resource, raw["metadata"]["name"])
                except NotFound:
                    logger.debug("gone already", extra={"policy": raw["metadata"]["name"]})

    async def _list(self, resource: Resource, label: str) -> tuple[JsonObject, ...] | None:
        """What there is; None where the API server has no such kind, or does not let us look."""
        try:
            listed = await self.client.list(resource, project=whole, label_selector=label)
        except NotFound:
            self._tell(
                "this API server has no MutatingAdmissionPolicy (before 1.36): mode Initial "
                "needs the webhook, `ihp webhook`"
            )
            return None
        except Forbidden as refused:
            self._tell(f"mode Initial needs a right or the webhook, `ihp webhook`: {refused}")
            return None
        return listed.items

    def _tell(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            logger.warning(message)


def _known(
    policy: Policy, held: Iterable[Workload], reports: Mapping[str, Report | None]
) -> list[Known]:
    found = (known(policy, each, _look(policy, each, reports)) for each in held)
    return [each for each in found if each]


def _look(
    policy: Policy, target: Workload, reports: Mapping[str, Report | None]
) -> Callable[[Workload], Plan]:
    report = reports.get(report_name(target.kind, target.name))
    if report is None or report.spec.workload.uid != target.uid:
        return partial(plan, policy)
    probes, health = report.status.probes, report.status.health
    return partial(plan, policy, previous=probes, observed=health.startups if health else ())


def _elder(
    policy: Policy, standing: Iterable[Policy], doubtful: Iterable[Unreadable]
) -> list[Target]:
    """The targets of those that win over the policy where both select a workload (see `claim`)."""
    claimants = [(p.metadata, p.spec.target) for p in standing]
    claimants += [(bad.metadata, bad.target) for bad in doubtful if bad.target]
    mine = _rank(policy.metadata)
    kinds = set(policy.spec.target.kinds)
    return [t for meta, t in claimants if _rank(meta) < mine and kinds & set(t.kinds)]


def _rank(meta: Metadata) -> tuple[str, str]:
    return meta.creation_timestamp, meta.name


def _specs(listed: Iterable[JsonObject]) -> dict[str, JsonObject]:
    return {raw["metadata"]["name"]: raw["spec"] for raw in listed}


def _is_wanted(raw: JsonObject, wanted: Mapping[str, Document], kept: set[str]) -> bool:
    meta = raw["metadata"]
    return meta["name"] in wanted or meta["labels"].get(POLICY_LABEL) in kept
