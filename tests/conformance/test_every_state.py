"""What the operator says of real servers in every state, through profile, transport and verdict.

Each server is led through its states once; a row is what a checker must have seen in one of them.
A server that this machine cannot run is skipped with the reason.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from e2e.servers.prerequisites import ServerUnavailableError
from tests.conformance import more_beds, v2_beds
from tests.conformance.beds import Bed, State, walk
from tests.conformance.watching import Seen

BEDS = {
    "triton": v2_beds.TRITON,
    "mlserver": v2_beds.MLSERVER,
    "kserve": v2_beds.KSERVE,
    "grpc": more_beds.GRPC,
    "litserve": more_beds.LITSERVE,
    "bentoml": more_beds.BENTOML,
    "rayserve": more_beds.RAYSERVE,
    "torchserve": more_beds.TORCHSERVE,
}
IN_CI = ("triton", "mlserver", "kserve")

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

HIDDEN = Seen("Unknown", "ApplicationStateHidden", "Unknown")

EXPECTED: dict[str, dict[State, Seen]] = {
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
        S.LOADING: Seen("NotReady", "ModelNotReady", "Loading"),
        S.OVERLOADED: Seen("Silent", "NoAnswer", "Busy"),
        S.UNKNOWN_MODEL: Seen("Fails", "ModelNotFound", "Broken"),
        S.FAILED_LOAD: Seen("NotReady", "ModelNotReady", "Loading"),
        S.OTHER_FAILED: Seen("Serves", "", "Ready"),
        S.UNLOADED: Seen("Fails", "ModelNotFound", "Broken"),
    },
    # Its index has one word for a model never loaded, unloaded, or failed to load.
    "mlserver": {
        S.STARTING: Seen("Loading", "ModelLoading", "Loading"),
        S.OVERLOADED: Seen("Silent", "NoAnswer", "Busy"),
        S.UNKNOWN_MODEL: Seen("Fails", "ModelNotFound", "Broken"),
        S.FAILED_LOAD: Seen("Fails", "ModelNotLoaded", "Broken"),
        S.OTHER_FAILED: Seen("Serves", "", "Ready"),
        S.UNLOADED: Seen("Fails", "ModelNotLoaded", "Broken"),
    },
    "grpc": {
        S.STARTING: Seen("NotReady", "NotServing", "Loading"),
        S.LOADING: Seen("NotReady", "NotServing", "Loading"),
        S.UNKNOWN_MODEL: Seen("Fails", "ComponentNotFound", "Broken"),
        S.UNLOADED: Seen("NotReady", "NotServing", "Broken"),
    },
    # A failed load leaves its process waiting, without a port.
    "litserve": {
        S.STARTING: Seen("Silent", "ConnectionRefused", "Loading"),
        S.FAILED_START: Seen("Silent", "ConnectionRefused", "Loading"),
        S.OVERLOADED: Seen("Serves", "", "Ready"),
    },
    # Its arbiter opens the port first; a worker that fails to load is started again for ever.
    "bentoml": {
        S.STARTING: Seen("Silent", "NoAnswer", "Loading"),
        S.FAILED_START: Seen("Silent", "NoAnswer", "Loading"),
        S.OVERLOADED: Seen("Serves", "", "Ready"),
        S.UNLOADED: Seen("NotReady", "ServerNotReady", "Broken"),
    },
    # Ray's token guards the dashboard, the one place that tells an application that runs from one
    # that deploys or failed to; without it nothing proves that a required application serves.
    # One that was never proven to serve may, when it falls silent, still be starting.
    "rayserve": dict.fromkeys((S.READY, S.FAILED_START, S.OVERLOADED, S.RECOVERED), HIDDEN)
    | dict.fromkeys((S.STARTING, S.RESTARTED), replace(HIDDEN, verdict="Loading"))
    | {
        S.KILLED: Seen("Silent", "ConnectionRefused", "Loading"),
        S.FROZEN: Seen("Silent", "NoAnswer", "Loading"),
        S.UNKNOWN_MODEL: Seen("Fails", "ModelNotFound", "Broken"),
    },
    # It tries a load that failed again and again.
    "torchserve": {
        S.STARTING: Seen("NotReady", "ModelNotReady", "Loading"),
        S.OVERLOADED: Seen("Serves", "", "Ready"),
        S.UNKNOWN_MODEL: Seen("Fails", "ModelNotFound", "Broken"),
        S.FAILED_LOAD: Seen("NotReady", "ModelNotReady", "Loading"),
        S.OTHER_FAILED: Seen("Serves", "", "Ready"),
    },
}


def _alike(name: str) -> dict[State, Seen]:
    """The common states; a server that nobody overloads has nothing to recover from."""
    overloaded = State.OVERLOADED in EXPECTED[name]
    return {state: seen for state, seen in ALIKE.items() if overloaded or state != S.RECOVERED}


def _marks(name: str) -> list[pytest.MarkDecorator]:
    more = [] if name in IN_CI else [pytest.mark.conformance_more]
    return [pytest.mark.conformance, *more]


ROWS = [
    pytest.param(name, state, seen, id=f"{name}-{state.value}", marks=_marks(name))
    for name, own in EXPECTED.items()
    for state, seen in (_alike(name) | own).items()
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


@pytest.mark.parametrize(("name", "state", "seen"), ROWS)
def test_a_server_is_seen_as_it_is(name: str, state: State, seen: Seen, walked: _Walked) -> None:
    assert walked(name)[state] == seen


@pytest.mark.parametrize("name", [pytest.param(name, marks=_marks(name)) for name in EXPECTED])
def test_no_state_of_a_server_is_left_out(name: str, walked: _Walked) -> None:
    assert set(walked(name)) == set(_alike(name) | EXPECTED[name])
