"""What a look at the whole cluster shows of one case. Values in, values out, but for `look`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from e2e.cluster.model import Cluster
from e2e.ecosystem.manifests import APP
from e2e.story.stage import kubectl

Raw = Mapping[str, Any]

REVISION = "deployment.kubernetes.io/revision"
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
OURS = "inferencehealthpolicies.inferencehealth.dev,inferencehealthreports.inferencehealth.dev"


@dataclass(frozen=True, slots=True)
class Sight:
    """The Deployment, the policy, the report and the tool's own object; empty where there is none.

    Deployment, policy and report are one each in a namespace.
    """

    deployment: Raw
    policy: Raw
    report: Raw
    told: Raw

    @property
    def generation(self) -> int:
        """Of the Deployment: every change of its spec adds one."""
        return int(self.deployment.get("metadata", {}).get("generation", 0))

    @property
    def rollouts(self) -> int:
        """Of the Deployment: every change of its pod template adds one."""
        annotations = self.deployment.get("metadata", {}).get("annotations", {})
        return int(annotations.get(REVISION, 0))

    @property
    def container(self) -> Raw:
        """The server's container, as the pod template has it."""
        spec = self.deployment.get("spec", {}).get("template", {}).get("spec", {})
        return next((c for c in spec.get("containers", ()) if c["name"] == APP), {})

    @property
    def image(self) -> str:
        """Of the server's container."""
        return str(self.container.get("image", ""))

    @property
    def probes(self) -> dict[str, Raw]:
        """Those of the server's container."""
        return {name: self.container[name] for name in PROBES if name in self.container}

    @property
    def wanted(self) -> dict[str, Raw]:
        """The probes that the report says the server should have."""
        told = self.report.get("status", {}).get("probes", {})
        by_field = {name: told.get(name.removesuffix("Probe"), {}) for name in PROBES}
        return {name: each["wanted"] for name, each in by_field.items() if each.get("wanted")}

    @property
    def is_rolled_out(self) -> bool:
        """Whether every pod is of the newest template and available."""
        meta, status = self.deployment.get("metadata", {}), self.deployment.get("status", {})
        wanted = self.deployment.get("spec", {}).get("replicas")
        counts = [status.get(name) for name in ("replicas", "updatedReplicas", "availableReplicas")]
        newest = status.get("observedGeneration") == meta.get("generation")
        return bool(wanted) and newest and counts == [wanted] * 3

    @property
    def is_counted(self) -> bool:
        """Whether the report knows the pods there are to be and no other: old ones end slowly."""
        counts = self.report.get("status", {}).get("health", {}).get("counts", {})
        return bool(counts.get("total") == self.deployment.get("spec", {}).get("replicas"))

    @property
    def is_answered(self) -> bool:
        """Whether the policy's status is about its newest spec, and nothing is under way."""
        status, meta = self.policy.get("status", {}), self.policy.get("metadata", {})
        newest = status.get("observedGeneration") == meta.get("generation")
        return newest and self.condition("Reconciling")[0] == "False"

    def condition(self, type_: str) -> tuple[str, str, str]:
        """Status, reason and message of a condition of the policy; empty when it is not there."""
        for each in self.policy.get("status", {}).get("conditions", ()):
            if each["type"] == type_:
                return each["status"], each["reason"], each["message"]
        return "", "", ""


def look(cluster: Cluster, tools: tuple[str, ...], *, defined: bool = True) -> dict[str, Sight]:
    """What is the case now, by namespace; `tools` are the kinds of the tools' own objects.

    Their objects are named like the namespace that they manage. Unless our kinds are `defined`,
    the API server would refuse to say anything if it were asked for them.
    """
    kinds = ",".join(("deployments.apps", *((OURS,) if defined else ()), *tools))
    listed = json.loads(kubectl(cluster, "get", kinds, "--all-namespaces", "--output=json"))
    found: dict[str, dict[str, Raw]] = {}
    for raw in listed["items"]:
        kind, meta = raw["kind"], raw["metadata"]
        known = KINDS.get(kind)
        space = meta["namespace"] if known else meta["name"]
        found.setdefault(space, {})[known or "told"] = raw
    fields = (*KINDS.values(), "told")
    return {
        space: Sight(**{name: objects.get(name, {}) for name in fields})
        for space, objects in found.items()
    }


KINDS = {
    "Deployment": "deployment",
    "InferenceHealthPolicy": "policy",
    "InferenceHealthReport": "report",
}


def unlike(found: Mapping[str, Raw], wanted: Mapping[str, Raw]) -> list[str]:
    """The probes that lack something of what is wanted, or are there although none is."""
    names = found.keys() | wanted.keys()
    return sorted(n for n in names if not _holds(found.get(n), wanted.get(n)))


def _holds(found: object, wanted: object) -> bool:
    """Whether all that is wanted is there; the API server adds defaults."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return all(_holds(found.get(key), value) for key, value in wanted.items())
    return found == wanted
