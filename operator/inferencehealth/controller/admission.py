"""Mode Initial from Kubernetes 1.36 on: our policies' plans kept as MutatingAdmissionPolicies.

They have no namespace and so no owner that the garbage collector could follow: by their labels we
find again what a policy left behind that was deleted, changed its mode, or selects nothing now.
"""

import asyncio
import logging
import time
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
from inferencehealth.api.policy import Policy, PolicySpec
from inferencehealth.api.probes import Mode
from inferencehealth.api.report import ProbesReport, Report, Startup
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
from inferencehealth.plan import plan
from inferencehealth.workloads import Workload

logger = logging.getLogger(__name__)

PATIENCE: Final = 5.0
"""Seconds between two attempts to see what was left behind, while the API server is away."""

LEARNING: Final = 5.0
"""Seconds that API servers are given to learn a rule for newcomers. They look for new ones every
second; on a busy machine a Deployment 0.13 s after its rule was seen to come without probes."""

Held = Mapping[str, Iterable[Workload]]
"""By policy name: the workloads that it holds."""


@dataclass(frozen=True, slots=True)
class _From:
    """What a known workload's rule is made from."""

    spec: PolicySpec
    workload: tuple[str, str]
    """uid and resourceVersion"""
    probes: ProbesReport | None
    startups: tuple[Startup, ...]


@dataclass(slots=True)
class AdmissionPolicies:
    """The admission policies of all namespaces. `used` has those that may have some; `clock` gives
    seconds, and never goes back."""

    client: Client
    failure: FailurePolicy = "Ignore"
    used: set[str] = field(default_factory=set)
    clock: Callable[[], float] = time.monotonic
    _told: set[str] = field(default_factory=set)
    _written: dict[tuple[str, str], float] = field(default_factory=dict)
    """By namespace and policy: when a rule for newcomers was last written."""
    _made: dict[str, dict[tuple[str, str], tuple[_From, Known | None]]] = field(
        default_factory=dict
    )
    """By namespace, policy and workload: what was made, and from what. Making it takes two plans,
    and most runs are about one workload of many."""

    def learning(self, namespace: str, policy: str) -> float:
        """Seconds for which API servers may not know yet what joins new workloads; 0: they do."""
        since = self._written.get((namespace, policy))
        return 0.0 if since is None else max(0.0, since + LEARNING - self.clock())

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
        if not initial:
            self._made.pop(namespace, None)
        names = {policy.metadata.name for policy in initial}
        for key in [k for k in self._written if k[0] == namespace and k[1] not in names]:
            del self._written[key]
        if not initial and namespace not in self.used:
            return
        label = f"{NAMESPACE_LABEL}={namespace}"
        listed = await self._list(MUTATING_POLICIES, label)
        bindings = await self._list(MUTATING_POLICY_BINDINGS, label)
        if listed is None or bindings is None:
            return
        doubtful = tuple(unreadable)
        joining = self._known(namespace, initial, held, reports)
        wanted: dict[str, Document] = {}
        for policy in initial:
            made = documents(
                policy,
                joining[policy.metadata.name],
                unborn(policy),
                elder=[target.selector for target in _elder(policy, standing, doubtful)],
                failure=self.failure,
            )
            wanted.update((document.name, document) for document in made)
            if await self._write(made, _specs(listed), _specs(bindings)):
                self._written[namespace, policy.metadata.name] = self.clock()
        # What a policy that can't be read now asked for before stays, as its probes do.
        kept = {labels_of(namespace, each.metadata.name)[POLICY_LABEL] for each in doubtful}
        await self._delete([raw for raw in listed if not _is_wanted(raw, wanted, kept)])
        if wanted or kept:
            self.used.add(namespace)
        else:
            self.used.discard(namespace)

    def _known(
        self,
        namespace: str,
        policies: Iterable[Policy],
        held: Held,
        reports: Mapping[str, Report | None],
    ) -> dict[str, list[Known]]:
        """By policy name: what joins the next rollouts of the workloads that it holds."""
        before = self._made.pop(namespace, {})
        made = self._made.setdefault(namespace, {})
        joining: dict[str, list[Known]] = {}
        for policy in policies:
            name = policy.metadata.name
            joining[name] = []
            for target in held.get(name, ()):
                origin, old = _origin(policy, target, reports), before.get((name, target.ref))
                fresh = old if old and old[0] == origin else _make(policy, target, origin)
                made[name, target.ref] = fresh
                joining[name] += [fresh[1]] if fresh[1] else []
        return joining

    async def _write(
        self,
        wanted: Iterable[Document],
        policies: Mapping[str, JsonObject],
        bindings: Mapping[str, JsonObject],
    ) -> bool:
        """Write what is not there yet; whether a rule for newcomers is another one since."""
        another = False
        for document in wanted:
            for resource, spec, there in (
                (MUTATING_POLICIES, document.spec, policies.get(document.name)),
                (MUTATING_POLICY_BINDINGS, document.binding, bindings.get(document.name)),
            ):
                if there != spec:
                    after = await self._apply(resource, document, spec)
                    another |= document.newcomers and after not in (None, there)
        return another

    async def _apply(
        self, resource: Resource, document: Document, spec: Mapping[str, object]
    ) -> JsonObject | None:
        """The spec as the API server has it then; None where it refuses."""
        body: JsonObject = {"metadata": {"labels": dict(document.labels)}, "spec": dict(spec)}
        try:
            raw = await self.client.apply(
                resource,
                document.name,
                body,
                manager=CONTROLLER_MANAGER,
                force=True,  # our own object
            )
        except (Forbidden, Invalid) as refused:
            self._tell(f"the API server refuses {resource.kind} {document.name}: {refused}")
            return None
        found: JsonObject = raw["spec"]
        return found

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


def _origin(policy: Policy, target: Workload, reports: Mapping[str, Report | None]) -> _From:
    report = reports.get(report_name(target.kind, target.name))
    if report is None or report.spec.workload.uid != target.uid:
        report = None
    probes = report.status.probes if report else None
    startups = report.status.health.startups if report and report.status.health else ()
    identity = (target.uid, target.raw["metadata"].get("resourceVersion", ""))
    return _From(policy.spec, identity, probes, startups)


def _make(policy: Policy, target: Workload, origin: _From) -> tuple[_From, Known | None]:
    look = partial(plan, policy, previous=origin.probes, observed=origin.startups, advised=False)
    return origin, known(policy, target, look)


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
