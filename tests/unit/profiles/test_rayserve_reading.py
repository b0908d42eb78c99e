"""What Ray Serve's answers mean; words from serve/_private/proxy.py and proxy_router.py."""

import pytest

from inferencehealth.checks.steps import Answer, Outcome, Reading, Sign
from inferencehealth.profiles.rayserve import RAYSERVE
from tests.unit.profiles.given import answered, requiring, round_of, states, unanswered

HEALTHY = answered(200, b"success")
NO_ROUTES = answered(503, b"Route table is not populated yet.")
NO_REPLICAS = answered(503, b"No replicas are available yet.")
DRAINING = answered(503, b"This node is being drained.")
ROUTES = answered(200, {"/": "text_app", "/img": "image_app"})
NO_DASHBOARD = unanswered(Outcome.REFUSED)


def dashboard(**apps: str) -> Answer:
    told = {name: {"status": status, "message": "why\nmore"} for name, status in apps.items()}
    return answered(200, {"applications": told})


def rayserve(
    *required: str,
    health: Answer = HEALTHY,
    routes: Answer = ROUTES,
    details: Answer = NO_DASHBOARD,
) -> Reading:
    check = requiring(*required, profile="rayserve")
    return round_of(RAYSERVE, check, {"ready": health, "routes": routes, "index": details})


@pytest.mark.parametrize(
    ("health", "sign", "reason"),
    [
        (HEALTHY, "Serves", ""),
        (NO_ROUTES, "Loading", "NoRoutes"),
        (NO_REPLICAS, "NotReady", "NoReplicas"),
        (DRAINING, "Fails", "Draining"),
        (answered(503, b"later words"), "NotReady", "ServerNotReady"),
        (answered(404), "Fails", "UnexpectedStatus"),
        (unanswered(Outcome.REFUSED), "Silent", "ConnectionRefused"),
        (unanswered(Outcome.NO_ANSWER), "Silent", "NoAnswer"),
    ],
)
def test_the_proxy_says_whether_it_takes_requests(health: Answer, sign: str, reason: str) -> None:
    routes = ROUTES if sign == "Serves" else health
    details = dashboard(text_app="RUNNING")
    for required in ((), ("text_app",)):
        reading = rayserve(*required, health=health, routes=routes, details=details)
        assert (reading.sign, reading.reason) == (sign, reason)


@pytest.mark.parametrize(
    ("state", "sign", "reason"),
    [
        ("RUNNING", "Serves", ""),
        ("NOT_STARTED", "Loading", "ModelLoading"),
        ("DEPLOYING", "Loading", "ModelLoading"),
        ("DEPLOY_FAILED", "Fails", "ModelLoadFailed"),
        ("UNHEALTHY", "Fails", "ModelNotReady"),
        ("DELETING", "Fails", "ModelUnloaded"),
    ],
)
def test_the_dashboard_knows_what_a_healthy_proxy_does_not(
    state: str, sign: str, reason: str
) -> None:
    reading = rayserve("text_app", details=dashboard(text_app=state))
    assert (reading.sign, reading.reason) == (sign, reason)
    assert states(reading) == {"text_app": sign}


def test_an_application_nobody_required_only_degrades() -> None:
    details = dashboard(text_app="RUNNING", image_app="UNHEALTHY")
    reading = rayserve("text_app", details=details)
    assert (reading.sign, reading.reason) == (Sign.DEGRADED, "ModelNotReady")
    assert reading.message == 'application "image_app" is UNHEALTHY: why'
    assert rayserve(details=details).sign is Sign.DEGRADED


def test_without_the_dashboard_a_route_is_no_proof_that_its_application_serves() -> None:
    reading = rayserve("text_app")
    assert (reading.sign, reading.reason) == (Sign.UNKNOWN, "ApplicationStateHidden")
    assert states(reading) == {"text_app": "Unknown", "image_app": "Unknown"}
    gone = rayserve("other")
    assert gone.message == 'Ray Serve has no application "other"; it has "image_app", "text_app"'


def test_with_neither_dashboard_nor_routes_a_required_application_is_unknown() -> None:
    reading = rayserve("text_app", routes=answered(404))
    assert reading.sign is Sign.UNKNOWN
    assert rayserve(routes=answered(404)).sign is Sign.SERVES


def test_a_draining_node_serves_nothing_whatever_the_dashboard_says() -> None:
    reading = rayserve("text_app", health=DRAINING, details=dashboard(text_app="RUNNING"))
    assert (reading.sign, reading.reason) == (Sign.FAILS, "Draining")
