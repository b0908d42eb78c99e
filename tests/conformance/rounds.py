"""Rounds of a profile over a real server, as a checker makes them."""

import asyncio
from typing import Any

from e2e.servers.processes import LOOPBACK
from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.steps import Peer, Reading, Sign
from inferencehealth.checks.transports import ask
from inferencehealth.profiles.registry import profile_named

TIMEOUT = 5.0


def spec(profile: str, *required: str, **fields: Any) -> CheckSpec:
    """A spec of that profile which requires these models."""
    return CheckSpec.model_validate(
        {
            "profile": profile,
            "container": "server",
            "port": 1,
            "podSelector": {},
            "models": {"required": [{"name": name} for name in required]},
            "interval": "10s",
            "timeout": "5s",
            "failureThreshold": 3,
            "successThreshold": 1,
            "startupBudget": "10m",
            **fields,
        }
    )


def judged(check: CheckSpec, port: int) -> Reading:
    """What the profile makes of the server that listens on that port."""
    return asyncio.run(_round(check, port))


async def _round(check: CheckSpec, port: int) -> Reading:
    profile = profile_named(check.profile)
    readings: dict[str, Reading] = {}
    for step in profile.steps(check):
        answer = await ask(Peer(LOOPBACK), port, step.request, timeout=TIMEOUT)
        readings[step.name] = step.read(answer)
        if step.decisive and readings[step.name].sign in {Sign.SILENT, Sign.UNKNOWN}:
            break
    return profile.fold(check, readings)
