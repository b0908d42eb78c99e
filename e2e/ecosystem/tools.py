"""Argo CD and Flux behind one face: manage a namespace from Git, hand on a commit, be looked at.

Each case has a namespace; Application and Kustomization, repository and source are called by it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from e2e.cluster.model import Cluster
from e2e.ecosystem import argocd, flux
from e2e.ecosystem.messages import snippet
from e2e.ecosystem.repository import Document, Repository
from e2e.story.stage import kubectl

Files = Mapping[str, Sequence[Document]]


class Tool(Protocol):
    """What the suites do with a GitOps tool, and what they read of it."""

    @property
    def name(self) -> str:
        """How namespaces begin."""

    @property
    def resource(self) -> str:
        """The kind that says how a sync went, in lower case and plural."""

    @property
    def agent(self) -> str:
        """How its requests call themselves in the audit log."""

    @property
    def good(self) -> str:
        """Its state when all is as it should be."""

    def begin(self, space: str, repository: Repository, *, remedy: bool, client_side: bool) -> None:
        """Manage a namespace from a repository; `remedy`: with what our docs say to add."""

    def hand_on(self, space: str, repository: Repository, commit: str) -> None:
        """Let it know of a commit now."""

    def state(self, raw: Mapping[str, Any]) -> str:
        """What it says of a namespace."""

    def watch_policy(self, space: str, policy: str | None) -> None:
        """Let a sync count as done only when that policy is Ready; None: there is none in Git."""

    def follow(self, space: str, remedy: str) -> None:
        """Do what a message of ours says is to be done in the tool, if anything is."""


@dataclass(frozen=True, slots=True)
class ArgoCd:
    """Argo CD."""

    cluster: Cluster
    name: str = "argo"
    resource: str = "applications.argoproj.io"
    agent: str = "argocd-application-controller"
    good: str = "Synced Healthy"

    def begin(self, space: str, repository: Repository, *, remedy: bool, client_side: bool) -> None:
        """See `Tool`."""
        made = argocd.application(space, repository, remedy=remedy, client_side=client_side)
        _apply(self.cluster, made)

    def hand_on(self, space: str, repository: Repository, commit: str) -> None:  # noqa: ARG002
        """See `Tool`."""
        argocd.refresh(self.cluster, space)

    def state(self, raw: Mapping[str, Any]) -> str:
        """See `Tool`."""
        return argocd.state(raw)

    def watch_policy(self, space: str, policy: str | None) -> None:
        """See `Tool`: its health scripts do it."""

    def follow(self, space: str, remedy: str) -> None:
        """See `Tool`."""
        words = ("patch", "application", space, "--namespace", argocd.NAMESPACE, "--type=merge")
        patch = {"spec": snippet(remedy)}
        kubectl(self.cluster, *words, "--patch", json.dumps(patch))


@dataclass(frozen=True, slots=True)
class Flux:
    """Flux."""

    cluster: Cluster
    artifacts: flux.Artifacts
    name: str = "flux"
    resource: str = "kustomizations.kustomize.toolkit.fluxcd.io"
    agent: str = "kustomize-controller"
    good: str = "Ready=True ReconciliationSucceeded"

    def begin(
        self,
        space: str,
        repository: Repository,  # noqa: ARG002
        *,
        remedy: bool,  # noqa: ARG002
        client_side: bool,  # noqa: ARG002
    ) -> None:
        """See `Tool`; there is no remedy but in Git, and one way to apply."""
        _apply(self.cluster, flux.source(space), flux.kustomization(space, None))

    def hand_on(self, space: str, repository: Repository, commit: str) -> None:
        """See `Tool`."""
        self.artifacts.publish(self.cluster, space, repository, commit)

    def state(self, raw: Mapping[str, Any]) -> str:
        """See `Tool`."""
        return flux.state(raw)

    def watch_policy(self, space: str, policy: str | None) -> None:
        """See `Tool`."""
        _apply(self.cluster, flux.kustomization(space, policy))

    def follow(self, space: str, remedy: str) -> None:
        """See `Tool`: what is to be done, is to be done in Git."""


def _apply(cluster: Cluster, *documents: Document) -> None:
    whole = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
    kubectl(cluster, "apply", "--filename=-", stdin=json.dumps(whole))
