"""What must follow an act, each awaited with a deadline: of probes, verdicts, traffic, restarts.

A function returns what was seen, in lines for people, or raises StepError with what was seen
instead.
"""

from collections.abc import Callable, Sequence

from e2e.story import seen
from e2e.story.seen import Pod
from e2e.story.stage import KubectlError, Stage, StepError
from inferencehealth.api.names import FIELD_MANAGER
from inferencehealth.api.policy import Policy
from inferencehealth.api.report import ProbeState
from inferencehealth.api.rollouts import RolloutState
from inferencehealth.checks.verdicts import SERVING

Lines = tuple[str, ...]

OPERATOR = 45.0
"""Seconds for the operator to see a change and write its status, on two busy cores."""
VERDICT = 90.0
"""Seconds for a verdict: the operator's time, and a few rounds of checks."""
KUBELET = 120.0
"""Seconds for what the kubelet does by our probes: their budget, and the grace of a pod."""
START = 180.0
"""Seconds for a pod to start and load: containers start slowly while others build."""
CURL_REFUSED = "exit code 7"
"""How kubectl exec tells that curl could not connect."""


def running(stage: Stage, app: str, *, count: int = 1) -> tuple[Pod, ...]:
    """All pods of an app run; returns them."""
    return stage.eventually(
        f"{count} pods of {app} running",
        lambda: seen.pods(stage, app),
        lambda pods: [pod.phase for pod in pods] == ["Running"] * count,
        within=START,
        show=seen.pods_in_words,
    )


def rolled_out(stage: Stage, deployment: str) -> Pod:
    """The one pod of a Deployment is of its newest template and available; returns it."""
    all_rolled_out(stage, deployment)
    return running(stage, deployment)[0]


def all_rolled_out(stage: Stage, deployment: str) -> None:
    """Every pod of a Deployment is of its newest template and available."""
    stage.eventually(
        f"deployment/{deployment} rolled out",
        lambda: seen.rollout(stage, deployment),
        lambda rollout: rollout.done,
        within=START,
        show=seen.rollout_in_words,
    )


def rollout_over(stage: Stage, deployment: str) -> None:
    """The operator watches its own rollout no more: what breaks now is not that rollout's."""
    stage.eventually(
        f"the rollout of deployment/{deployment} watched to its end",
        lambda: seen.report(stage, deployment).status.probes.rollout,
        lambda record: record is not None and record.state is RolloutState.DONE,
        within=START,
        show=lambda record: record.state if record else "no rollout of ours",
    )


def without_probes(stage: Stage, deployment: str) -> Lines:
    """The Deployment has none of the three probes."""
    if found := seen.probes(stage, deployment):
        raise StepError(f"deployment/{deployment} without probes. Seen instead: {found}")
    return (f"deployment/{deployment} has no startup, liveness or readiness probe",)


def refuses_connections(stage: Stage, deployment: str, url: str) -> Lines:
    """Nobody listens at an address inside the Deployment's pod."""
    try:
        answer = stage.act("exec", f"deployment/{deployment}", "--", "curl", "-sS", url)
    except KubectlError as error:
        if CURL_REFUSED in str(error):
            return (str(error).splitlines()[0],)
        answer = str(error)
    raise StepError(f"{url} in deployment/{deployment} refused. Seen instead: {answer}")


def recommended(stage: Stage, deployment: str, *, generation: int) -> Lines:
    """The report has the probes as a patch, and the Deployment is still of that generation."""
    report = stage.eventually(
        f"probes of deployment/{deployment} recommended",
        lambda: seen.report(stage, deployment),
        lambda report: report.status.probes.state is ProbeState.RECOMMENDED,
        within=OPERATOR,
        show=lambda report: report.status.probes.state.value,
    )
    now = seen.rollout(stage, deployment).generation
    if now != generation:
        raise StepError(
            f"deployment/{deployment} untouched. Seen instead: generation {now}, not {generation}"
        )
    probes = report.status.probes
    if not probes.patch:
        raise StepError(f"a patch in the report of deployment/{deployment}. Seen instead: none")
    wanted = {
        "startupProbe": probes.startup,
        "livenessProbe": probes.liveness,
        "readinessProbe": probes.readiness,
    }
    lines = [
        f"recommends {seen.probe_in_words(field, each.wanted)}"
        for field, each in wanted.items()
        if each and each.wanted
    ]
    return (
        f"recognised as {report.status.detection.profile}: {report.status.detection.reason}",
        *lines,
        f"deployment/{deployment} is untouched: still generation {generation}",
    )


def injected(stage: Stage, deployment: str, *, fields: Sequence[str] = seen.PROBES) -> Lines:
    """The Deployment has these probes and no other, and the operator owns some of them."""
    probes = stage.eventually(
        f"probes injected into deployment/{deployment}",
        lambda: seen.probes(stage, deployment),
        lambda probes: set(probes) == set(fields),
        within=OPERATOR,
        show=lambda probes: ", ".join(probes) or "no probe",
    )
    if FIELD_MANAGER not in (managers := seen.managers(stage, deployment)):
        raise StepError(f"probes owned by {FIELD_MANAGER}. Seen instead: {sorted(managers)}")
    return tuple(seen.probe_in_words(field, probes[field]) for field in fields)


def loading(stage: Stage, policy: str) -> Lines:
    """A pod has started and the policy calls it Loading."""

    def told(found: Policy) -> bool:
        return any(
            case.verdict == "Loading" and case.reason != "PodPending" for case in found.status.worst
        )

    return _status(stage, policy, "a pod Loading", told)


def ready(stage: Stage, policy: str) -> Lines:
    """Everything that the policy requires serves."""

    def serves(found: Policy) -> bool:
        told = seen.condition(found, "Ready")
        verdicts = {str(verdict) for verdict in SERVING}
        return told is not None and told[0] == "True" and found.status.summary.verdict in verdicts

    return _status(stage, policy, "Ready", serves, within=START)


def broken(stage: Stage, policy: str, *, reason: str, words: str) -> Lines:
    """The policy calls its pod Broken, for that reason and with those words."""

    def told(found: Policy) -> bool:
        return any(
            case.verdict == "Broken" and case.reason == reason and words in case.message
            for case in found.status.worst
        )

    return _status(stage, policy, f"Broken, {reason}: {words}", told)


def out_of_traffic(stage: Stage, service: str, pod: Pod) -> Lines:
    """The Service sends nothing to the pod any more, and its container was not restarted."""
    stage.eventually(
        f"{pod.name} out of the EndpointSlices of service/{service}",
        lambda: seen.in_traffic(stage, service),
        lambda names: pod.name not in names,
        within=KUBELET,
        show=lambda names: f"ready endpoints: {', '.join(sorted(names))}",
    )
    return (f"service/{service} sends it nothing any more", *not_restarted(stage, pod))


def in_traffic(stage: Stage, service: str, pod: Pod) -> Lines:
    """The Service sends traffic to the pod."""
    stage.eventually(
        f"{pod.name} in the EndpointSlices of service/{service}",
        lambda: seen.in_traffic(stage, service),
        lambda names: pod.name in names,
        within=KUBELET,
        show=lambda names: f"ready endpoints: {', '.join(sorted(names)) or 'none'}",
    )
    return (f"service/{service} sends traffic to {pod.name}",)


def not_restarted(stage: Stage, before: Pod) -> Lines:
    """The pod's containers have run without a restart since `before`."""
    now = _same(stage, before)
    if now.restarts != before.restarts:
        raise StepError(f"{before.name} not restarted. Seen instead: {now}")
    return (f"{before.name} still runs the same process: {seen.restarts(now.restarts)}",)


def restarted(stage: Stage, before: Pod) -> Lines:
    """The kubelet has restarted the pod's container because its liveness probe failed."""
    now = stage.eventually(
        f"{before.name} restarted by the kubelet",
        lambda: _same(stage, before),
        lambda pod: pod.restarts > before.restarts,
        within=KUBELET,
    )
    killed = [m for m in seen.events(stage, before, "Killing") if "liveness" in m]
    if not killed:
        raise StepError(
            f"{before.name} killed for its liveness probe. Seen instead: events "
            f"{seen.events(stage, before, 'Killing') or 'without a Killing'}"
        )
    return (f'the kubelet: "{killed[0]}"', f"{before.name}: {seen.restarts(now.restarts)}")


def _same(stage: Stage, before: Pod) -> Pod:
    found = seen.pods(stage, before.app)
    for pod in found:
        if pod.uid == before.uid:
            return pod
    raise StepError(f"{before.name} still there. Seen instead: {seen.pods_in_words(found)}")


def _status(
    stage: Stage,
    policy: str,
    what: str,
    until: Callable[[Policy], bool],
    *,
    within: float = VERDICT,
) -> Lines:
    found = stage.eventually(
        f"policy {policy}: {what}",
        lambda: seen.policy(stage, policy),
        until,
        within=within,
        show=seen.policy_in_words,
    )
    # The table first, for it is what people see; then who is worst and why.
    table = stage.table("inferencehealthpolicy", policy).splitlines()
    worst = found.status.worst[:1]
    return (*table, *(f"{c.pod or c.workload}: {c.reason}: {c.message}" for c in worst))
