"""The demo's exit status: a step that did not happen is never a success."""

from collections.abc import Callable

import pytest

import e2e.demo.__main__ as demo
from e2e.cluster.model import ClusterError
from e2e.program import ProgramError
from e2e.servers.prerequisites import ServerUnavailableError
from e2e.story.stage import KubectlError, StepError


def absent(_name: str) -> None:
    raise ClusterError("no cluster demo is up")


def raising(error: BaseException) -> Callable[..., None]:
    def perform(*_arguments: object) -> None:
        raise error

    return perform


@pytest.fixture(autouse=True)
def signals_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo.signal, "signal", lambda *_arguments: None)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StepError("Ready: not within 180 s. Seen instead: Broken"), 1),
        (KubectlError("connection refused"), 1),
        (ClusterError("needs Linux"), 1),
        (ProgramError("the operator ended at once"), 1),
        (ServerUnavailableError("buildah not found"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_the_demo_exits_with_what_happened_and_says_it(
    error: BaseException,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(demo, "perform", raising(error))
    monkeypatch.setattr(demo.api, "find", absent)
    assert demo.main([]) == status
    assert (str(error) or "make clean-demo") in capsys.readouterr().out


def test_a_demo_that_went_well_exits_with_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "perform", lambda *_arguments: None)
    assert demo.main([]) == 0
