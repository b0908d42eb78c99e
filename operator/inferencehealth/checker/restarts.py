"""Restarts of servers as numbers tell them: those that happened, and those that did not. Pure.

What the kubelet killed for a failed probe ends by a signal, and so does what a person or a node's
shutdown ends. So a restart by signal under probes of ours is at most one that they caused.
"""

from enum import StrEnum
from typing import Final

from inferencehealth.checks.history import KILLED, History, PodFacts
from inferencehealth.checks.verdicts import SERVING, Verdict

COPIED_LIVENESS: Final = 30.0
"""Seconds after which a liveness probe by Kubernetes' defaults (10 s, three failures) kills: what
a model server has when a web server's probe was copied for it."""

_ALIVE: Final = frozenset({Verdict.LOADING, Verdict.BUSY})
"""Verdicts on a server that lives, and may well not answer a probe."""


class Cause(StrEnum):
    """How the server's process before this one ended."""

    SIGNAL = "signal"
    MEMORY = "memory"
    EXIT = "exit"


class Probes(StrEnum):
    """Whose startup and liveness probes the server has, none counting as others'."""

    OURS = "ours"
    OTHERS = "others"


def restarted(before: PodFacts, after: PodFacts) -> Cause | None:
    """By what the server's container was started anew in between; None: it was not."""
    if before.uid != after.uid or after.restarts <= before.restarts:
        return None
    if after.last_termination == "OOMKilled":
        return Cause.MEMORY
    return Cause.SIGNAL if after.last_exit in KILLED else Cause.EXIT


def spared(before: History, after: History, now: float) -> bool:
    """Whether a server serves that a copied liveness probe would have restarted meanwhile.

    It loaded or was busy for longer than such a probe waits, and came through in one start.
    """
    if (before.uid, before.started_at) != (after.uid, after.started_at):
        return False
    if before.verdict not in _ALIVE or after.verdict not in SERVING:
        return False
    began = before.since if before.began is None else max(before.since, before.began)
    return now - began > COPIED_LIVENESS
