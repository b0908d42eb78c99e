"""Which way requests take to the pods: straight to their addresses, or through the API server.

Inside the cluster it is always straight. Outside, pods are asked straight first; where that does
not reach them and the API server's proxy does, the proxy is used from then on, until a look now
and then shows that the straight way is open. What is decided is said in the log.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from inferencehealth.checker.podproxy import PodProxy
from inferencehealth.checker.rounds import Ask
from inferencehealth.checks import transports
from inferencehealth.checks.steps import Answer, Outcome, Peer, Request
from inferencehealth.kube.config import Access, is_inside
from inferencehealth.kube.transport import open_transport

logger = logging.getLogger(__name__)

CONVINCED: Final = 3
"""Requests that only the other way carried before it is taken: one may be a pod's own trouble."""
LOOK_EVERY: Final = 60.0
"""Seconds between two looks whether the straight way is open again; each may cost one check the
time of a connect."""

_NOT_THERE: Final = frozenset({Outcome.CONNECT_TIMEOUT, Outcome.UNREACHABLE, Outcome.REFUSED})
"""Outcomes by which a request surely was not served, so that it may be sent the other way. Outside
the cluster another machine may have a pod's address, and refuse."""


class Choice(StrEnum):
    """What `--transport` may say."""

    AUTO = "auto"
    DIRECT = "direct"
    PROXY = "proxy"


class Way(StrEnum):
    """How pods are asked."""

    DIRECT = "direct"
    PROXY = "proxy"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for the other way. `against` counts requests in a row that only it carried."""

    way: Way = Way.DIRECT
    against: int = 0


def weigh(evidence: Evidence, direct: Answer, proxied: Answer | None) -> Evidence:
    """The evidence after a request went straight, and then, if it was not served, by the proxy.

    Where straight and proxy say the same, the pod is to blame and not the way.
    """
    if evidence.way is Way.PROXY:
        same = direct.outcome is Outcome.ANSWERED and _alike(direct, proxied)
        return Evidence(Way.DIRECT) if same else evidence
    if direct.outcome not in _NOT_THERE:
        return Evidence(Way.DIRECT)
    if not _reached(proxied) or _alike(direct, proxied):
        return evidence
    against = evidence.against + 1
    return Evidence(Way.PROXY) if against >= CONVINCED else replace(evidence, against=against)


def _reached(answer: Answer | None) -> bool:
    return answer is not None and answer.outcome in {Outcome.ANSWERED, Outcome.NO_ANSWER}


def _alike(one: Answer, other: Answer | None) -> bool:
    return other is not None and (one.outcome, one.status) == (other.outcome, other.status)


class Chosen:
    """A transport (`rounds.Ask`) that finds the way by itself, for outside the cluster."""

    def __init__(self, direct: Ask, proxy: Ask) -> None:
        self._direct = direct
        self._proxy = proxy
        self._evidence = Evidence()
        self._look_at = 0.0

    @property
    def way(self) -> Way:
        """The way that is taken now."""
        return self._evidence.way

    async def ask(self, peer: Peer, port: int, request: Request, *, timeout: float) -> Answer:  # noqa: ASYNC109
        """What the server of the peer answers, by whichever way it is reached."""
        if self.way is Way.PROXY:
            return await self._ask_proxy(peer, port, request, timeout)
        direct = await self._direct(peer, port, request, timeout=timeout)
        if direct.outcome not in _NOT_THERE:
            self._heed(direct, None)
            return direct
        proxied = await self._proxy(peer, port, request, timeout=timeout)
        self._heed(direct, proxied)
        return proxied if _reached(proxied) else direct

    async def _ask_proxy(
        self,
        peer: Peer,
        port: int,
        request: Request,
        timeout: float,  # noqa: ASYNC109
    ) -> Answer:
        now = time.monotonic()
        if now < self._look_at or request.method != "GET":
            return await self._proxy(peer, port, request, timeout=timeout)
        self._look_at = now + LOOK_EVERY
        proxied, direct = await asyncio.gather(
            self._proxy(peer, port, request, timeout=timeout),
            self._direct(peer, port, request, timeout=timeout),
        )
        self._heed(direct, proxied)
        return proxied

    def _heed(self, direct: Answer, proxied: Answer | None) -> None:
        before, self._evidence = self.way, weigh(self._evidence, direct, proxied)
        if self.way is before:
            return
        self._look_at = time.monotonic() + LOOK_EVERY
        if self.way is Way.PROXY:
            logger.info(
                "asks pods through the API server's proxy from now on: "
                "their addresses can't be reached from here"
            )
        else:
            logger.info("asks pods at their own addresses again: they can be reached")


@asynccontextmanager
async def asking(access: Access, choice: Choice) -> AsyncIterator[Ask]:
    """The transport of that choice, for as long as the block runs."""
    if choice is Choice.DIRECT or (choice is Choice.AUTO and is_inside()):
        yield transports.ask
        return
    async with open_transport(access) as wire:
        proxy = PodProxy(wire)
        if choice is Choice.PROXY:
            logger.info("asks pods through the API server's proxy, as it was told to")
            yield proxy.ask
        else:
            yield Chosen(transports.ask, proxy.ask).ask
