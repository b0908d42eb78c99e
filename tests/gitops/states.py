"""Every state that a policy and a report can be in, and what GitOps tools have to make of it.

The statuses are what the controller computes from reports, not what a test thinks it would.
"""

from dataclasses import dataclass, field
from typing import Any

from inferencehealth.api.policy import Policy
from inferencehealth.api.report import Report
from inferencehealth.controller.aggregate import policy_status
from inferencehealth.controller.claims import LostClaim
from inferencehealth.controller.views import Silence

Raw = dict[str, Any]

NOW = "2026-01-01T00:00:00Z"
SELECTOR = {"matchLabels": {"app": "triton"}}
CHECK = {
    "profile": "triton",
    "container": "triton",
    "port": 8000,
    "podSelector": SELECTOR,
    "interval": "10s",
    "timeout": "5s",
    "failureThreshold": 3,
    "successThreshold": 1,
    "startupBudget": "10m",
}
NOT_RECOGNISED = {
    "id": "ServerNotRecognised",
    "severity": "error",
    "message": "nothing in it looks like a server that a profile knows",
    "remedy": "name it in spec.server.profile",
}


def report(
    verdict: str = "Ready",
    *,
    desired: int = 1,
    checked: int = 1,
    check: Raw | None = CHECK,
    probes: Raw | None = None,
    findings: tuple[Raw, ...] = (),
    **counts: int,
) -> Raw:
    """A report whose pods have that verdict; `counts` says how many, by verdict in lower case.

    `checked` is the generation that the checkers answered, 0: none.
    """
    counted = counts or {verdict.lower(): desired}
    health = {
        "observedGeneration": checked,
        "checkedBy": "checker-a",
        "verdict": verdict,
        "reason": f"Because{verdict}",
        "message": f"pod triton-0 is {verdict}",
        "counts": {"total": sum(counted.values()), **counted},
    }
    spec = {"policy": "p", "workload": {"kind": "Deployment", "name": "triton", "uid": "u"}}
    status = {"desiredPods": desired, "findings": list(findings)}
    return {
        "metadata": {"name": "deployment-triton", "generation": 1},
        "spec": spec | ({"check": check} if check else {}),
        "status": status
        | ({"probes": probes} if probes else {})
        | ({"health": health} if checked else {}),
    }


@dataclass(frozen=True, slots=True)
class State:
    """What a policy knows about its workloads, and the words that Argo CD and Flux have for it."""

    name: str
    argo: str
    flux: str
    reports: tuple[Raw, ...] = ()
    mode: str = "Recommend"
    lost: tuple[LostClaim, ...] = ()
    silent_for: float = 0.0
    seen: bool = True
    """Whether the controller wrote a status."""
    outdated: bool = False
    """Whether the spec was changed since."""
    about: str = field(default="", kw_only=True)
    """A part of the message that people get."""

    def __str__(self) -> str:
        """Its name, for pytest."""
        return self.name

    def policy(self) -> Raw:
        """The policy without its status."""
        return {
            "apiVersion": "inferencehealth.dev/v1alpha1",
            "kind": "InferenceHealthPolicy",
            "metadata": {"name": "p"},
            "spec": {"target": {"selector": SELECTOR}, "probes": {"mode": self.mode}},
        }

    def status(self) -> Raw:
        """The status that the controller gives it."""
        raw = self.policy()
        raw["metadata"] |= {"namespace": "ml", "generation": 1}
        reports = [
            Report.model_validate(each | {"metadata": each["metadata"] | {"namespace": "ml"}})
            for each in self.reports
        ]
        silence = Silence(self.silent_for, NOW)
        found = policy_status(
            Policy.model_validate(raw),
            reports,
            lost=self.lost,
            silence_of=lambda _: silence,
            now=NOW,
        )
        return found.manifest()


ROLLING = {
    "state": "Pending",
    "container": "triton",
    "message": "waits for its turn: one rollout at a time",
}
HALTED = {
    "state": "Halted",
    "container": "triton",
    "message": "the new pods did not become ready in 10m",
}
LOST = LostClaim("deployment/triton", "older")

POLICY_STATES = (
    State("nobody looked", "Progressing", "InProgress", seen=False),
    State("an older spec was answered", "Progressing", "InProgress", (report(),), outdated=True),
    State("serves", "Healthy", "Current", (report(),), about="all that is required is served"),
    State("serves, something optional is down", "Healthy", "Current", (report("Degraded"),)),
    State("serves, one more pod loads", "Progressing", "InProgress", (report(ready=1, loading=1),)),
    State("loads", "Progressing", "InProgress", (report("Loading"),), about="1 pod loading"),
    State("is busy", "Progressing", "InProgress", (report("Busy"),)),
    State("pods are missing", "Progressing", "InProgress", (report(desired=2, ready=1),)),
    State("broken", "Degraded", "InProgress", (report("Broken"),), about="triton-0 is Broken"),
    State(
        "broken while others load",
        "Degraded",
        "InProgress",
        (report("Broken", desired=2, broken=1, loading=1),),
    ),
    State("sleeps on purpose", "Suspended", "InProgress", (report("Asleep"),)),
    State("no pod is wanted", "Suspended", "InProgress", (report("Unknown", desired=0),)),
    State("selects nothing", "Progressing", "InProgress", about="the selector matches no workload"),
    State("waits for workloads to come", "Healthy", "InProgress", mode="Initial"),
    State("was not checked yet", "Progressing", "InProgress", (report(checked=0),)),
    State("could not be asked", "Unknown", "InProgress", (report("Unknown"),)),
    State(
        "nobody looks any more",
        "Unknown",
        "InProgress",
        (report(),),
        silent_for=90.0,
        about="gave no sign of life",
    ),
    State(
        "the server is not recognised",
        "Degraded",
        "Failed",
        (report(check=None, findings=(NOT_RECOGNISED,)),),
        about="name it in spec.server.profile",
    ),
    State("probes go in", "Progressing", "InProgress", (report(probes=ROLLING),), "Apply"),
    State("a rollout was halted", "Degraded", "Failed", (report(probes=HALTED),), "Apply"),
    State("all claimed by another", "Degraded", "Failed", lost=(LOST,), about="by 'older'"),
    State("one claimed by another", "Degraded", "Failed", (report(),), lost=(LOST,)),
)

REPORT_STATES = (
    ("Healthy", report()),
    ("Healthy", report("Degraded")),
    ("Progressing", report("Loading", ready=1, loading=1)),
    ("Progressing", report("Loading")),
    ("Progressing", report("Busy")),
    ("Progressing", report(desired=2, ready=1)),
    ("Progressing", report("Unknown", unknown=0)),
    ("Progressing", report(checked=0)),
    ("Suspended", report("Asleep")),
    ("Suspended", report("Unknown", desired=0, unknown=0)),
    ("Degraded", report("Broken")),
    ("Unknown", report("Unknown")),
    ("Unknown", report(check=None)),
)


def report_id(value: object) -> str | None:
    """What pytest calls a report of the table."""
    return (
        str(value["status"].get("health", {}).get("verdict")) if isinstance(value, dict) else None
    )
