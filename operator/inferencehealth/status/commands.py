"""The next command to type for whatever is not as it should be. Pure."""

from typing import Final

from inferencehealth.checks.candidate import CRASH_LOOP
from inferencehealth.checks.verdicts import SERVING, Verdict

_DESCRIBED: Final = frozenset(
    {
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "PodPending",
        "RunContainerError",
    }
)
"""Reasons that the kubelet or the scheduler explains in the pod's Events."""
_UNDER_WAY: Final = frozenset({"Rechecking"})
_NOBODY_LOOKS: Final = frozenset({"CheckerGone", "NotChecked", "CheckerInterrupted"})
"""Reasons that are the operator's own, whose programs have then to be looked at."""
_PATIENT: Final = frozenset({Verdict.LOADING.value, Verdict.BUSY.value, Verdict.ASLEEP.value})
_FINE: Final = frozenset(verdict.value for verdict in SERVING)


def of_operator(system: str) -> str:
    """To see whose signs of life are there; `system` is the operator's own namespace."""
    return f"kubectl get leases -n {system}"


def of_pod(namespace: str, pod: str, container: str, verdict: str, reason: str) -> tuple[str, ...]:
    """For one pod; nothing where there is nothing to do but wait."""
    if reason in _DESCRIBED:
        return (f"kubectl describe pod {pod} -n {namespace}",)
    if verdict in _FINE | _PATIENT or reason in _NOBODY_LOOKS:
        return ()
    if reason == CRASH_LOOP:
        return (f"kubectl logs {pod} -n {namespace} -c {container} --previous",)
    asked = f"ihp diagnose pod/{pod} -n {namespace}"
    if verdict == Verdict.UNKNOWN.value:
        return (asked,)
    return asked, f"kubectl logs {pod} -n {namespace} -c {container} --tail 50"


def of_workload(
    namespace: str, ref: str, *, reason: str, report: str, advice: bool, system: str
) -> tuple[str, ...]:
    """For one workload.

    `reason` is why it serves less than it should, where no pod of it says more; `report` the
    report that tells why its probes wait for somebody; `advice`: other probes would help.
    """
    found = []
    if reason in _NOBODY_LOOKS:
        found.append(of_operator(system))
    elif reason and reason not in _UNDER_WAY:
        found.append(f"kubectl describe {ref} -n {namespace}")
    if reason == "NotRecognised":
        found = [f"ihp recommend {ref} -n {namespace}"]
    elif advice:
        found.append(f"ihp recommend {ref} -n {namespace}")
    if report:
        found.append(f"kubectl describe ihr {report} -n {namespace}")
    return tuple(found)


def of_policy(
    namespace: str, name: str, *, waits: bool, reason: str, system: str
) -> tuple[str, ...]:
    """For a policy that waits for somebody, or holds nothing."""
    if reason == "NotReconciled":
        return (of_operator(system),)
    return (f"kubectl describe ihp {name} -n {namespace}",) if waits else ()
