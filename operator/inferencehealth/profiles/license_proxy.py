"""Smallest Self-Host's licence proxy: recognise, probe, read.

Source: smallest-self-host chart 0.2.2 and documentation (kubernetes/license-proxy). Port 3369 in
the chart, 6699 in the Docker documents. `GET /health` tells license_valid, valid_until and
grace_period_active; it listens once the licence was validated. In the grace period (24 h) it
serves from its cache and stops when that ends. The chart's values have probes that its template
never renders.
"""

from typing import Final

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.steps import Answer, Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles.asking import http_get, ready_in_liveness
from inferencehealth.profiles.profile import (
    Asked,
    DefaultBudgets,
    Evidence,
    Handlers,
    Profile,
    StaticFinding,
)
from inferencehealth.profiles.reading import (
    SERVES,
    parse_object,
    server_words,
    unanswered,
    unexpected,
)
from inferencehealth.profiles.recognition import Signature, image, port_of, recognise
from inferencehealth.workloads import Container

HEALTH = "/health"
USUAL_PORTS: Final = (3369, 6699)
VENDOR = "smallestinc/license-proxy*"
MIRRORED = "license-proxy*"
"""Name of the image in a registry that drops the vendor; counts only beside a usual port."""
SIGNATURE = Signature(images=(VENDOR,))


def detect(container: Container) -> Evidence | None:
    """Whether the container runs the licence proxy of Smallest."""
    name = image(container.image)
    # Said here because `recognise` takes a name that ends in -proxy for a companion.
    if name.ends_with(VENDOR) and not container.command:
        return Evidence(0.9, f"image {'/'.join(name.path[-2:])}")
    declared = {port.number for port in container.ports} & set(USUAL_PORTS)
    if declared and name.ends_with(MIRRORED):
        return Evidence(0.8, f"image license-proxy with port {min(declared)}")
    return recognise(container, SIGNATURE)


def http_port(container: Container) -> int | None:
    """Port of the proxy."""
    return port_of(container, env=("PORT",), names=("http",), usual=USUAL_PORTS[0])


def handlers(asked: Asked) -> Handlers:
    """/health for readiness; a connection for life, as no restart mends a licence."""
    health = http_get(asked, HEALTH)
    connect = {"tcpSocket": {"port": asked.probe_port}}
    return Handlers(liveness=connect, readiness=health, process=connect, startup=connect)


def steps(_spec: CheckSpec) -> tuple[Step, ...]:
    """The one health path."""
    return (Step("ready", StepKind.READY, Request(HEALTH), read_health),)


def read_health(answer: Answer) -> Reading:
    """Valid: serves. In its grace period: serves for now. Not valid: fails whatever the status."""
    if gap := unanswered(answer):
        return gap
    told = parse_object(answer.body)
    until = server_words(told.get("valid_until"), 40)
    if told.get("license_valid") is False:
        ended = f"; it was valid until {until}" if until else ""
        return Reading(Sign.FAILS, "LicenseInvalid", f"the licence is not valid{ended}")
    if answer.status == 200 and told.get("grace_period_active") is True:
        message = "the licence server can't be reached; the grace period of 24 hours runs"
        return Reading(Sign.DEGRADED, "GracePeriod", message)
    if answer.status == 200 and told.get("status", "healthy") in ("healthy", "ok"):
        return SERVES
    if answer.status in {200, 503}:
        return Reading(Sign.FAILS, "ServerUnhealthy", "the proxy says that it is not healthy")
    return unexpected(HEALTH, answer, "200")


LICENSE_PROXY = Profile(
    name="license-proxy",
    title="Smallest licence proxy",
    verified="chart 0.2.2 and documentation of 1.0.0; the image is closed",
    detect=detect,
    port=http_port,
    handlers=handlers,
    steps=steps,
    tells_versions=False,
    images=SIGNATURE.images,
    readiness_findings=(
        StaticFinding(
            id="KubeletCannotReadBody",
            severity="info",
            message="/health tells in its body that the licence is not valid or that the grace "
            "period runs; the kubelet sees only the status. The operator's own check reads it.",
            remedy="Alert on verdict Degraded with reason GracePeriod: after 24 hours all stops.",
        ),
    ),
    liveness_traps=(
        ready_in_liveness(
            HEALTH, "when the licence is not valid, as far as is known", "only open a connection"
        ),
    ),
    loading="Connection refused until the licence was validated.",
    dead_engine="grace_period_active true in the body of a 200: it serves, and stops in 24 hours.",
    never_liveness="/health: a licence that is not valid, or a licence server that is away, is "
    "mended by no restart.",
    budgets=DefaultBudgets(max_startup=120, stop_traffic_after=30, restart_after=90),
)
