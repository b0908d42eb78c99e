"""What another controller makes: its Deployment, our report on it, and whether we left it alone."""

import time
from dataclasses import dataclass
from typing import Any

import yaml

from e2e.ecosystem import writes
from e2e.ecosystem.play import Play
from e2e.ecosystem.seen import PROBES, REVISION
from e2e.story.stage import Stage

Raw = dict[str, Any]
WITHIN = 420.0
"""Seconds for what takes a few on a machine of one's own."""
PERIODS = 5
"""In one of so many all is said."""
OWNED = "OwnedByController"


@dataclass(frozen=True, slots=True)
class Owned:
    """A Deployment in a namespace of its own, by whose name a report is found."""

    play: Play
    stage: Stage
    deployment: str
    since: int
    """Where the audit log ended when the namespace began."""

    def raw(self) -> Raw:
        """The Deployment as it is."""
        found: Raw = self.stage.look("deployment", self.deployment)
        return found

    def report(self) -> Raw:
        """The status of its report; empty where there is none yet."""
        found: Raw = self.stage.look("ihr", f"deployment-{self.deployment}").get("status", {})
        return found

    def verdict(self, *verdicts: str) -> Raw:
        """Its health, once that has one of these verdicts."""
        return self.stage.eventually(
            f"{self.deployment} is {' or '.join(verdicts)}",
            lambda: self.report().get("health", {}),
            lambda health: health.get("verdict") in verdicts,
            within=WITHIN,
        )

    def finding(self, id_: str = OWNED) -> Raw:
        """A finding of its report, once it is there."""
        found = self.stage.eventually(
            f"finding {id_}",
            lambda: [f for f in self.report().get("findings", ()) if f["id"] == id_],
            bool,
            within=WITHIN,
        )
        return dict(found[0])

    def printed(self) -> Raw:
        """The YAML in the remedy of the finding that it has an owner."""
        found: Raw = yaml.safe_load(self.finding()["remedy"].split(":\n", 1)[1])
        return found

    def follow(self, owner: Raw) -> None:
        """Paste that YAML as it is printed into the manifest of its owner, and apply it again."""
        self.stage.apply([pasted(owner, self.printed())])

    def probes(self) -> dict[str, Raw]:
        """Those of its first container."""
        container = self.raw()["spec"]["template"]["spec"]["containers"][0]
        return {kind: container[kind] for kind in PROBES if kind in container}

    def rollouts(self) -> int:
        """How many pod templates it has had."""
        return int(self.raw()["metadata"].get("annotations", {}).get(REVISION, 0))

    def quiet(self) -> None:
        """For the period nobody changes it, and nobody of us ever did."""
        before = self.raw()["metadata"]["generation"], self.rollouts()
        rest(self.play, self.stage.namespace)
        assert (self.raw()["metadata"]["generation"], self.rollouts()) == before
        ever = writes.since(self.play.log, self.since)
        assert writes.to_deployments(ever, writes.OURS, self.stage.namespace) == 0


def pasted(given: Raw, more: Raw) -> Raw:
    """A manifest with more fields; of lists, what has the same name belongs together."""
    return {**given, **{key: _pasted(given.get(key), value) for key, value in more.items()}}


def _pasted(given: Any, more: Any) -> Any:
    if isinstance(given, dict) and isinstance(more, dict):
        return pasted(given, more)
    if isinstance(given, list) and isinstance(more, list):
        named = {each["name"]: each for each in more}
        return [pasted(each, named.get(each["name"], {})) for each in given]
    return more


def rest(play: Play, namespace: str) -> None:
    """Wait for a period in which we write nothing there: what was learned last is told first.

    Raises AssertionError where there is none.
    """
    for _ in range(PERIODS):
        begun = writes.position(play.log)
        time.sleep(play.period)
        told = writes.since(play.log, begun)
        if not writes.to_anything(told, writes.OURS, namespace):
            return
    raise AssertionError(f"we go on writing in {namespace}: {told}")


def begin(play: Play, namespace: str, deployment: str) -> Owned:
    """A new namespace, in which a Deployment of that name is to come."""
    since = writes.position(play.log)
    stage = Stage(play.cluster, namespace)
    stage.act("create", "namespace", namespace)
    return Owned(play, stage, deployment, since)
