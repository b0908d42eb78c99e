"""Where a check failed, a closer look: with more time, at other ports, with other TLS."""

import ssl
from dataclasses import replace
from typing import Final

from inferencehealth.api.report import CheckSpec
from inferencehealth.checker.once import check_once
from inferencehealth.checker.rounds import Ask
from inferencehealth.checks.candidate import NO_ANSWER, RESET
from inferencehealth.checks.steps import Outcome, Peer, Request, Trust
from inferencehealth.diagnosis.facts import (
    Facts,
    Listening,
    PortSeen,
)

PATIENCE: Final = 4
"""Times the timeout that a slow server is given, to tell it from a hung one."""
MOST_PATIENCE: Final = 30.0
KNOCK: Final = 2.0
"""Seconds to find out whether a port listens."""
SWAPPED: Final = frozenset({"TlsFailed", "NotHttp", RESET, "UnexpectedStatus"})
"""Reasons of a check that may come from TLS where plain HTTP is asked, or the reverse."""


async def look_closer(
    facts: Facts, spec: CheckSpec, peer: Peer, ask: Ask, known: dict[int, str]
) -> Facts:
    """A closer look where the check failed: with more time, at other ports, with other TLS."""
    check = facts.proxied or facts.direct
    reason = check.reason if check else ""
    if reason == NO_ANSWER:
        longer = max(min(PATIENCE * spec.timeout, MOST_PATIENCE), spec.timeout)
        slow = spec.model_copy(update={"timeout": longer})
        return replace(facts, patient=await check_once(slow, peer, ask))
    if reason == "ConnectionRefused":
        others = [number for number in known if number != spec.port]
        seen = [PortSeen(n, await knock(ask, peer, n), known[n]) for n in others]
        return replace(facts, ports=tuple(seen))
    if reason in SWAPPED:
        other = None if peer.trust is not None else Trust(_unverified())
        return replace(facts, swapped=await check_once(spec, replace(peer, trust=other), ask))
    return facts


async def knock(ask: Ask, peer: Peer, port: int) -> Listening:
    """Whether anybody listens at a port."""
    answer = await ask(peer, port, Request("/"), timeout=KNOCK)
    if answer.outcome is Outcome.REFUSED:
        return Listening.REFUSED
    silent = {Outcome.CONNECT_TIMEOUT, Outcome.UNREACHABLE}
    return Listening.SILENT if answer.outcome in silent else Listening.YES


def _unverified() -> ssl.SSLContext:
    """Only to find out whether anybody speaks TLS there; nothing that is answered is believed."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
