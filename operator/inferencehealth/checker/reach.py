"""What the checker asks at all: between a peer and the transport, the last word on where to.

A policy can name neither host nor address, so a tenant has no way to another place than the pods
of the namespace. Here stands what is refused even if a pod's status says otherwise: places where
no pod can be, but credentials often are.
"""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from inferencehealth.checker.rounds import Ask
from inferencehealth.checks.steps import Answer, Outcome, Peer, Request

_METADATA: Final = {
    ip_address(each): f"a metadata service ({whose})"
    for each, whose in {
        "100.100.100.200": "Alibaba Cloud",
        "168.63.129.16": "Azure",
        "192.0.0.192": "Oracle Cloud",
        "fd00:ec2::254": "AWS",
        "fd00:ec2::23": "AWS, EKS Pod Identity",
        "fd20:ce::254": "Google Cloud",
        "fd00:42::42": "Scaleway",
    }.items()
}
"""Outside of the link-local ranges, by the documentation of each cloud; the usual 169.254.169.254
and fd00-less fe80::/10 are link-local."""
_THIS_NETWORK: Final = ip_network("0.0.0.0/8")
"""Linux takes 0.0.0.0 for the host itself (RFC 1122, 3.2.1.3)."""
_6TO4: Final = ip_network("2002::/16")
_TEREDO: Final = ip_network("2001::/32")
"""Addresses that have an IPv4 one within, which somebody on the way unpacks (RFC 3056, 4380).
Those of NAT64 (64:ff9b::/96) and IPv4-mapped ones (::ffff:0:0/96) lie in the reserved ::/8."""


@lru_cache(maxsize=16384)
def address_problem(address: str, *, loopback: bool) -> str:
    """Why this is no address of a pod to ask; "" if it may be one. `loopback`: those are asked."""
    try:
        found = ip_address(address)
    except ValueError:
        return "it is no IP address"
    if found.is_loopback:
        return "" if loopback else "it is a loopback address, where the checker itself lives"
    if found.is_link_local:
        return "it is a link-local address, where clouds keep credentials"
    if found in _METADATA:
        return f"it is the address of {_METADATA[found]}"
    if found.is_multicast or found.is_unspecified or found.is_reserved or found in _THIS_NETWORK:
        return "no pod can have it"
    if isinstance(found, IPv6Address) and (found in _6TO4 or found in _TEREDO):
        return "it stands for an IPv4 address"
    return ""


def problem(peer: Peer, port: int, *, loopback: bool) -> str:
    """Why the peer is not asked at this port, as a sentence's end; "" if it is."""
    if wrong := address_problem(peer.address, loopback=loopback):
        return f"{peer.address} is not asked: {wrong}"
    if peer.ports is not None and port not in peer.ports:
        return (
            f"port {port} is not asked: the pod is in its node's network, where the node's own "
            "programs listen as well; declare the port in the container's ports"
        )
    return ""


def guarded(ask: Ask, *, loopback: bool) -> Ask:
    """The transport, for what may be asked; for the rest an answer that says why not."""

    async def guard(peer: Peer, port: int, request: Request, *, timeout: float) -> Answer:  # noqa: ASYNC109
        wrong = problem(peer, port, loopback=loopback)
        if wrong:
            return Answer(Outcome.UNREACHABLE, why=wrong)
        return await ask(peer, port, request, timeout=timeout)

    return guard
