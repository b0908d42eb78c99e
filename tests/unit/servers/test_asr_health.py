"""The ASR reference server's answers, as a table of which components are up."""

from collections.abc import Sequence

import pytest

from e2e.servers.asr import health, settings

OK, DOWN = (200, "healthy"), (503, "unhealthy")
WORKERS: tuple[health.Component, ...] = ("lightning_asr",)
WITH_SESSIONS: tuple[health.Component, ...] = ("lightning_asr", "redis")


@pytest.mark.parametrize(
    ("asr", "licence", "redis", "needed", "expected"),
    [
        (True, True, True, WORKERS, OK),
        (False, True, True, WORKERS, DOWN),
        (True, False, True, WORKERS, OK),
        (True, True, False, WORKERS, OK),
        (True, False, False, WORKERS, OK),
        (False, False, False, WORKERS, DOWN),
        (True, True, False, WITH_SESSIONS, DOWN),
        (True, False, True, WITH_SESSIONS, OK),
    ],
)
def test_plain_and_detailed_health_agree_on_the_whole(
    asr: bool,
    licence: bool,
    redis: bool,
    needed: Sequence[health.Component],
    expected: tuple[int, str],
) -> None:
    up: dict[health.Component, bool] = {
        "lightning_asr": asr,
        "license_proxy": licence,
        "redis": redis,
    }
    plain = health.of_server(up, needed=needed)
    detailed = health.detailed(up, needed=needed, uptime_seconds=1, version="1")
    assert (plain.status, plain.body["status"]) == expected
    assert (detailed.status, detailed.body["status"]) == expected


def test_no_worker_reads_as_documented() -> None:
    reply = health.of_component("lightning_asr", up=False)
    assert reply.body == {"status": "unhealthy", "reason": "No ASR workers available"}


def test_several_workers_are_given_by_comma() -> None:
    chosen = settings.from_environment(7100, {"LIGHTNING_ASR_URL": "http://a:1/,http://b:2"})
    assert chosen.lightning_asr_urls == ("http://a:1", "http://b:2")


def test_an_address_that_kubernetes_left_open_is_named() -> None:
    env = {"REDIS_URL": "redis://$(REDIS_SERVICE_HOST):6379"}
    assert settings.unresolved(settings.from_environment(7100, env)) == env["REDIS_URL"]
    assert settings.unresolved(settings.from_environment(7100, {})) is None
