"""The finding about workloads that another controller makes: checked, but never edited."""

from collections.abc import Iterable

from inferencehealth.api.report import Finding
from inferencehealth.findings.rule import Rule
from inferencehealth.probes.merge import Action, ProbePlan
from inferencehealth.probes.owners import field_of, owner_of, to_paste
from inferencehealth.workloads import Container, Workload

ID = "OwnedByController"


def owned_by_controller(
    workload: Workload,
    container: Container | None = None,
    probes: Iterable[ProbePlan] = (),
) -> tuple[Finding, ...]:
    """A workload that another controller makes is reported on but not edited.

    With its server's container and the planned probes, the remedy has them as YAML for the owner.
    """
    owner = owner_of(workload)
    if owner is None:
        return ()
    advised = {p.kind: p.wanted for p in probes if p.action is Action.RECOMMEND and p.wanted}
    snippet = to_paste(owner, workload, container, advised) if container else ""
    return (
        Finding(
            id=ID,
            severity="info",
            container=container.name if container else "",
            message=f"{workload.ref} is made by {owner}, which would undo our probes; it "
            "is checked, and its probes are only recommended.",
            remedy=f"Put the recommended probes into {owner}: {field_of(owner)}"
            + (f":\n{snippet}" if snippet else "."),
        ),
    )


RULES = (
    Rule(
        id=ID,
        severity="info",
        of_workload=True,
        what="Another controller makes the workload (KServe, Ray, the NIM operator …).",
        why="It would write our probes back to its own at its next turn, so the workload is "
        "checked, but its probes are only recommended.",
        remedy="Put the recommended probes into the object that its controller reads.",
        example="""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: llama-predictor
  ownerReferences: [{kind: InferenceService, name: llama, controller: true}]
spec:
  selector: {matchLabels: {app: llama}}
  template:
    spec:
      containers:
        - name: kserve-container
          image: nvcr.io/nvidia/tritonserver:24.10-py3
""",
    ),
)
