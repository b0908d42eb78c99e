"""The fault matrix: what the operator says of real servers in every fault, and what a kubelet does.

Each server is led through its faults once, by `walk`; a row is what must have been seen in one of
them. A server that this machine cannot run is skipped with the reason.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.servers.llamacpp import build as llamacpp
from e2e.servers.prerequisites import ServerUnavailableError
from e2e.servers.processes import StartError
from inferencehealth.checks.verdicts import Verdict
from tests.conformance import recorded
from tests.conformance.faults import Cell, Fault, Walk
from tests.conformance.matrix import walk
from tests.conformance.stands import STANDS

F, V = Fault, Verdict

IN_CI = frozenset({"triton", "triton-ensemble", "mlserver", "kserve"}) | (
    {"llamacpp"} if llamacpp.is_cached() else set()
)
"""llama-server takes minutes to build: CI has it where an earlier `make conformance` left it."""
STARVED = frozenset({("llamacpp", F.CROWD)})
"""Cells that a machine busy with others can't play: 1,500 answers are computed on its processors,
and /health waits among them."""
QUIET_CANARIES = 4
"""Canaries until a silent engine is believed: two without an answer, and those that are sent while
the failure is counted five times. An engine that is silent to a canary is so to vLLM's /is_sleeping
too, so that here, with checks every half second, a round takes as long as a canary."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a cell must say. `reasons` empty: any, as its verdict has none of its own."""

    verdicts: frozenset[Verdict]
    reasons: frozenset[str] = frozenset()
    canaries: int | None = None
    """Canaries that it may take; None: any number."""


def says(verdict: Verdict, *reasons: str, canaries: int | None = None) -> Expected:
    """A verdict for one of these reasons."""
    return Expected(frozenset({verdict}), frozenset(reasons), canaries)


SERVES = says(V.READY)
LOADED = Expected(frozenset({V.READY, V.BUSY}))
"""A server at work may answer in time or not: it is never Broken."""
SILENT = says(V.LOADING, "Starting")
"""No port yet: it is given its startup budget."""
NO_SUCH_MODEL = says(V.BROKEN, "ModelNotFound", canaries=0)
HANGS = says(V.BROKEN, "NoAnswer")
BY_CANARY = says(V.BROKEN, "CanaryTimedOut", canaries=QUIET_CANARIES)
BY_COUNTERS = says(V.BROKEN, "NoProgress", "CanaryTimedOut", canaries=QUIET_CANARIES)
BY_FAILED_CANARY = says(V.BROKEN, "CanaryFailed", "RequestsFail", canaries=QUIET_CANARIES)
FAILED_OR_STILL = says(
    V.BROKEN, "CanaryFailed", "RequestsFail", "NoProgress", canaries=QUIET_CANARIES
)

ALIKE: dict[Fault, Expected] = {
    F.NOT_STARTED: SILENT,
    F.READY: SERVES,
    F.UNKNOWN_MODEL: NO_SUCH_MODEL,
    F.RESTARTED: SERVES,
}
"""What is the same with every server."""

EXPECTED: dict[str, dict[Fault, Expected]] = {
    "vllm": {
        F.LOADING: SILENT,
        F.SLOTS_BUSY: LOADED,
        F.CROWD: LOADED,
        F.ASLEEP: says(V.ASLEEP, "Asleep", canaries=0),
        F.PART_FROZEN: BY_CANARY,
        F.PART_FROZEN_LOADED: BY_COUNTERS,
        F.PART_KILLED: says(V.BROKEN, "EngineDead", "ConnectionRefused"),
        F.PROCESS_FROZEN: HANGS,
    },
    "ollama": {
        F.LOADING: SILENT,
        F.SLOTS_BUSY: LOADED,
        F.CROWD: LOADED,
        # The next request loads it, so it serves; a canary would load it, so none is sent.
        F.ASLEEP: says(V.READY, canaries=0),
        F.PART_FROZEN: BY_CANARY,
        F.PART_FROZEN_LOADED: BY_CANARY,
        F.PART_KILLED: SERVES,
        F.PROCESS_FROZEN: HANGS,
    },
    "llamacpp": {
        F.LOADING: says(V.LOADING, "ModelLoading", "Starting"),
        F.SLOTS_BUSY: LOADED,
        F.CROWD: LOADED,
        F.PROCESS_FROZEN: HANGS,
    },
    "triton": {
        F.LOADING: SILENT,
        F.SLOTS_BUSY: LOADED,
        F.CROWD: LOADED,
        F.PART_FROZEN: BY_FAILED_CANARY,
        F.PART_FROZEN_LOADED: FAILED_OR_STILL,
        F.PART_KILLED: BY_FAILED_CANARY,
        F.PROCESS_FROZEN: HANGS,
    },
    "triton-ensemble": {F.LOADING: SILENT, F.CHAIN_CUT: BY_FAILED_CANARY},
    "mlserver": {
        F.LOADING: says(V.LOADING, "ModelLoading"),
        F.SLOTS_BUSY: LOADED,
        F.PROCESS_FROZEN: HANGS,
    },
    "kserve": {F.LOADING: SILENT, F.SLOTS_BUSY: LOADED, F.PROCESS_FROZEN: HANGS},
}

MENDED_BY_A_RESTART = frozenset({F.PROCESS_FROZEN})
GONE = frozenset({("vllm", F.PART_KILLED)})
"""Where the process ends by itself, so that there is nothing to probe and the kubelet restarts."""


def _rows(server: str) -> dict[Fault, Expected]:
    return ALIKE | EXPECTED[server]


def _marks(server: str, fault: Fault | None = None) -> list[pytest.MarkDecorator]:
    left_out = server not in IN_CI or (server, fault) in STARVED
    return [pytest.mark.conformance, *([pytest.mark.conformance_more] if left_out else [])]


CELLS = [
    pytest.param(server, fault, id=f"{server}-{fault.value}", marks=_marks(server, fault))
    for server in EXPECTED
    for fault in _rows(server)
]

_Walked = Callable[[str], Walk]


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> _Walked:
    """What was seen of a server by its name, from one walk through all its faults."""
    known: dict[str, Walk | Exception] = {}

    def of(server: str) -> Walk:
        if server not in known:
            known[server] = _walk(server, tmp_path_factory.mktemp(server))
        found = known[server]
        if isinstance(found, ServerUnavailableError):
            pytest.skip(f"{server} was not started: {found}")
        if isinstance(found, Exception):
            raise found
        return found

    return of


def _walk(server: str, folder: Path) -> Walk | Exception:
    def awaited(fault: Fault) -> frozenset[Verdict]:
        return _rows(server)[fault].verdicts

    try:
        seen = asyncio.run(walk(STANDS[server], folder, awaited))
    except (ServerUnavailableError, StartError, LookupError, TimeoutError) as ended:
        return ended
    recorded.write(recorded.LAST_RUN, server, seen)
    return seen


@pytest.mark.parametrize(("server", "fault"), CELLS)
def test_a_fault_is_called_what_it_is(server: str, fault: Fault, walked: _Walked) -> None:
    cell, expected = walked(server)[fault], _rows(server)[fault]
    assert Verdict(cell.verdict) in expected.verdicts, cell
    assert not expected.reasons or cell.reason in expected.reasons, cell
    assert expected.canaries is None or cell.canaries <= expected.canaries, cell


@pytest.mark.parametrize(("server", "fault"), CELLS)
def test_what_works_is_never_called_broken(server: str, fault: Fault, walked: _Walked) -> None:
    cell, expected = walked(server)[fault], _rows(server)[fault]
    assert V.BROKEN in expected.verdicts or V.BROKEN.value not in cell.verdicts, cell


@pytest.mark.parametrize(("server", "fault"), CELLS)
def test_the_probe_that_is_injected_restarts_what_a_restart_mends_and_nothing_else(
    server: str, fault: Fault, walked: _Walked
) -> None:
    cell: Cell = walked(server)[fault]
    assert (server, fault) in GONE or cell.liveness == (fault in MENDED_BY_A_RESTART), cell


@pytest.mark.parametrize("server", [pytest.param(name, marks=_marks(name)) for name in EXPECTED])
def test_no_fault_of_a_server_is_left_out(server: str, walked: _Walked) -> None:
    assert set(walked(server)) == set(_rows(server))
