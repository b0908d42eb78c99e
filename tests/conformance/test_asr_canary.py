"""The canary of the ASR example, as a user copies it, against the reference server."""

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.servers.asr.process import Stack, start_stack
from e2e.servers.prerequisites import ServerUnavailableError
from e2e.servers.processes import LOOPBACK
from inferencehealth.api.policy import Policy
from inferencehealth.checker.outgoing import outgoing
from inferencehealth.checker.references import References
from inferencehealth.checks.steps import Peer, Reading, Sign
from inferencehealth.checks.transports import ask
from inferencehealth.kube.requests import Resource
from inferencehealth.profiles.canary import canary_of
from tests.conformance.rounds import judged, spec

pytestmark = pytest.mark.conformance

EXAMPLES = Path(__file__).parents[2] / "examples"
POLICY = Policy.model_validate(yaml.safe_load((EXAMPLES / "asr.yaml").read_text()))
CLIP = next(iter(yaml.safe_load_all((EXAMPLES / "canaries/asr.yaml").read_text())))
CLIP["binaryData"] = {  # the API server gives it on one line
    key: "".join(value.split()) for key, value in CLIP["binaryData"].items()
}
KEY = "sk-of-a-test"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    yield from _stack(tmp_path)


@pytest.fixture
def useless(tmp_path: Path) -> Iterator[Stack]:
    yield from _stack(tmp_path, {"TRANSCRIPTION_FAILS": "1"})


def _stack(folder: Path, env: dict[str, str] | None = None) -> Iterator[Stack]:
    try:
        started = start_stack(folder, env={"LICENSE_KEY": KEY, **(env or {})})
    except ServerUnavailableError as absent:
        pytest.skip(str(absent))
    yield started
    started.stop()


def sent(stack: Stack, *, key: str = KEY) -> Reading:
    """What the example's canary finds; the API server's objects are those of the example."""
    authorization = base64.b64encode(f"Token {key}".encode()).decode()
    objects: dict[str, dict[str, Any]] = {
        "asr-canary": CLIP,
        "asr-canary-key": {"data": {"Authorization": authorization}},
    }

    async def get(resource: Resource, name: str, **_: Any) -> dict[str, Any]:
        return objects[name]

    async def exchange() -> Reading:
        check = spec("asr", canary=POLICY.spec.checks.canary)
        canary = canary_of(check)
        assert canary is not None
        request = await outgoing(canary, "smallest", References(get))
        if isinstance(request, Reading):
            return request
        port = stack.api_server.ports["http"]
        answer = await ask(Peer(LOOPBACK), port, request, timeout=canary.timeout)
        return canary.read(answer)

    return asyncio.run(exchange())


def test_a_stack_that_transcribes_answers_the_clip(stack: Stack) -> None:
    assert sent(stack).sign is Sign.SERVES


def test_a_stack_that_is_healthy_and_useless_is_found_by_the_clip(useless: Stack) -> None:
    assert judged(spec("asr"), useless.api_server.ports["http"]).sign is Sign.SERVES
    reading = sent(useless)
    assert (reading.sign, reading.reason) == (Sign.FAILS, "CanaryFailed")
    assert reading.message == "the canary POST /v1/listen is answered 500, expected 200"


def test_without_a_worker_the_clip_fails(stack: Stack) -> None:
    stack.lightning_asr.stop()
    reading = sent(stack)
    assert (reading.sign, reading.reason) == (Sign.FAILS, "CanaryFailed")


def test_a_wrong_key_says_what_to_set(stack: Stack) -> None:
    reading = sent(stack, key="old")
    assert (reading.sign, reading.reason) == (Sign.UNKNOWN, "CanaryDenied")
    assert "headersFrom" in reading.message
