"""BentoML: recognise, probe, read.

Source: bentoml/BentoML 1.4.38 (_bentoml_impl/server/app.py and proxy.py, _internal/server/
base_app.py, bentoml_cli, container/frontend/dockerfile/entrypoint.sh). /livez is 200, or 503 when
the service's own __is_alive__ says no; /readyz is 500 before the start is over, and 503 when
__is_ready__ says no or another service that this one calls is not ready. The arbiter opens the
port before its workers run, so a server that starts accepts connections and does not answer. A
service with a command of its own, or with a path prefix, may have neither path.
"""

from typing import Final

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.steps import Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles.asking import by_status, http_get, ready_in_liveness
from inferencehealth.profiles.profile import (
    Asked,
    DefaultBudgets,
    Evidence,
    Handlers,
    Profile,
    StaticFinding,
)
from inferencehealth.profiles.recognition import Signature, port_of, recognise
from inferencehealth.workloads import Container

LIVE, READY = "/livez", "/readyz"
USUAL_PORT = 3000

SIGNATURE = Signature(
    programs=("bentoml serve", "bentoml serve-http", "bentoml start-http-server"),
    modules=("bentoml", "bentoml_cli"),
)
GRPC = ("bentoml serve-grpc", "bentoml start-grpc-server")
"""Other faces of BentoML, which have no HTTP health paths."""

DEAD: Final = Reading(Sign.FAILS, "ServiceNotAlive", "the service's own __is_alive__ says no")
STARTING: Final = Reading(Sign.LOADING, "ServerNotReady", "the service has not started yet")
NOT_READY: Final = Reading(
    Sign.NOT_READY,
    "ServerNotReady",
    "the service says that it, or another that it calls, is not ready; it does not tell whether "
    "that one loads or failed",
)


def detect(container: Container) -> Evidence | None:
    """Whether the container runs a BentoML service; an image alone never shows it."""
    return recognise(container, SIGNATURE)


def http_port(container: Container) -> int | None:
    """Port of the service; the image's entry point lets PORT win over BENTOML_PORT."""
    return port_of(
        container,
        flags=("--port", "-p"),
        env=("PORT", "BENTOML_PORT"),
        names=("http",),
        usual=USUAL_PORT,
        signature=SIGNATURE,
    )


def handlers(asked: Asked) -> Handlers:
    """Liveness and startup on /livez, readiness on /readyz."""
    live = http_get(asked, LIVE)
    return Handlers(liveness=live, readiness=http_get(asked, READY), process=live, startup=live)


def steps(_spec: CheckSpec) -> tuple[Step, ...]:
    """Live and ready; a BentoML service does not list its models."""
    ready = by_status(READY, {500: STARTING, 503: NOT_READY})
    return (
        Step("live", StepKind.LIVE, Request(LIVE), by_status(LIVE, {503: DEAD})),
        Step("ready", StepKind.READY, Request(READY), ready),
    )


BENTOML = Profile(
    name="bentoml",
    title="BentoML",
    verified="1.4.39, run here; source of 1.4.38",
    detect=detect,
    port=http_port,
    handlers=handlers,
    steps=steps,
    tells_versions=False,
    readiness_findings=(
        StaticFinding(
            id="DependencyInReadiness",
            severity="info",
            message="/readyz asks every other BentoML service that this one calls, for up to 5 s "
            "each: one that is down takes all its callers out of traffic, and a slow one makes "
            "the probe time out.",
            remedy="Give the readiness probe 6 s (spec.probes.readiness.timeoutSeconds), or turn "
            "the asking off: api_server.runner_probe.enabled: false in BentoML's configuration.",
        ),
    ),
    liveness_traps=(
        ready_in_liveness(
            READY, "when another service that this one calls is not ready", f"ask {LIVE}"
        ),
    ),
    loading="Connections are accepted but not answered until the workers run; then /readyz 500 "
    "or 503. A worker that fails to load is started again for ever, and nothing is answered.",
    dead_engine="Only what the service's own __is_alive__ and __is_ready__ look at is seen; a "
    "service without them is ready for ever.",
    never_liveness="/readyz: it fails when another service is down.",
    budgets=DefaultBudgets(
        max_startup=600, stop_traffic_after=20, restart_after=60, readiness_timeout=6
    ),
)
