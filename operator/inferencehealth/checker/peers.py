"""Whom a pod's requests go to: from its address and the report's spec to a peer. The only place."""

from inferencehealth.api.report import CheckSpec
from inferencehealth.checker.references import References, UnreadableError
from inferencehealth.checks.steps import Peer, Reading, Sign
from inferencehealth.kube.pods import PodRecord


async def peer_of(
    spec: CheckSpec, pod: PodRecord, address: str, references: References | None
) -> Peer | Reading:
    """The peer, or the reading of a round in which it cannot be asked for want of trust."""
    trust = None
    if spec.tls is not None:
        if references is None:
            return Reading(Sign.UNKNOWN, "CannotAsk", "this checker cannot read ConfigMaps")
        try:
            trust = await references.trust(pod.namespace, spec.tls)
        except UnreadableError as error:
            return Reading(Sign.UNKNOWN, "AuthoritiesUnreadable", str(error))
    return Peer(address, trust, spec.keep_alive, pod.namespace, pod.name, ports=pod.host_ports)
