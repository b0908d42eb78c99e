"""Ray Serve: recognise, probe, read; its applications are what others call models.

Source: ray-project/ray, serve/_private/proxy.py and proxy_router.py: /-/healthz and /-/routes of
the node's proxy are 200, or 503 with why: no routes yet, no replicas yet (never on the head
node), draining. /-/routes maps routes to applications that were asked for, running or not; the
dashboard on the head node (8265, /api/serve/applications/, documentation "Serve REST API") tells
their states.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from inferencehealth.api.report import CheckSpec
from inferencehealth.api.server import RequiredModel
from inferencehealth.checks.steps import Answer, Item, Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles.asking import http_get
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
    worst_reading,
)
from inferencehealth.profiles.recognition import IMAGE, Signature, port_of, recognise
from inferencehealth.profiles.repository import INDEX, MAX_NAME, about
from inferencehealth.profiles.repository import fold as fold_states
from inferencehealth.workloads import Container

HEALTH, ROUTES, APPLICATIONS = "/-/healthz", "/-/routes", "/api/serve/applications/"
USUAL_PORT, DASHBOARD_PORT = 8000, 8265
DETAILS_BODY: Final = 1024 * 1024
"""Bytes of the applications' details, which hold their whole configuration and every replica."""
MAX_APPLICATIONS: Final = 500
"""Applications of one answer that are read."""

SIGNATURE = Signature(
    images=("rayproject/ray*", "anyscale/ray*"),
    programs=("serve run", "serve start", "serve deploy"),
)

_WAITING: Final[Mapping[bytes, tuple[Sign, str, str]]] = {
    b"Route table is not populated yet": (
        Sign.LOADING,
        "NoRoutes",
        "the proxy does not know of any application yet",
    ),
    b"No replicas are available yet": (
        Sign.NOT_READY,
        "NoReplicas",
        "no replica of any application runs",
    ),
    b"being drained": (Sign.FAILS, "Draining", "the node is being drained"),
}
"""What a 503 says, by what its body holds."""

_STATES: Final[Mapping[str, tuple[Sign, str]]] = {
    "RUNNING": (Sign.SERVES, ""),
    "NOT_STARTED": (Sign.LOADING, "ModelLoading"),
    "DEPLOYING": (Sign.LOADING, "ModelLoading"),
    "DEPLOY_FAILED": (Sign.FAILS, "ModelLoadFailed"),
    "UNHEALTHY": (Sign.FAILS, "ModelNotReady"),
    "DELETING": (Sign.ASLEEP, "ModelUnloaded"),
}
"""States of an application (ray.serve.schema.ApplicationStatus)."""


def detect(container: Container) -> Evidence | None:
    """Whether the container runs Ray Serve; Ray's image alone may run anything."""
    found = recognise(container, SIGNATURE)
    return found if found and found.confidence > IMAGE else None


def http_port(container: Container) -> int | None:
    """Port of the node's HTTP proxy."""
    return port_of(
        container, flags=("--http-port",), names=("serve", "http-serve"), usual=USUAL_PORT
    )


def handlers(asked: Asked) -> Handlers:
    """The proxy's health for all; a connection proves its process."""
    health = http_get(asked, HEALTH)
    connect = {"tcpSocket": {"port": asked.probe_port}}
    return Handlers(liveness=health, readiness=health, process=connect, startup=health)


def steps(_spec: CheckSpec) -> tuple[Step, ...]:
    """The proxy, its routes, and where this is the head node the applications' states."""
    details = Request(APPLICATIONS, port=DASHBOARD_PORT, max_body=DETAILS_BODY)
    return (
        Step("ready", StepKind.READY, Request(HEALTH), read_health),
        Step("routes", StepKind.INDEX, Request(ROUTES), read_routes, decisive=False),
        Step(INDEX, StepKind.INDEX, details, read_applications, decisive=False),
    )


def read_health(answer: Answer) -> Reading:
    """200: takes requests. 503: not yet or no more, and why."""
    if gap := unanswered(answer):
        return gap
    if answer.status == 200:
        return SERVES
    known = (what for words, what in _WAITING.items() if words in answer.body)
    if answer.status == 503 and (what := next(known, None)):
        return Reading(*what)
    if answer.status == 503:
        return Reading(Sign.NOT_READY, "ServerNotReady", "the proxy takes no requests")
    return unexpected(HEALTH, answer, "200")


def read_routes(answer: Answer) -> Reading:
    """The applications that have a route, running or not."""
    if gap := unanswered(answer):
        return replace(gap, sign=Sign.UNKNOWN)
    if answer.status != 200:
        return Reading(Sign.UNKNOWN, "RoutesUnreadable", f"{ROUTES} answers {answer.status}")
    listed = list(parse_object(answer.body).values())[:MAX_APPLICATIONS]
    names = dict.fromkeys(server_words(name, MAX_NAME) for name in listed)
    return Reading(Sign.SERVES, models=tuple(Item(name, Sign.UNKNOWN) for name in names if name))


def read_applications(answer: Answer) -> Reading:
    """The applications with their states, from the dashboard of the head node."""
    if gap := unanswered(answer):
        return replace(gap, sign=Sign.UNKNOWN)
    listed = parse_object(answer.body).get("applications") if answer.status == 200 else None
    if not isinstance(listed, dict):
        return Reading(Sign.UNKNOWN, "IndexUnreadable", f"{APPLICATIONS} is not readable")
    rows = list(listed.items())[:MAX_APPLICATIONS]
    items = (_item(name, row) for name, row in rows if isinstance(row, dict))
    return Reading(Sign.SERVES, models=tuple(item for item in items if item.name))


def fold(spec: CheckSpec, readings: Mapping[str, Reading]) -> Reading:
    """The proxy's word first: where it takes no requests, no application serves here.

    Otherwise as for any server with states. Without the dashboard a route is all that is known,
    which is no proof: a required application is then Unknown.
    """
    proxy = readings.get("ready", SERVES)
    index = _readable(readings.get(INDEX))
    told = {"ready": proxy, INDEX: index or readings.get("routes", _NOTHING)}
    for model in spec.models.required:
        name = f"model:{model.name}:{model.version}"
        told[name] = _required(model, told[INDEX], proxy, by_state=index is not None)
    whole = fold_states(spec, told)
    worst = worst_reading([proxy, whole])
    return replace(whole, sign=worst.sign, reason=worst.reason, message=worst.message)


_NOTHING = Reading(Sign.UNKNOWN)


def _readable(index: Reading | None) -> Reading | None:
    return index if index is not None and index.sign is Sign.SERVES else None


def _required(model: RequiredModel, known: Reading, proxy: Reading, *, by_state: bool) -> Reading:
    if proxy.sign is not Sign.SERVES:
        return about(model, proxy.sign, proxy.reason, proxy.message)
    entry = next((item for item in known.models if item.name == model.name), None)
    if entry is None and known.sign is Sign.SERVES:
        message = f'Ray Serve has no application "{model.name}"'
        return about(model, Sign.FAILS, "ModelNotFound", message)
    if entry is None or not by_state:
        # Its route stands while it deploys, and after that failed.
        message = (
            f'only Ray\'s dashboard (port 8265) tells whether application "{model.name}" is '
            "deployed, and the check can't read it; start Ray with --dashboard-host=0.0.0.0"
        )
        return about(model, Sign.UNKNOWN, "ApplicationStateHidden", message)
    sign = Sign.FAILS if entry.sign is Sign.ASLEEP else entry.sign
    return about(model, sign, entry.reason, entry.message)


def _item(name: str, row: Mapping[str, Any]) -> Item:
    clean, state = server_words(name, MAX_NAME), str(row.get("status") or "")
    sign, reason = _STATES.get(state, (Sign.UNKNOWN, "StateUnknown"))
    if sign is Sign.SERVES:
        return Item(clean, sign)
    why = server_words(str(row.get("message") or "").partition("\n")[0])
    message = f'application "{clean}" is {server_words(state, 40) or "in no known state"}'
    return Item(clean, sign, "", False, reason, f"{message}: {why}" if why else message)


RAYSERVE = Profile(
    name="rayserve",
    title="Ray Serve",
    verified="2.60.0, run here; source (serve/_private/proxy.py); documentation (REST API)",
    detect=detect,
    port=http_port,
    handlers=handlers,
    steps=steps,
    fold=fold,
    tells_versions=False,
    images=SIGNATURE.images,
    liveness_findings=(
        StaticFinding(
            id="ReadinessInLiveness",
            severity="info",
            message="/-/healthz answers 503 on a node that has no replica or is being drained. On "
            "a single node or the head that happens only before the first application; on a "
            "worker node it restarts a healthy pod.",
            remedy="For worker nodes set spec.probes.liveness.strategy: Process.",
        ),
    ),
    readiness_findings=(
        StaticFinding(
            id="KubeletCannotSeeModels",
            severity="info",
            message="/-/healthz on the head node is 200 whatever its applications do; only the "
            "dashboard (port 8265) tells that one failed to deploy or is unhealthy, and the "
            "operator's own check reads it where it listens on the pod's address.",
            remedy="Start Ray with --dashboard-host=0.0.0.0 behind a NetworkPolicy.",
        ),
    ),
    loading="503 Route table is not populated yet, or No replicas are available yet; the "
    "application is DEPLOYING on the dashboard.",
    sleeping="Applications that scale to zero stay RUNNING; the head node stays healthy.",
    dead_engine="/-/healthz of the head node stays 200 while an application is UNHEALTHY or "
    "DEPLOY_FAILED on the dashboard.",
    api_key="Ray's token (RAY_AUTH_MODE) guards the dashboard: the check then knows only routes, "
    "which say nothing of an application's state, so a required application is Unknown.",
    never_liveness="An application's own route: it queues behind users' requests.",
    # KubeRay allows a liveness probe 120 failures at 5 s before it restarts a node.
    budgets=DefaultBudgets(max_startup=600, stop_traffic_after=15, restart_after=120),
)
