"""The finding about workloads that another controller makes: checked, but never edited."""

from collections.abc import Iterable

from inferencehealth.api.report import Finding
from inferencehealth.findings.rule import Rule
from inferencehealth.groups import LEADER_WORKER_SET
from inferencehealth.probes.merge import ADVISED, Action, ProbePlan
from inferencehealth.probes.owners import Owner, field_of, owner_of, to_paste
from inferencehealth.workloads import Container, Workload

ID = "OwnedByController"
LEADERS = "LeadersTakeProbes"


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


def leaders_take_probes(
    workload: Workload, container: Container, probes: Iterable[ProbePlan]
) -> tuple[Finding, ...]:
    """Where the recommended probes of a LeaderWorkerSet belong, which is never changed itself."""
    advised = {p.kind: p.wanted for p in probes if p.action in ADVISED and p.wanted}
    if workload.kind != LEADER_WORKER_SET or workload.owner is not None or not advised:
        return ()
    leaders = Owner(workload.kind, workload.name)
    return (
        Finding(
            id=LEADERS,
            severity="info",
            container=container.name,
            message=f"{workload.ref} makes its pods in groups, and only the leaders answer probes; "
            "a change of it makes every group anew, so it is left to you.",
            remedy="Put the recommended probes into its own spec:\n"
            + to_paste(leaders, workload, container, advised),
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
    Rule(
        id=LEADERS,
        severity="info",
        what="A LeaderWorkerSet whose leaders could have the recommended probes.",
        why="Its pods are made in groups of which only the leader answers. Every change of the "
        "LeaderWorkerSet makes each group anew, so it is never changed by the operator.",
        remedy="Put the recommended probes into spec.leaderWorkerTemplate.leaderTemplate, or let "
        "them join new leaders with mode Initial.",
        example="""\
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata:
  name: llama
spec:
  leaderWorkerTemplate:
    size: 2
    leaderTemplate:
      spec:
        containers:
          - name: vllm
            image: vllm/vllm-openai:v0.11.0
    workerTemplate:
      spec:
        containers:
          - name: worker
            image: vllm/vllm-openai:v0.11.0
""",
    ),
)
