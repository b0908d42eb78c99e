"""The decision procedure of `ihp diagnose`: each cause is told apart from its likes."""

from dataclasses import replace
from typing import Any

import pytest

from inferencehealth.checker.once import Asked, Checked
from inferencehealth.checks.steps import Item, Outcome, Sign
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.diagnosis.causes import ADVICE, Cause
from inferencehealth.diagnosis.facts import (
    Facts,
    Listening,
    NameSeen,
    PodSeen,
    PodsSeen,
    PortSeen,
    Told,
)
from inferencehealth.diagnosis.procedure import Mark, diagnose
from inferencehealth.kube.pods import ContainerRecord, PodRecord

ANSWERED = (Asked("GET :7100/health", Outcome.ANSWERED, 200, 0.01),)
READY = Checked(Verdict.READY, "Serving", "", ANSWERED, 0.01)
REFUSED = Checked(Verdict.BROKEN, "ConnectionRefused", "nothing listens", (), 0.0)
NOT_CONNECTED = Checked(Verdict.UNKNOWN, "ConnectTimeout", "no connection", (), 0.0)
SILENT = Checked(Verdict.BROKEN, "NoAnswer", "no answer", (), 5.0)
TLS = Checked(Verdict.UNKNOWN, "TlsFailed", "no TLS connection: unknown authority", (), 0.0)
NOT_HTTP = Checked(Verdict.BROKEN, "NotHttp", "no HTTP", (), 0.0)
RESET = Checked(Verdict.BROKEN, "ConnectionReset", "closed", (), 0.0)
DENIED = Checked(Verdict.UNKNOWN, "AccessDenied", "the server answers 401", ANSWERED, 0.0)
BAD_REQUEST = Checked(
    Verdict.BROKEN, "UnexpectedStatus", "", (Asked("GET", Outcome.ANSWERED, 400, 0.0),), 0.0
)
NOT_FOUND = Asked("GET /v2/health/live", Outcome.ANSWERED, 404, 0.0)
ALL_404 = Checked(Verdict.BROKEN, "UnexpectedStatus", "404", (NOT_FOUND, NOT_FOUND), 0.0)
SOME_404 = Checked(Verdict.BROKEN, "UnexpectedStatus", "404", (*ANSWERED, NOT_FOUND), 0.0)
UNHEALTHY = Checked(Verdict.BROKEN, "ServerUnhealthy", "it says so", ANSWERED, 0.0)
LOADING = Checked(Verdict.LOADING, "Loading", "it loads", ANSWERED, 0.0)
BUSY = Checked(Verdict.BUSY, "Busy", "its queue is full", ANSWERED, 0.0)
ASLEEP = Checked(Verdict.ASLEEP, "Asleep", "put to sleep", ANSWERED, 0.0)

FACTS = Facts("x", "asr", 7100, 5.0, namespace="ml", workload="deployment/x", startup_budget=600)
CONTAINER = ContainerRecord("server", True, True, 0, 1000, "", "", image="quay.io/x:1")


def pod(*, ready: bool = True, age: float | None = 3600, **container: Any) -> PodSeen:
    """A running pod, and what is different about its container."""
    record = PodRecord(
        uid="u",
        namespace="ml",
        name="x-1",
        labels={},
        ip="10.0.0.1",
        phase="Running",
        node="node-1",
        deleting=False,
        ready=ready,
        unschedulable="",
        containers=(replace(CONTAINER, ready=ready, **container),),
    )
    return PodSeen(record, "server", age=age)


def unplaced(why: str) -> PodSeen:
    found = pod(ready=False, started_at=None)
    record = replace(found.record, node="", ip="", unschedulable=why)
    return replace(found, record=record, age=None)


def waiting(reason: str, words: str = "", **container: Any) -> PodSeen:
    found = pod(ready=False, age=None, started_at=None, waiting=reason, **container)
    return replace(found, words=words)


def with_items(check: Checked, **items: tuple[Item, ...]) -> Checked:
    return replace(check, **items)


BAD_COMPONENT = with_items(
    UNHEALTHY,
    components=(
        Item("redis", Sign.FAILS, required=False, reason="ComponentDown"),
        Item("lightning_asr", Sign.FAILS, required=True, reason="ComponentDown"),
    ),
)
BAD_MODEL = with_items(
    UNHEALTHY, models=(Item("resnet50", Sign.FAILS, required=True, message="CUDA OOM"),)
)
LOADING_MODEL = with_items(LOADING, models=(Item("m", Sign.LOADING, required=True),))
OPTIONAL_DOWN = with_items(
    replace(READY, verdict=Verdict.DEGRADED), components=(Item("redis", Sign.FAILS),)
)
UNTOLD = with_items(UNHEALTHY, components=(Item("lightning_asr", Sign.UNKNOWN, required=True),))
BLOCKED = Told("Unknown", "ConnectTimeout")
LISTENS = PortSeen(8000, Listening.YES, "server's http")


@pytest.mark.parametrize(
    ("facts", "cause", "verdict"),
    [
        ({"direct": READY}, Cause.NOTHING, "Ready"),
        ({"name": NameSeen("h", ("10.0.0.1",)), "direct": READY}, Cause.NOTHING, "Ready"),
        ({"name": NameSeen("h", trouble="Name or service not known")}, Cause.DNS, "Unknown"),
        ({"pods": PodsSeen(0, 0, 0)}, Cause.NO_PODS, "Unknown"),
        ({"pods": PodsSeen(2, 0, 0, "exceeded quota")}, Cause.NO_PODS, "Unknown"),
        ({"pod": unplaced("0/3 nodes: nvidia.com/gpu")}, Cause.UNSCHEDULABLE, "Loading"),
        ({"pod": waiting("ImagePullBackOff", "not found")}, Cause.IMAGE, "Broken"),
        ({"pod": waiting("ErrImageNeverPull")}, Cause.IMAGE, "Broken"),
        ({"pod": waiting("CrashLoopBackOff", last_termination="OOMKilled")}, Cause.CRASH, "Broken"),
        ({"pod": waiting("CreateContainerConfigError", "no secret")}, Cause.CRASH, "Broken"),
        ({"pod": waiting("", last_termination="Error", last_exit=1)}, Cause.CRASH, "Broken"),
        ({"pod": waiting("ContainerCreating")}, Cause.STARTING, "Loading"),
        ({"trouble": "no server is recognised"}, Cause.UNKNOWN, "Unknown"),
        # Nobody listens: too early, elsewhere, or not at all.
        ({"direct": REFUSED}, Cause.NOT_LISTENING, "Broken"),
        ({"direct": REFUSED, "ports": (LISTENS,)}, Cause.WRONG_PORT, "Broken"),
        (
            {"direct": REFUSED, "ports": (PortSeen(1, Listening.SILENT),)},
            Cause.NOT_LISTENING,
            "Broken",
        ),
        ({"direct": REFUSED, "pod": pod(ready=False, age=60)}, Cause.LOADING, "Loading"),
        ({"direct": REFUSED, "pod": pod(ready=False, age=3600)}, Cause.NOT_LISTENING, "Broken"),
        # No connection: a network's trouble, never held against the server.
        ({"direct": NOT_CONNECTED}, Cause.NETWORK, "Unknown"),
        ({"direct": NOT_CONNECTED, "pod": pod()}, Cause.NETWORK_POLICY, "Unknown"),
        ({"direct": NOT_CONNECTED, "pod": pod(ready=False)}, Cause.NETWORK, "Unknown"),
        (
            {"direct": NOT_CONNECTED, "proxied": READY, "pod": pod(ready=False), "inside": True},
            Cause.NETWORK_POLICY,
            "Unknown",
        ),
        # From outside the cluster pods are seldom reached: the API server's word counts.
        ({"direct": NOT_CONNECTED, "proxied": READY, "pod": pod()}, Cause.NOTHING, "Ready"),
        (
            {"direct": NOT_CONNECTED, "proxied": REFUSED, "pod": pod()},
            Cause.NOT_LISTENING,
            "Broken",
        ),
        (
            {"direct": NOT_CONNECTED, "proxied": READY, "pod": pod(), "policies": ("deny",)},
            Cause.NETWORK_POLICY,
            "Unknown",
        ),
        (
            {"direct": NOT_CONNECTED, "proxied": READY, "pod": pod(), "told": BLOCKED},
            Cause.NETWORK_POLICY,
            "Unknown",
        ),
        ({"direct": TLS, "https": True}, Cause.TLS, "Unknown"),
        ({"direct": TLS, "https": True, "swapped": READY}, Cause.TLS, "Unknown"),
        ({"direct": NOT_HTTP, "https": True, "swapped": BAD_REQUEST}, Cause.NOT_HTTP, "Broken"),
        ({"direct": NOT_HTTP}, Cause.NOT_HTTP, "Broken"),
        ({"direct": NOT_HTTP, "swapped": READY}, Cause.NOT_HTTP, "Unknown"),
        (
            {"direct": replace(UNHEALTHY, reason="NotTritonHttp", message="the metrics port")},
            Cause.WRONG_PORT,
            "Broken",
        ),
        ({"direct": ALL_404}, Cause.WRONG_PORT, "Broken"),
        (
            {"direct": replace(ALL_404, reason="PathNotFound", verdict=Verdict.UNKNOWN)},
            Cause.WRONG_PORT,
            "Unknown",
        ),
        ({"direct": SOME_404}, Cause.SERVER, "Broken"),
        ({"direct": RESET, "swapped": RESET}, Cause.RESET, "Broken"),
        ({"direct": SILENT, "patient": replace(READY, seconds=9.0)}, Cause.SLOW, "Busy"),
        ({"direct": SILENT, "patient": UNHEALTHY}, Cause.SLOW, "Busy"),
        ({"direct": SILENT, "patient": SILENT}, Cause.HUNG, "Broken"),
        ({"direct": SILENT, "pod": pod(ready=False, age=60)}, Cause.LOADING, "Loading"),
        ({"direct": DENIED}, Cause.DENIED, "Unknown"),
        ({"direct": BAD_COMPONENT}, Cause.COMPONENT, "Broken"),
        ({"direct": BAD_MODEL}, Cause.MODEL, "Broken"),
        ({"direct": LOADING_MODEL}, Cause.LOADING, "Loading"),
        ({"direct": OPTIONAL_DOWN}, Cause.NOTHING, "Degraded"),
        ({"direct": UNTOLD}, Cause.SERVER, "Broken"),
        ({"direct": UNHEALTHY}, Cause.SERVER, "Broken"),
        ({"direct": LOADING}, Cause.LOADING, "Loading"),
        ({"direct": BUSY}, Cause.BUSY, "Busy"),
        ({"direct": ASLEEP}, Cause.ASLEEP, "Asleep"),
        ({"direct": READY, "pod": pod(ready=False)}, Cause.KUBELET, "Ready"),
        (
            {"direct": READY, "pod": pod(), "told": Told("Broken", "CanaryFailed", "HTTP 500")},
            Cause.OPERATOR,
            "Broken",
        ),
        ({"direct": READY, "pod": pod(), "told": Told("Ready", "Serving")}, Cause.NOTHING, "Ready"),
    ],
)
def test_what_was_seen_tells_the_cause(facts: dict[str, Any], cause: Cause, verdict: str) -> None:
    found = diagnose(replace(FACTS, **facts))
    assert (found.found.cause, found.found.verdict.value) == (cause, verdict)
    assert found.found.summary
    assert found.advice


def test_a_tls_port_that_answers_plain_http_with_bad_request_still_speaks_tls() -> None:
    found = diagnose(replace(FACTS, direct=TLS, https=True, swapped=BAD_REQUEST))
    assert found.found.summary == TLS.message


def test_the_required_component_is_named_not_the_optional_one() -> None:
    found = diagnose(replace(FACTS, direct=BAD_COMPONENT))
    assert "lightning_asr" in found.found.summary
    assert any("redis" in evidence for evidence in found.found.evidence)


def test_a_pod_that_is_broken_and_in_traffic_is_said_to_be() -> None:
    found = diagnose(replace(FACTS, direct=BAD_MODEL, pod=pod()))
    assert any("traffic still goes there" in evidence for evidence in found.found.evidence)


def test_what_ends_the_procedure_is_the_last_that_was_asked() -> None:
    found = diagnose(replace(FACTS, direct=SILENT, patient=SILENT, pod=pod()))
    marks = [each.mark for each in found.asked]
    bad = marks.index(Mark.BAD)
    assert Mark.GOOD in marks[:bad]
    assert set(marks[bad + 1 :]) == {Mark.SKIPPED}


def test_every_command_is_one_that_can_be_typed() -> None:
    found = diagnose(replace(FACTS, direct=BAD_MODEL, pod=pod()))
    assert found.commands == ("kubectl logs x-1 -n ml -c server",)
    # A URL has no pod to look at.
    assert diagnose(replace(FACTS, namespace="", workload="", direct=BAD_MODEL)).commands == ()


def test_a_green_server_is_never_said_to_infer() -> None:
    found = diagnose(replace(FACTS, direct=READY))
    assert "not asked to infer" in found.found.summary
    assert any("what this look can't see" in evidence for evidence in found.found.evidence)


def test_the_findings_of_the_checks_come_with_their_remedies() -> None:
    finding = ("KubeletReadyButBroken", "traffic goes there", "use a readiness gate")
    told = Told("Broken", "ComponentDown", findings=(finding,))
    found = diagnose(replace(FACTS, direct=BAD_COMPONENT, pod=pod(), told=told))
    assert "use a readiness gate" in found.advice


def test_there_is_advice_for_every_cause() -> None:
    assert set(ADVICE) == set(Cause)
