"""What `ihp diagnose` learns of a server at a URL, without any cluster."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address

from inferencehealth.api.report import CheckSpec
from inferencehealth.api.server import Scheme
from inferencehealth.checks import transports
from inferencehealth.checks.steps import Peer
from inferencehealth.cli.address import Address, parse_address, peers_at
from inferencehealth.cli.check import (
    Question,
    first_that_listens,
    spec_of,
)
from inferencehealth.cli.facts.closer import knock, look_closer
from inferencehealth.diagnosis.facts import (
    Facts,
    Listening,
    NameSeen,
)
from inferencehealth.kube.config import is_inside
from inferencehealth.profiles.registry import profile_named
from inferencehealth.workloads import container


async def of_url(target: str, question: Question) -> Facts:
    """The facts of a server at a URL; raises typer.BadParameter where it is none."""
    address = parse_address(target)
    spec = spec_of(question, address.port)
    https = address.scheme is Scheme.HTTPS
    facts = Facts(
        target,
        question.profile,
        address.port,
        timeout=spec.timeout,
        https=https,
        inside=is_inside(),
    )
    name = await _resolve(address)
    if name is not None and name.trouble:
        return replace(facts, name=name)
    peers = peers_at(address, ca_file=question.ca_file, insecure=question.insecure)
    direct = await first_that_listens(spec, peers)
    usual = usual_port(question.profile)
    known = {usual: f"the usual one of {question.profile}"} if usual else {}
    # The last address is the one that counted, unless an earlier one listened.
    peer = peers[-1] if direct.reason == "ConnectionRefused" else await _answering(spec, peers)
    facts = replace(facts, name=name, direct=direct)
    return await look_closer(facts, spec, peer, transports.ask, known)


def usual_port(profile: str) -> int | None:
    """The port on which servers of the profile listen where nobody says another."""
    return profile_named(profile).port(container({"name": "server"}))


async def _answering(spec: CheckSpec, peers: Sequence[Peer]) -> Peer:
    """The first of a host's addresses where something listens."""
    for peer in peers[:-1]:
        if await knock(transports.ask, peer, spec.port) is Listening.YES:
            return peer
    return peers[-1]


async def _resolve(address: Address) -> NameSeen | None:
    try:
        ip_address(address.host)
    except ValueError:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(address.host, address.port)
        except OSError as error:
            return NameSeen(address.host, trouble=error.strerror or str(error))
        return NameSeen(address.host, tuple(dict.fromkeys(str(each[4][0]) for each in found)))
    return None
