"""Rounds over real gRPC servers: from the profile through the transport to the reading."""

from collections.abc import AsyncIterator

import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health

from inferencehealth.api.report import CheckSpec
from inferencehealth.checker.rounds import check_pod, compile_check
from inferencehealth.checks.steps import Peer, Sign
from inferencehealth.checks.transports import ask

from .values import spec

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
async def server() -> AsyncIterator[tuple[int, health.HealthServicer]]:
    running, servicer = aio.server(), health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, running)
    port = running.add_insecure_port("127.0.0.1:0")
    await running.start()
    yield port, servicer
    await running.stop(None)


def check(port: int, profile: str = "grpc", *services: str) -> CheckSpec:
    components = {"required": list(services)}
    return spec(profile=profile, port=port, timeout="5s", components=components)


@pytest.mark.parametrize("profile", ["grpc", "riva"])
async def test_a_server_serves_until_it_says_otherwise(
    profile: str, server: tuple[int, health.HealthServicer]
) -> None:
    port, servicer = server
    compiled = compile_check(check(port, profile))
    assert (await check_pod(compiled, Peer("127.0.0.1"), ask)).sign is Sign.SERVES
    await servicer.set("", NOT_SERVING)
    reading = await check_pod(compiled, Peer("127.0.0.1"), ask)
    assert (reading.sign, reading.reason) == (Sign.NOT_READY, "NotServing")


async def test_every_service_of_the_policy_is_asked(
    server: tuple[int, health.HealthServicer],
) -> None:
    port, servicer = server
    await servicer.set("asr", SERVING)
    reading = await check_pod(
        compile_check(check(port, "grpc", "asr", "tts")), Peer("127.0.0.1"), ask
    )
    assert (reading.sign, reading.reason) == (Sign.FAILS, "ComponentNotFound")
    assert {item.name: item.sign for item in reading.components} == {
        "asr": Sign.SERVES,
        "tts": Sign.FAILS,
    }
