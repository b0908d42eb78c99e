"""What the operator says of real servers in every state, through profile, transport and verdict.

Each server is led through its states once; a row is what a checker must have seen in one of them.
A server that this machine cannot run is skipped with the reason.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.servers.prerequisites import ServerUnavailableError
from tests.conformance import v2_beds
from tests.conformance.beds import Bed, State, walk
from tests.conformance.watching import Seen

BEDS = {"triton": v2_beds.TRITON, "kserve": v2_beds.KSERVE}

S = State
ALIKE = {
    S.NOT_STARTED: Seen("Silent", "ConnectionRefused", "Loading"),
    S.READY: Seen("Serves", "", "Ready"),
    S.RECOVERED: Seen("Serves", "", "Ready"),
    S.KILLED: Seen("Silent", "ConnectionRefused", "Broken"),
    S.RESTARTED: Seen("Serves", "", "Ready"),
    S.FROZEN: Seen("Silent", "NoAnswer", "Broken"),
}
"""What is the same with every server."""

EXPECTED = {
    "triton": {
        S.STARTING: Seen("Silent", "ConnectionRefused", "Loading"),
        S.LOADING: Seen("Loading", "ModelLoading", "Loading"),
        S.OVERLOADED: Seen("Serves", "", "Ready"),
        S.UNKNOWN_MODEL: Seen("Fails", "ModelNotFound", "Broken"),
        S.FAILED_LOAD: Seen("Fails", "ModelLoadFailed", "Broken"),
        S.OTHER_FAILED: Seen("Degraded", "ModelLoadFailed", "Degraded"),
        S.UNLOADED: Seen("Fails", "ModelUnloaded", "Broken"),
    },
    # It says the same of a model that loads and of one that failed; only time tells them apart.
    "kserve": {
        S.STARTING: Seen("Silent", "ConnectionRefused", "Loading"),
        S.LOADING: Seen("Loading", "ModelNotReady", "Loading"),
        S.OVERLOADED: Seen("Silent", "NoAnswer", "Busy"),
        S.UNKNOWN_MODEL: Seen("Fails", "ModelNotFound", "Broken"),
        S.FAILED_LOAD: Seen("Loading", "ModelNotReady", "Loading"),
        S.OTHER_FAILED: Seen("Serves", "", "Ready"),
        S.UNLOADED: Seen("Fails", "ModelNotFound", "Broken"),
    },
}

ROWS = [
    pytest.param(name, state, seen, id=f"{name}-{state.value}")
    for name, own in EXPECTED.items()
    for state, seen in (ALIKE | own).items()
]

_Walked = Callable[[str], dict[State, Seen]]


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> _Walked:
    """The states of a server by its name, from one walk through all of them."""
    known: dict[str, dict[State, Seen] | ServerUnavailableError] = {}

    def of(name: str) -> dict[State, Seen]:
        if name not in known:
            known[name] = _walk(BEDS[name], tmp_path_factory.mktemp(name))
        found = known[name]
        if isinstance(found, ServerUnavailableError):
            pytest.skip(str(found))
        return found

    return of


def _walk(bed: Bed, folder: Path) -> dict[State, Seen] | ServerUnavailableError:
    try:
        return walk(bed, folder)
    except ServerUnavailableError as absent:
        return absent


@pytest.mark.conformance
@pytest.mark.parametrize(("name", "state", "seen"), ROWS)
def test_a_server_is_seen_as_it_is(name: str, state: State, seen: Seen, walked: _Walked) -> None:
    assert walked(name)[state] == seen


@pytest.mark.conformance
@pytest.mark.parametrize("name", EXPECTED)
def test_no_state_of_a_server_is_left_out(name: str, walked: _Walked) -> None:
    assert set(walked(name)) <= set(ALIKE | EXPECTED[name])
