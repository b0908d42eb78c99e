"""Check specs, answers and containers, as the profiles' tests need them."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.steps import Answer, Outcome, Reading
from inferencehealth.profiles.profile import Profile
from inferencehealth.workloads import Container, container


def spec(profile: str = "triton", **fields: Any) -> CheckSpec:
    return CheckSpec.model_validate(
        {
            "profile": profile,
            "container": "server",
            "port": 8000,
            "podSelector": {"matchLabels": {"app": "server"}},
            "interval": "10s",
            "timeout": "5s",
            "failureThreshold": 3,
            "successThreshold": 1,
            "startupBudget": "10m",
            **fields,
        }
    )


def requiring(*models: str, profile: str = "triton", discover: bool = True) -> CheckSpec:
    """A spec that requires models, each "name" or "name:version"."""
    named = [model.partition(":") for model in models]
    required = [{"name": name, "version": version} for name, _, version in named]
    return spec(profile, models={"required": required, "discover": discover})


def answered(status: int, body: Any = b"") -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(Outcome.ANSWERED, status=status, body=raw)


def unanswered(outcome: Outcome) -> Answer:
    return Answer(outcome)


def round_of(profile: Profile, check: CheckSpec, answers: Mapping[str, Answer]) -> Reading:
    """The one reading of a round in which the server gives these answers by step name.

    Runs the steps as a checker does: a decisive step without an answer ends the round.
    """
    readings: dict[str, Reading] = {}
    for step in profile.steps(check):
        readings[step.name] = step.read(answers[step.name])
        if step.decisive and readings[step.name].sign in {"Silent", "Unknown"}:
            break
    return profile.fold(check, readings)


def a_container(image: str = "", **raw: Any) -> Container:
    return container({"name": "server", "image": image, **raw})


def with_args(*args: str, image: str = "registry.test/own:1", **raw: Any) -> Container:
    return a_container(image, args=list(args), **raw)


def ports(*numbers: int | tuple[str, int]) -> list[dict[str, Any]]:
    return [
        {"containerPort": n} if isinstance(n, int) else {"name": n[0], "containerPort": n[1]}
        for n in numbers
    ]


def states(reading: Reading) -> dict[str, str]:
    """Signs of the models by name, "name:version" where there is a version."""
    items: Iterable[Any] = reading.models
    return {(f"{i.name}:{i.version}" if i.version else i.name): i.sign.value for i in items}
