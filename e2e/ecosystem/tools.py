"""Argo CD and Flux behind one face: manage a namespace from Git, hand on a commit, be looked at.

Each case has a namespace; Application and Kustomization, repository and source are called by it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from e2e.cluster.model import Cluster
from e2e.ecosystem import argocd, flux
from e2e.ecosystem.cases import Case
from e2e.ecosystem.messages import snippet
from e2e.ecosystem.repository import MODELS, POLICIES, Document, Repository
from e2e.story.stage import kubectl


class Tool(Protocol):
    """What the suites do with a GitOps tool, and what they read of it."""

    @property
    def name(self) -> str:
        """How namespaces begin."""

    @property
    def resource(self) -> str:
        """The kind that says how a sync went, as kubectl takes it."""

    @property
    def agent(self) -> str:
        """How its requests call themselves in the audit log."""

    @property
    def good(self) -> str:
        """Its state when all is as it should be."""

    def begin(self, space: str, repository: Repository, case: Case) -> None:
        """Manage a namespace from a repository."""

    def policies_of(self, case: Case) -> str:
        """The folder in which our docs have the policy of such a case."""

    def watch_policy(self, space: str, case: Case, policy: str | None) -> None:
        """Let a sync count as done only when that policy is Ready; None: there is none in Git."""

    def hand_on(self, space: str, repository: Repository, commit: str) -> None:
        """Let it know of a commit now."""

    def follow(self, space: str, remedy: str) -> None:
        """Do what a message of ours says is to be done in the tool, if anything is."""

    def again(self, space: str) -> None:
        """Try once more what failed, as a person has to where the tool does not by itself."""

    def state(self, raw: Mapping[str, Any]) -> str:
        """What it says of a namespace."""

    def healths(self, space: str) -> Mapping[str, str]:
        """What it says of the objects there, by kind; empty where it shows none."""


@dataclass(frozen=True, slots=True)
class ArgoCd:
    """Argo CD."""

    cluster: Cluster
    store: int
    """Port of its Redis."""
    name: str = "argo"
    resource: str = "applications.argoproj.io"
    agent: str = "argocd/"
    good: str = "Synced Healthy"

    def begin(self, space: str, repository: Repository, case: Case) -> None:
        """See `Tool`."""
        made = argocd.application(
            space, repository, remedy=case.remedied, client_side=case.client_side
        )
        create(self.cluster, made)

    def policies_of(self, case: Case) -> str:  # noqa: ARG002
        """See `Tool`: sync waves order them."""
        return MODELS

    def watch_policy(self, space: str, case: Case, policy: str | None) -> None:
        """See `Tool`: its health scripts do it."""

    def hand_on(self, space: str, repository: Repository, commit: str) -> None:  # noqa: ARG002
        """See `Tool`."""
        argocd.refresh(self.cluster, space)

    def follow(self, space: str, remedy: str) -> None:
        """See `Tool`."""
        argocd.patch(self.cluster, space, {"spec": snippet(remedy)})

    def again(self, space: str) -> None:
        """See `Tool`: `argocd app sync`."""
        argocd.patch(self.cluster, space, {"operation": {"sync": {"prune": True}}})

    def state(self, raw: Mapping[str, Any]) -> str:
        """See `Tool`."""
        return argocd.state(raw)

    def healths(self, space: str) -> Mapping[str, str]:
        """See `Tool`."""
        return argocd.healths(self.store, space)


@dataclass(frozen=True, slots=True)
class Flux:
    """Flux."""

    cluster: Cluster
    artifacts: flux.Artifacts
    name: str = "flux"
    resource: str = "kustomizations.kustomize.toolkit.fluxcd.io"
    agent: str = "kustomize-controller"
    good: str = "Ready=True ReconciliationSucceeded"

    def begin(self, space: str, repository: Repository, case: Case) -> None:  # noqa: ARG002
        """See `Tool`; there is no remedy but in Git, and one way to apply."""
        create(self.cluster, flux.source(space))
        self.watch_policy(space, case, None)

    def policies_of(self, case: Case) -> str:
        """See `Tool`: in mode Initial they are applied before the models."""
        return POLICIES if case.mode == "Initial" else MODELS

    def watch_policy(self, space: str, case: Case, policy: str | None) -> None:
        """See `Tool`."""
        if self.policies_of(case) == POLICIES:
            create(self.cluster, *flux.kustomizations_initial(space, policy))
        else:
            create(self.cluster, flux.kustomization(space, policy))

    def hand_on(self, space: str, repository: Repository, commit: str) -> None:
        """See `Tool`."""
        self.artifacts.publish(self.cluster, space, repository, commit)

    def follow(self, space: str, remedy: str) -> None:
        """See `Tool`: what is to be done, is to be done in Git."""

    def again(self, space: str) -> None:
        """See `Tool`: it tries again by itself."""

    def state(self, raw: Mapping[str, Any]) -> str:
        """See `Tool`."""
        return flux.state(raw)

    def healths(self, space: str) -> Mapping[str, str]:  # noqa: ARG002
        """See `Tool`: its health checks are of the policy, and show in its state."""
        return {}


def create(cluster: Cluster, *documents: Document) -> None:
    """Make these objects, or change them."""
    whole = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
    # What the API server thinks of it is enough: kubectl would read its whole OpenAPI document
    # first, which a busy server can't give in time just after new kinds have come.
    words = ("apply", "--server-side", "--force-conflicts", "--validate=false", "--filename=-")
    kubectl(cluster, *words, stdin=json.dumps(whole))
