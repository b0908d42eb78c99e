"""The profiles' verdict-making words, on the real servers in the states that matter."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.servers.asr.process import Stack, start_stack
from e2e.servers.kserve import process as kserve
from e2e.servers.prerequisites import ServerUnavailableError
from e2e.servers.processes import RunningServer, ask, wait_until
from e2e.servers.triton import process as triton
from e2e.servers.triton.repository import MODELS, write_repository
from inferencehealth.checks.steps import Reading, Sign
from tests.conformance.rounds import judged, spec

pytestmark = pytest.mark.conformance

NEVER = 60.0
LOAD = "/v2/repository/models/{}/load"
UNLOAD = "/v2/repository/models/{}/unload"


@pytest.fixture
def running() -> Iterator[Callable[[Callable[[], RunningServer]], RunningServer]]:
    started: list[RunningServer] = []

    def keep(start: Callable[[], RunningServer]) -> RunningServer:
        try:
            started.append(start())
        except ServerUnavailableError as absent:
            pytest.skip(str(absent))
        return started[-1]

    yield keep
    for server in started:
        server.stop()


@pytest.fixture
def good_triton(
    tmp_path: Path, running: Callable[[Callable[[], RunningServer]], RunningServer]
) -> RunningServer:
    repository = write_repository(tmp_path / "repository", MODELS)
    slow = {"SLOW_SECONDS": "120"}
    return running(lambda: triton.start(repository, load=["good"], env=slow))


def seen(server: RunningServer, *required: str, profile: str = "triton") -> tuple[str, str]:
    reading = told(server, *required, profile=profile)
    return reading.sign.value, reading.reason


def told(server: RunningServer, *required: str, profile: str = "triton") -> Reading:
    return judged(spec(profile, *required), server.ports["http"])


def test_triton_serving(good_triton: RunningServer) -> None:
    assert seen(good_triton, "good") == ("Serves", "")
    assert seen(good_triton) == ("Serves", "")
    assert seen(good_triton, "nope") == ("Fails", "ModelNotFound")
    assert seen(good_triton, "slow") == ("Fails", "ModelNotLoaded")


def test_triton_with_a_model_that_failed(good_triton: RunningServer) -> None:
    good_triton.ask(LOAD.format("broken"), body="", timeout=NEVER)
    assert seen(good_triton, "good") == ("Degraded", "ModelLoadFailed")
    assert seen(good_triton, "good", "broken") == ("Fails", "ModelLoadFailed")
    assert seen(good_triton) == ("Fails", "ModelLoadFailed")
    assert told(good_triton, "broken").message == (
        'model "broken" failed to load: '
        "Internal: RuntimeError: CUDA OOM: tried to allocate 20.00 GiB"
    )
    good_triton.ask(UNLOAD.format("broken"), body="")
    assert seen(good_triton, "good")[0] == "Degraded"


def test_triton_loading_a_model(good_triton: RunningServer) -> None:
    ask(good_triton.url(LOAD.format("slow")), body="", timeout=0.2)

    def loading() -> bool:
        return seen(good_triton, "slow") == ("Loading", "ModelLoading")

    wait_until(good_triton, loading, timeout=NEVER)
    assert seen(good_triton) == ("Loading", "ModelLoading")
    assert seen(good_triton, "good") == ("Degraded", "ModelLoading")


def test_triton_with_its_model_unloaded(good_triton: RunningServer) -> None:
    good_triton.ask(UNLOAD.format("good"), body="")

    def asleep() -> bool:
        return seen(good_triton) == ("Asleep", "NoModelLoaded")

    wait_until(good_triton, asleep, timeout=NEVER)
    assert seen(good_triton, "good") == ("Fails", "ModelUnloaded")


def test_triton_frozen_and_gone(good_triton: RunningServer) -> None:
    good_triton.freeze()
    assert seen(good_triton, "good") == ("Silent", "NoAnswer")
    good_triton.thaw()
    good_triton.stop()
    assert seen(good_triton, "good") == ("Silent", "ConnectionRefused")


def test_triton_with_a_restricted_index(
    tmp_path: Path, running: Callable[[Callable[[], RunningServer]], RunningServer]
) -> None:
    repository = write_repository(tmp_path / "repository", MODELS)
    restricted = ["--http-restricted-api=model-repository:triton-access-token=x"]
    server = running(lambda: triton.start(repository, load=["good"], args=restricted))
    assert seen(server, "good") == ("Serves", "")
    assert seen(server) == ("Serves", "")
    assert seen(server, "nope") == ("NotReady", "ModelNotReady")


def test_kserve(
    tmp_path: Path, running: Callable[[Callable[[], RunningServer]], RunningServer]
) -> None:
    server = running(lambda: kserve.start(tmp_path, model="iris"))
    assert seen(server, "iris", profile="kserve") == ("Serves", "")
    missing = told(server, "nope", profile="kserve")
    assert (missing.sign, missing.reason) == (Sign.FAILS, "ModelNotFound")
    assert missing.message == 'the server has no model "nope"; it has "iris"'


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    try:
        started = start_stack(tmp_path, env={"LICENSE_KEY": ""})
    except ServerUnavailableError as absent:
        pytest.skip(str(absent))
    yield started
    started.stop()


@pytest.mark.parametrize(
    ("down", "by_default", "with_redis_required"),
    [
        ("", ("Serves", ""), ("Serves", "")),
        ("redis", ("Degraded", "ComponentDown"), ("Fails", "ComponentDown")),
        ("license_proxy", ("Degraded", "ComponentDown"), ("Degraded", "ComponentDown")),
        ("lightning_asr", ("Fails", "ComponentDown"), ("Fails", "ComponentDown")),
    ],
)
def test_the_asr_and_its_components(
    stack: Stack, down: str, by_default: tuple[str, str], with_redis_required: tuple[str, str]
) -> None:
    if down:
        getattr(stack, down).stop()
    parts = {"required": ["lightning_asr", "redis"], "optional": ["license_proxy"]}
    port = stack.api_server.ports["http"]
    plain, strict = judged(spec("asr"), port), judged(spec("asr", components=parts), port)
    assert (plain.sign.value, plain.reason) == by_default
    assert (strict.sign.value, strict.reason) == with_redis_required
