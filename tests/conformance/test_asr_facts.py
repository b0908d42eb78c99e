"""The ASR reference server answers what the documentation of the real one prints."""

import json
import wave
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from e2e.servers.asr.process import Stack, start_stack
from e2e.servers.prerequisites import ServerUnavailableError
from inferencehealth.api.bodies import Multipart
from inferencehealth.api.canary import Canary
from inferencehealth.profiles.bodies import on_wire

pytestmark = pytest.mark.conformance

ALL_HEALTHY = {
    "api_server": "healthy",
    "lightning_asr": "healthy",
    "license_proxy": "healthy",
    "redis": "healthy",
}
NO_WORKERS = {"status": "unhealthy", "reason": "No ASR workers available"}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    yield from _stack(tmp_path)


@pytest.fixture
def hangable(tmp_path: Path) -> Iterator[Stack]:
    yield from _stack(tmp_path, {"ALLOW_HANG": "1"})


@pytest.fixture
def with_sessions(tmp_path: Path) -> Iterator[Stack]:
    yield from _stack(tmp_path, {"HEALTH_NEEDS_REDIS": "1"})


@pytest.fixture
def useless(tmp_path: Path) -> Iterator[Stack]:
    yield from _stack(tmp_path, {"TRANSCRIPTION_FAILS": "1"})


def _stack(folder: Path, env: dict[str, str] | None = None) -> Iterator[Stack]:
    try:
        started = start_stack(folder, env={"LICENSE_KEY": "", **(env or {})})
    except ServerUnavailableError as absent:
        pytest.skip(str(absent))
    yield started
    started.stop()


def get(stack: Stack, path: str) -> tuple[int, dict[str, object]]:
    answer = stack.api_server.ask(path)
    assert answer is not None
    return answer.status, json.loads(answer.body)


def test_a_healthy_stack_answers_the_documented_bodies(stack: Stack) -> None:
    assert get(stack, "/health") == (200, {"status": "healthy"})
    status, detailed = get(stack, "/health?detailed=true")
    assert status == 200
    assert isinstance(detailed.pop("uptime_seconds"), int)
    assert detailed == {"status": "healthy", "components": ALL_HEALTHY, "version": "1.0.0"}
    for component in ("asr", "license", "redis"):
        assert get(stack, f"/health/{component}") == (200, {"status": "healthy"})


def test_without_workers_the_server_is_unhealthy(stack: Stack) -> None:
    stack.lightning_asr.stop()
    assert get(stack, "/health") == (503, NO_WORKERS)
    assert get(stack, "/health/asr") == (503, NO_WORKERS)
    status, detailed = get(stack, "/health?detailed=true")
    assert (status, detailed["status"]) == (503, "unhealthy")
    assert detailed["components"] == {**ALL_HEALTHY, "lightning_asr": "unhealthy"}


def test_a_frozen_worker_counts_as_none(stack: Stack) -> None:
    stack.lightning_asr.freeze()
    assert get(stack, "/health") == (503, NO_WORKERS)
    stack.lightning_asr.thaw()
    assert get(stack, "/health") == (200, {"status": "healthy"})


@pytest.mark.parametrize(("down", "path"), [("redis", "redis"), ("license_proxy", "license")])
def test_a_lost_helper_shows_only_in_the_details(stack: Stack, down: str, path: str) -> None:
    getattr(stack, down).stop()
    assert get(stack, "/health") == (200, {"status": "healthy"})
    status, detailed = get(stack, "/health?detailed=true")
    assert (status, detailed["status"]) == (200, "healthy")
    assert detailed["components"] == {**ALL_HEALTHY, down: "unhealthy"}
    status, own = get(stack, f"/health/{path}")
    assert (status, own["status"]) == (503, "unhealthy")


def test_a_server_told_to_need_redis_is_unhealthy_without_it(with_sessions: Stack) -> None:
    assert get(with_sessions, "/health") == (200, {"status": "healthy"})
    with_sessions.redis.stop()
    lost = {"status": "unhealthy", "reason": "Redis connection failed"}
    assert get(with_sessions, "/health") == (503, lost)
    status, detailed = get(with_sessions, "/health?detailed=true")
    assert (status, detailed["status"]) == (503, "unhealthy")
    assert detailed["components"] == {**ALL_HEALTHY, "redis": "unhealthy"}


def test_a_transcription_is_answered_by_a_worker(stack: Stack) -> None:
    audio = json.dumps({"url": "https://example.com/audio.wav"})
    answer = stack.api_server.ask("/v1/listen", body=audio)
    assert answer is not None
    assert answer.status == 200
    assert json.loads(answer.body)["text"]
    missing = stack.api_server.ask("/v1/listen", body="{}")
    assert missing is not None
    assert (missing.status, json.loads(missing.body)["code"]) == (400, "MISSING_PARAMETER")


def test_audio_reaches_the_worker_whole(stack: Stack) -> None:
    clip = BytesIO()
    with wave.open(clip, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(16_000))
    request = Canary(
        path="/v1/listen", multipart=Multipart(field="audio", content_type="audio/wav")
    )
    kind, form = on_wire(request, clip.getvalue())
    status, answer = post(stack, form, kind)
    assert (status, answer["duration"]) == (200, 0.5)
    kind, form = on_wire(request, b"")
    status, answer = post(stack, form, kind)
    assert (status, answer["code"]) == (400, "MISSING_PARAMETER")


def post(stack: Stack, body: bytes, kind: str) -> tuple[int, dict[str, object]]:
    asked = Request(stack.api_server.url("/v1/listen"), body, {"Content-Type": kind})
    try:
        with urlopen(asked, timeout=10) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


def test_health_stays_green_while_every_transcription_fails(useless: Stack) -> None:
    answer = useless.api_server.ask("/v1/listen", body='{"url": "https://example.com/audio.wav"}')
    assert answer is not None
    assert answer.status == 500
    assert get(useless, "/health") == (200, {"status": "healthy"})


def test_a_hung_server_accepts_and_never_answers(hangable: Stack) -> None:
    answer = hangable.api_server.ask("/debug/hang", body="")
    assert answer is not None
    assert answer.status == 202
    assert hangable.api_server.ask("/health", timeout=1.0) is None
    assert hangable.api_server.process.poll() is None


def test_nobody_can_hang_a_server_that_does_not_allow_it(stack: Stack) -> None:
    answer = stack.api_server.ask("/debug/hang", body="")
    assert answer is not None
    assert answer.status == 404
