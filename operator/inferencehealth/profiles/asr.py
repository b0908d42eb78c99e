"""Smallest Self-Host ASR, its API server: probes as documented to the digit, components read.

`GET /health` answers 503 when no ASR worker is left, although the API server itself works; the
documentation still makes it the liveness probe. `?detailed=true` names the components.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from inferencehealth.api.report import CheckSpec
from inferencehealth.api.server import Components
from inferencehealth.checks.steps import Answer, Item, Reading, Request, Sign, Step, StepKind
from inferencehealth.kubelet import Numbers
from inferencehealth.profiles.asking import any_answer, http_get
from inferencehealth.profiles.components import component_items, components_reading
from inferencehealth.profiles.profile import (
    Asked,
    DefaultBudgets,
    Documented,
    Evidence,
    Handlers,
    Profile,
    StaticFinding,
)
from inferencehealth.profiles.reading import (
    parse_object,
    required_components,
    server_words,
    unanswered,
    unexpected,
    worst_of,
)
from inferencehealth.profiles.recognition import Signature, image, port_of, recognise
from inferencehealth.workloads import Container

HEALTH, DETAILED = "/health", "/health?detailed=true"
USUAL_PORT = 7100
API_SERVER, WORKERS = "api_server", "lightning_asr"
COMPONENTS = Components(
    required=(API_SERVER, WORKERS),
    optional=("license_proxy", "redis"),
)
"""What transcribes; the licence proxy has a grace period, and Redis may be somebody's cache."""

SIGNATURE = Signature(images=("smallestinc/self-hosted-api-server",))
MIRRORED = "self-hosted-api-server"
"""Name of the image in a registry that drops the vendor; counts only beside the usual port."""


def detect(container: Container) -> Evidence | None:
    """Whether the container runs the ASR's API server (not its workers or licence proxy)."""
    sure = recognise(container, SIGNATURE)
    declares = any(port.number == USUAL_PORT for port in container.ports)
    if sure or not declares or not image(container.image).ends_with(MIRRORED):
        return sure
    return Evidence(0.8, f"image {MIRRORED} with port {USUAL_PORT}")


def http_port(container: Container) -> int | None:
    """Port of the API server."""
    return port_of(container, names=("http", "api"), usual=USUAL_PORT)


def handlers(asked: Asked) -> Handlers:
    """`/health` as documented; for strategy Process a curl that takes any answer as life."""
    health, alive = http_get(asked, HEALTH), any_answer(asked, HEALTH)
    started = {"tcpSocket": {"port": asked.probe_port}}
    return Handlers(liveness=health, readiness=health, process=alive, startup=started)


def steps(spec: CheckSpec) -> tuple[Step, ...]:
    """One request that names every component."""
    return (Step("detailed", StepKind.COMPONENTS, Request(DETAILED), partial(read_detailed, spec)),)


def read_detailed(spec: CheckSpec, answer: Answer) -> Reading:
    """Components by name, whatever the status; without them the status speaks for the workers."""
    if gap := unanswered(answer):
        return gap
    if answer.status not in {200, 503}:
        return unexpected(DETAILED, answer, "200 or 503")
    document = parse_object(answer.body)
    why = server_words(document.get("reason"))
    required = required_components(spec, COMPONENTS)
    items = component_items(document.get("components"), required)
    down = answer.status == 503 or document.get("status") == "unhealthy"
    if not items:
        items = _from_status(required, why, down=down)
    reading = components_reading(items)
    if down and reading.sign in {Sign.SERVES, Sign.DEGRADED, Sign.UNKNOWN}:
        cause = why or (reading.message if reading.sign is Sign.DEGRADED else "")
        message = f"the API server says that it is unhealthy: {cause or 'it gives no reason'}"
        return replace(reading, sign=Sign.FAILS, reason="ServerUnhealthy", message=message)
    return reading


def fold(spec: CheckSpec, readings: Mapping[str, Reading]) -> Reading:
    """The worst reading, with an item for every required component."""
    return worst_of(spec, readings, components=COMPONENTS)


def _from_status(required: tuple[str, ...], why: str, *, down: bool) -> tuple[Item, ...]:
    """Items where the answer names no components.

    200 is documented to mean that there are ASR workers, and the lack of them to be 503 with a
    reason that says so; any other reason is about something else.
    """
    api = Item(API_SERVER, Sign.SERVES, required=API_SERVER in required)
    workers = Item(WORKERS, Sign.SERVES, required=WORKERS in required)
    if down and "asr worker" in why.lower():
        message = f"component {WORKERS} is down: {why}"
        workers = replace(workers, sign=Sign.FAILS, reason="ComponentDown", message=message)
    elif down:
        message = "the server says only that it is unhealthy as a whole"
        workers = replace(workers, sign=Sign.UNKNOWN, reason="NotReported", message=message)
    rest = component_items({}, tuple(r for r in required if r not in {WORKERS, API_SERVER}))
    return (api, workers, *rest)


ASR = Profile(
    name="asr",
    title="Smallest Self-Host ASR",
    verified="documentation of version 1.0.0; the image is closed",
    detect=detect,
    port=http_port,
    handlers=handlers,
    steps=steps,
    fold=fold,
    components=COMPONENTS,
    # Startup: the documentation speaks of 2 to 10 minutes until the workers answer.
    budgets=DefaultBudgets(max_startup=600, stop_traffic_after=18, restart_after=60),
    images=SIGNATURE.images,
    loading='503 with the reason "No ASR workers available" until a worker (lightning-asr) has '
    "loaded, which takes 2 to 10 minutes.",
    dead_engine="/health can answer 200 while transcriptions fail; "
    "/health?detailed=true names the component that is down.",
    never_liveness="/health: it answers 503 when no ASR worker is left, so an outage of the "
    "workers restarts every API server. The documentation prints it all the same; "
    "spec.probes.liveness.strategy: Process avoids it.",
    documented=Documented(
        liveness=Numbers(initial_delay=30, period=10, timeout=5, failures=3),
        readiness=Numbers(initial_delay=10, period=5, timeout=3, failures=3),
        source="Smallest Self-Host documentation, health checks",
    ),
    liveness_findings=(
        StaticFinding(
            id="DependencyInLiveness",
            severity="warning",
            message="/health answers 503 when no ASR worker is left, so the documented liveness "
            "probe restarts an API server that a restart cannot mend.",
            remedy="Set spec.probes.liveness.strategy: Process, which restarts only a dead or "
            "hung process.",
        ),
    ),
)
