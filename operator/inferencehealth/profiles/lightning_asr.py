"""Smallest Self-Host's Lightning ASR, the worker that transcribes: recognise, probe, read.

Source: smallest-self-host chart 0.2.2 (templates and values of lightning-asr) and documentation
(docker/services-overview, troubleshooting). Port 2269 in the chart, 2233 in the Docker documents.
`GET /health` is 200 once the model is loaded; what else it answers is not documented. The chart
gives it no startup probe and restarts it about 6 minutes after its start, where the documentation
speaks of up to 10.
"""

from typing import Final

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.steps import Answer, Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles.asking import http_get
from inferencehealth.profiles.profile import Asked, DefaultBudgets, Evidence, Handlers, Profile
from inferencehealth.profiles.reading import SERVES, parse_object, unanswered, unexpected
from inferencehealth.profiles.recognition import Signature, image, port_of, recognise
from inferencehealth.workloads import Container

HEALTH = "/health"
USUAL_PORTS: Final = (2269, 2233)
SIGNATURE = Signature(images=("smallestinc/lightning-asr*",))
MIRRORED = "lightning-asr*"
"""Name of the image in a registry that drops the vendor; counts only beside a usual port."""


def detect(container: Container) -> Evidence | None:
    """Whether the container runs an ASR worker."""
    sure = recognise(container, SIGNATURE)
    declared = {port.number for port in container.ports} & set(USUAL_PORTS)
    if sure or not declared or not image(container.image).ends_with(MIRRORED):
        return sure
    return Evidence(0.8, f"image lightning-asr with port {min(declared)}")


def http_port(container: Container) -> int | None:
    """Port of the worker."""
    return port_of(container, env=("PORT",), names=("http",), usual=USUAL_PORTS[0])


def handlers(asked: Asked) -> Handlers:
    """/health as the chart asks it; a connection where only the process counts."""
    health = http_get(asked, HEALTH)
    connect = {"tcpSocket": {"port": asked.probe_port}}
    return Handlers(liveness=health, readiness=health, process=connect, startup=health)


def steps(_spec: CheckSpec) -> tuple[Step, ...]:
    """The one health path."""
    return (Step("ready", StepKind.READY, Request(HEALTH), read_health),)


def read_health(answer: Answer) -> Reading:
    """200 that does not say otherwise: serves. 503: not ready, which is all that can be known."""
    if gap := unanswered(answer):
        return gap
    said = parse_object(answer.body).get("status", "healthy")
    # A tuple, because a document may hold what no set can.
    if answer.status == 200 and said in ("healthy", "ok"):
        return SERVES
    if answer.status in {200, 503}:
        return Reading(
            Sign.NOT_READY,
            "WorkerNotReady",
            "the worker says that it is not healthy; whether it loads or failed is not documented",
        )
    return unexpected(HEALTH, answer, "200")


LIGHTNING_ASR = Profile(
    name="lightning-asr",
    title="Smallest Lightning ASR worker",
    verified="chart 0.2.2 and documentation of 1.0.0; the image is closed",
    detect=detect,
    port=http_port,
    handlers=handlers,
    steps=steps,
    tells_versions=False,
    images=SIGNATURE.images,
    loading="Connection refused while it fetches (about 20 GB at first) and loads its model.",
    dead_engine="Not documented; transcribing a second of silence through the API server shows it.",
    never_liveness="Anything that asks the licence proxy or Redis, which a restart can't mend.",
    # 2 to 10 minutes by the documentation.
    budgets=DefaultBudgets(max_startup=600, stop_traffic_after=30, restart_after=90),
)
