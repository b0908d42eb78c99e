"""How often other systems ask a server, and how patient they are: documented numbers first.

Where a server's documentation gives numbers for a system, they come out to the digit; all others
are derived from the probes that the plan gives the server. Times in seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from types import MappingProxyType
from typing import Final

from inferencehealth.kubelet import Numbers

UPTIME: Final = 300
"""Uptime monitors watch a whole service from outside; five minutes is what they offer for free."""
CI_PAUSE: Final = 10
LEAST_INTERVAL: Final = 5
"""The shortest interval of an AWS target group (Elastic Load Balancing, health check settings)."""
LEAST_TIMEOUT: Final = 2
"""The shortest timeout of an AWS target group."""
HEALTHY: Final = 2
"""Good answers before a load balancer sends traffic: one might be luck."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """One request every `interval`, given `timeout`; so many bad or good ones in a row count."""

    interval: int
    timeout: int
    failures: int
    successes: int = 1


@dataclass(frozen=True, slots=True)
class Schedule:
    """The numbers for every system. `grace` is how long a container may load unpunished.

    `tries` of a pipeline, `pause` apart, wait for the server. `source` says where they are from.
    """

    balancer: Rounds
    compose: Rounds
    grace: int
    uptime: int
    tries: int
    pause: int
    source: str


DOCUMENTED: Final[Mapping[str, Schedule]] = MappingProxyType(
    {
        "asr": Schedule(
            balancer=Rounds(interval=30, timeout=5, failures=3, successes=2),
            compose=Rounds(interval=30, timeout=10, failures=3),
            grace=40,
            uptime=300,
            tries=30,
            pause=10,
            source="as the Smallest Self-Host documentation prints them",
        )
    }
)


def schedule(profile: str, readiness: Numbers, startup: float) -> Schedule:
    """The schedule for a server with this readiness probe that may load for `startup` seconds."""
    return DOCUMENTED.get(profile) or derived(readiness, startup)


def derived(readiness: Numbers, startup: float) -> Schedule:
    """A schedule as patient as the readiness probe, within what other systems accept."""
    timeout = max(LEAST_TIMEOUT, readiness.timeout)
    # A request must end before the next one, which some systems demand strictly.
    interval = max(LEAST_INTERVAL, readiness.period, timeout + 1)
    rounds = Rounds(interval, timeout, max(HEALTHY, readiness.failures), HEALTHY)
    return Schedule(
        balancer=rounds,
        compose=Rounds(interval, timeout, rounds.failures),
        grace=ceil(startup),
        uptime=UPTIME,
        tries=max(1, ceil(startup / CI_PAUSE)),
        pause=CI_PAUSE,
        source="derived from the probes that the operator gives this server",
    )
