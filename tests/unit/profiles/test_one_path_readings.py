"""Servers that tell all they know on one or two paths.

LitServe 0.2.17 (src/litserve/server.py), BentoML 1.4.38 (server/app.py, base_app.py), Seldon
Core 2.10 (readyservice/server.go), Smallest Self-Host (documentation: license-proxy,
services-overview).
"""

from collections.abc import Mapping

import pytest

from inferencehealth.checks.steps import Answer, Outcome
from inferencehealth.profiles.bentoml import BENTOML
from inferencehealth.profiles.license_proxy import LICENSE_PROXY
from inferencehealth.profiles.lightning_asr import LIGHTNING_ASR
from inferencehealth.profiles.litserve import LITSERVE
from inferencehealth.profiles.profile import Asked, Profile
from inferencehealth.profiles.seldon import SELDON
from tests.unit.profiles.given import answered, round_of, spec, unanswered

REFUSED = unanswered(Outcome.REFUSED)
NO_ANSWER = unanswered(Outcome.NO_ANSWER)
LICENSED = {
    "status": "healthy",
    "license_valid": True,
    "valid_until": "2025-12-31T23:59:59Z",
    "grace_period_active": False,
}

ROWS: list[tuple[Profile, Answer, str, str]] = [
    (LITSERVE, answered(200, b"ok"), "Serves", ""),
    (LITSERVE, answered(503, b"not ready"), "NotReady", "ServerNotReady"),
    (LITSERVE, answered(401, {"detail": "Invalid API Key."}), "Unknown", "AccessDenied"),
    (LITSERVE, answered(403, {"detail": "Not authenticated"}), "Unknown", "AccessDenied"),
    (LITSERVE, answered(404, {"detail": "Not Found"}), "Fails", "UnexpectedStatus"),
    (LITSERVE, REFUSED, "Silent", "ConnectionRefused"),
    (SELDON, answered(200, b"The agent and its dependent sub-services are ready"), "Serves", ""),
    (SELDON, answered(503, b"The agent is not ready\n"), "NotReady", "AgentNotReady"),
    (SELDON, answered(404, b"No service monitored for readiness"), "Loading", "AgentStarting"),
    (SELDON, answered(500), "Fails", "UnexpectedStatus"),
    (SELDON, REFUSED, "Silent", "ConnectionRefused"),
    (LIGHTNING_ASR, answered(200, {"status": "healthy"}), "Serves", ""),
    (LIGHTNING_ASR, answered(200, b""), "Serves", ""),
    (LIGHTNING_ASR, answered(200, {"status": "unhealthy"}), "NotReady", "WorkerNotReady"),
    (LIGHTNING_ASR, answered(503, {"status": "unhealthy"}), "NotReady", "WorkerNotReady"),
    (LIGHTNING_ASR, answered(500), "Fails", "UnexpectedStatus"),
    (LIGHTNING_ASR, REFUSED, "Silent", "ConnectionRefused"),
    (LIGHTNING_ASR, NO_ANSWER, "Silent", "NoAnswer"),
    (LICENSE_PROXY, answered(200, LICENSED), "Serves", ""),
    (LICENSE_PROXY, answered(200, b""), "Serves", ""),
    (
        LICENSE_PROXY,
        answered(200, {**LICENSED, "grace_period_active": True}),
        "Degraded",
        "GracePeriod",
    ),
    (LICENSE_PROXY, answered(200, {**LICENSED, "license_valid": False}), "Fails", "LicenseInvalid"),
    (LICENSE_PROXY, answered(503, {"license_valid": False}), "Fails", "LicenseInvalid"),
    (LICENSE_PROXY, answered(200, {"status": "unhealthy"}), "Fails", "ServerUnhealthy"),
    (LICENSE_PROXY, answered(503), "Fails", "ServerUnhealthy"),
    (LICENSE_PROXY, answered(401), "Unknown", "AccessDenied"),
    (LICENSE_PROXY, REFUSED, "Silent", "ConnectionRefused"),
]


@pytest.mark.parametrize(
    ("profile", "answer", "sign", "reason"),
    ROWS,
    ids=[f"{p.name} {a.outcome} {a.status} {reason}" for p, a, _, reason in ROWS],
)
def test_one_path_tells_all(profile: Profile, answer: Answer, sign: str, reason: str) -> None:
    reading = round_of(profile, spec(profile.name), {"ready": answer})
    assert (reading.sign, reading.reason) == (sign, reason)


@pytest.mark.parametrize(
    ("live", "ready", "sign", "reason"),
    [
        (answered(200, b"\n"), answered(200, b"\n"), "Serves", ""),
        (answered(200), answered(500), "Loading", "ServerNotReady"),
        (answered(200), answered(503, b"Service is not ready"), "NotReady", "ServerNotReady"),
        (answered(503, b"Service is dead"), answered(200), "Fails", "ServiceNotAlive"),
        (answered(404), answered(404), "Fails", "UnexpectedStatus"),
        (NO_ANSWER, answered(200), "Silent", "NoAnswer"),
    ],
)
def test_bentoml_tells_alive_from_ready(
    live: Answer, ready: Answer, sign: str, reason: str
) -> None:
    reading = round_of(BENTOML, spec("bentoml"), {"live": live, "ready": ready})
    assert (reading.sign, reading.reason) == (sign, reason)


def test_when_a_licence_ended_is_told() -> None:
    reading = round_of(
        LICENSE_PROXY,
        spec("license-proxy"),
        {"ready": answered(200, {**LICENSED, "license_valid": False})},
    )
    assert reading.message == "the licence is not valid; it was valid until 2025-12-31T23:59:59Z"


HANDLERS: Mapping[str, tuple[Profile, str, str]] = {
    "bentoml": (BENTOML, "/livez", "/readyz"),
    "litserve": (LITSERVE, "/", "/health"),
    "seldon": (SELDON, "", "/ready"),
    "lightning-asr": (LIGHTNING_ASR, "/health", "/health"),
    "license-proxy": (LICENSE_PROXY, "", "/health"),
}


@pytest.mark.parametrize(("profile", "live", "ready"), HANDLERS.values(), ids=HANDLERS)
def test_life_is_never_asked_of_what_a_restart_cannot_mend(
    profile: Profile, live: str, ready: str
) -> None:
    probes = profile.handlers(Asked(port=1))
    alive = {"httpGet": {"path": live, "port": 1}} if live else {"tcpSocket": {"port": 1}}
    assert probes.liveness == alive
    assert probes.readiness == {"httpGet": {"path": ready, "port": 1}}


def test_a_probe_that_an_api_key_would_refuse_is_never_written() -> None:
    """401 for the kubelet would restart a healthy server for ever."""
    guarded = frozenset({"LIT_SERVER_API_KEY"})
    probes = LITSERVE.handlers(Asked(port=8000, environment=guarded))
    asked = (probes.liveness, probes.readiness, probes.startup, probes.process)
    assert not any("httpGet" in handler for handler in asked)
