"""The list of servers for people, docs/servers.md, made from the profiles themselves.

Run by `make generate`: python -m inferencehealth.profiles.documentation docs/servers.md
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

from inferencehealth.api.durations import format_duration
from inferencehealth.api.report import CheckSpec
from inferencehealth.api.server import Models, RequiredModel
from inferencehealth.api.target import Selector
from inferencehealth.checks.steps import Step, StepKind
from inferencehealth.kubelet import Handler, handler_kind
from inferencehealth.profiles.profile import Asked, Profile
from inferencehealth.profiles.registry import PROFILES
from inferencehealth.workloads import container

MODEL = "MODEL"
"""What stands for a required model's name in the paths shown."""
LIVE_MARK = "run here"
"""Words in `Profile.verified` that tell facts seen on a running server from facts read."""
SHOWN_IMAGES = 3
NOWHERE = "–"
NO_CANARY = (
    "none by itself, as nobody can know what a request to it looks like; mode Custom sends yours"
)

_HEAD = """# Servers

<!-- Made from the profiles by `make generate`; edit operator/inferencehealth/profiles/. -->

Search for your server's name or image. `ihp detect -f your-manifests/` says which of these it
sees in a manifest, and why. A server that is not here is described in the policy itself
([examples/custom.yaml](../examples/custom.yaml)) or gets a profile
([add-a-server.md](add-a-server.md)).

Live and ready are the paths of the kubelet's probes where the policy names one required model,
`MODEL`; models are what the operator's own check asks besides. The three budgets (startup / stop
traffic / restart) hold where a policy gives none.

| server (profile) | images, among others | port | live | ready | models | budgets | facts |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""

_WORDS = (
    ("loading", "Loading"),
    ("sleeping", "Asleep"),
    ("dead_engine", "Dead behind a green endpoint"),
    ("reload", "Mended without a restart"),
    ("api_key", "API key"),
    ("never_liveness", "Never in a liveness probe"),
)


def page(profiles: tuple[Profile, ...]) -> str:
    """The whole page: a table to search, then a section for each server."""
    listed = [profile for profile in profiles if profile.name != "custom"]
    rows = "".join(f"{_row(profile)}\n" for profile in listed)
    sections = "\n".join(_section(profile) for profile in profiles)
    return f"{_HEAD}{rows}\n{sections}"


def verified(profile: Profile) -> str:
    """How the facts are known, in a few words."""
    if LIVE_MARK in profile.verified:
        return f"verified live: {profile.verified}"
    return f"from documentation: {profile.verified.removeprefix('documentation of ')}"


def _row(profile: Profile) -> str:
    usual = profile.images[0].replace("*", "") if profile.images else ""
    port = profile.port(container({"name": "server", "image": usual}))
    asked = Asked(port=port or 1, required_models=(RequiredModel(name=MODEL),))
    handlers = profile.handlers(asked)
    models = [step for step in _steps(profile) if step.kind not in {StepKind.LIVE, StepKind.READY}]
    budgets = profile.budgets
    seconds = (budgets.max_startup, budgets.stop_traffic_after, budgets.restart_after)
    cells = (
        f"[{profile.title}](#{profile.name}) (`{profile.name}`)",
        ", ".join(f"`{image}`" for image in profile.images[:SHOWN_IMAGES]) or NOWHERE,
        str(port or NOWHERE),
        _handler(handlers.liveness),
        _handler(handlers.readiness),
        "<br>".join(_asked(step) for step in models) or NOWHERE,
        " / ".join(format_duration(float(each)) for each in seconds),
        verified(profile).partition(":")[0],
    )
    return f"| {' | '.join(cells)} |"


def _section(profile: Profile) -> str:
    lines = [
        f"## {profile.name}",
        "",
        f"{profile.title}; {verified(profile)}.",
        "",
        *_told(profile),
    ]
    return "\n".join(lines) + "\n"


def _told(profile: Profile) -> Iterator[str]:
    if asked := [_asked(step) for step in _steps(profile)]:
        yield f"- **Asked by the check**: {', '.join(asked)}."
    if profile.name != "custom":
        yield f"- **Canary**: {_canary(profile)}."
    for field, title in _WORDS:
        if text := getattr(profile, field):
            yield f"- **{title}**: {text.rstrip('.')}."
    found = (*profile.liveness_findings, *profile.readiness_findings, *profile.unnamed_findings)
    for finding in found:
        yield f"- **Finding {finding.id}**: {finding.message}"


def _canary(profile: Profile) -> str:
    return profile.canary.told if profile.canary else NO_CANARY


def _steps(profile: Profile) -> tuple[Step, ...]:
    return profile.steps(
        CheckSpec(
            profile=profile.name,
            container="server",
            port=1,
            pod_selector=Selector(),
            models=Models(required=(RequiredModel(name=MODEL),)),
            interval=10,
            timeout=5,
            failure_threshold=3,
            success_threshold=1,
            startup_budget=600,
        )
    )


def _asked(step: Step) -> str:
    request = step.request
    if request.grpc:
        return f"gRPC `{unquote(request.path)}`"
    at = f" on port {request.port}" if request.port else ""
    return f"`{request.method} {unquote(request.path)}`{at}"


def _handler(handler: Handler) -> str:
    """A probe's handler in a few words."""
    kind = handler_kind(handler)
    asked = handler[kind] if kind else {}
    if kind == "httpGet" and isinstance(asked, Mapping):
        return f"`{unquote(asked['path'])}`"
    if kind == "exec":
        words = asked["command"]
        return f"`{words[0]} … {words[-1].rpartition('://')[2]}` in the container"
    return {"tcpSocket": "TCP connect", "grpc": "gRPC health"}.get(kind or "", NOWHERE)


def main() -> None:
    """Write the page to the path given."""
    Path(sys.argv[1]).write_text(page(PROFILES))


if __name__ == "__main__":
    main()
