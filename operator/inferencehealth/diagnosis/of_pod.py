"""Questions about the way to the server: its name, its pods, and the pod's container. Pure."""

from typing import Final

from inferencehealth.api.durations import format_duration
from inferencehealth.checks.candidate import CRASH_LOOP
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.diagnosis.answered import Answered, Found
from inferencehealth.diagnosis.causes import Cause
from inferencehealth.diagnosis.facts import Facts

IMAGE_REASONS: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
)


def name(facts: Facts) -> Answered:
    """Whether the name in the URL resolves."""
    name = facts.name
    if name is None:
        return None
    if name.trouble:
        why = f"{name.host} has no address: {name.trouble}"
        return Found(Cause.DNS, Verdict.UNKNOWN, why)
    return f"{name.host} is {', '.join(name.addresses)}"


def pods(facts: Facts) -> Answered:
    """Whether the workload has pods."""
    pods = facts.pods
    if pods is None:
        return None
    if not pods.total:
        why = "no replicas are wanted" if not pods.wanted else "no pod was made"
        told = f"{why}: {pods.trouble}" if pods.trouble else why
        return Found(Cause.NO_PODS, Verdict.UNKNOWN, told)
    return f"{pods.total} of {pods.wanted} pods, {pods.ready} of them ready"


def scheduled(facts: Facts) -> Answered:
    """Whether the pod is on a node."""
    pod = facts.pod
    if pod is None:
        return None
    record = pod.record
    if record.unschedulable and not record.node:
        why = f"no node takes the pod: {record.unschedulable}"
        return Found(Cause.UNSCHEDULABLE, Verdict.LOADING, why)
    return f"on node {record.node}" if record.node else "not yet placed"


def image(facts: Facts) -> Answered:
    """Whether the container's image is there."""
    container = facts.pod.server if facts.pod else None
    if container is None or facts.pod is None:
        return None
    if container.waiting in IMAGE_REASONS:
        why = facts.pod.words or container.waiting
        told = f"the image {container.image} can't be pulled: {why}"
        return Found(Cause.IMAGE, Verdict.BROKEN, told)
    return container.image


def runs(facts: Facts) -> Answered:
    """Whether the container's process runs."""
    pod, container = facts.pod, (facts.pod.server if facts.pod else None)
    if pod is None or container is None:
        return None
    ended = container.last_termination
    exit_code = f", exit code {container.last_exit}" if container.last_exit is not None else ""
    if container.waiting == CRASH_LOOP:
        told = f"it keeps crashing: last ended with {ended or 'an unknown reason'}{exit_code}"
        return Found(Cause.CRASH, Verdict.BROKEN, told, (f"{container.restarts} restarts",))
    if container.waiting.endswith("Error"):
        told = f"it can't be started: {pod.words or container.waiting}"
        return Found(Cause.CRASH, Verdict.BROKEN, told)
    if container.started_at is None:
        if ended:
            told = f"it is not running: ended with {ended}{exit_code}"
            return Found(Cause.CRASH, Verdict.BROKEN, told)
        told = f"it is being started{f': {container.waiting}' if container.waiting else ''}"
        return Found(Cause.STARTING, Verdict.LOADING, told)
    since = f"for {format_duration(round(pod.age))}" if pod.age is not None else ""
    before = f", {container.restarts} restarts (last: {ended})" if container.restarts else ""
    return f"{since}{before}".strip(", ") or "it runs"


def known(facts: Facts) -> Answered:
    """Whether it is known what to ask."""
    if facts.trouble:
        return Found(Cause.UNKNOWN, Verdict.UNKNOWN, facts.trouble)
    return f"profile {facts.profile}, port {facts.port}"
