"""The values of the fault matrix: what is done to a server, and what is noted while it lasts."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """A state that a server is brought into, in the words of the page."""

    NOT_STARTED = "not started"
    LOADING = "loading"
    READY = "ready"
    UNKNOWN_MODEL = "a required model it does not have"
    SLOTS_BUSY = "all slots busy"
    CROWD = "1,500 clients at once"
    ASLEEP = "asleep"
    PART_FROZEN = "engine frozen while idle"
    PART_FROZEN_LOADED = "engine frozen under load"
    PART_KILLED = "engine killed"
    CHAIN_CUT = "a model that another one asks is killed"
    """An ensemble, whose own process is the server's."""
    PROCESS_FROZEN = "whole process frozen"
    RESTARTED = "stopped and started again"


CLIENTS = 1500


@dataclass(frozen=True, slots=True)
class Cell:
    """What was seen while one fault lasted on one server.

    `verdicts` are all that were believed meanwhile, in their order, and `verdict` with its reason
    and message the last. `seconds` is the time from the fault to the verdict that was awaited,
    `canaries` how many were sent until then. `health` is the status that people's path had at the
    end (0: no answer), `usual` whether the usual probe on it would have acted, `liveness` whether
    the probe that we inject would have.
    """

    verdict: str
    reason: str
    message: str
    verdicts: tuple[str, ...]
    seconds: float
    canaries: int
    health: int
    usual: bool
    liveness: bool


Walk = Mapping[Fault, Cell]
