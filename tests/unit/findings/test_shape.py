"""Probes that the API server would refuse are told, and never break anything."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferencehealth.findings.shape import complaint, unreadable, unsound
from inferencehealth.lint.linting import judge
from tests.unit.findings.given import TRITON, VLLM, get
from tests.unit.plan.given import deployment

POD: dict[str, Any] = {"spec": {"containers": [{"name": "a", "image": "b"}]}}


@pytest.mark.parametrize(
    ("probe", "said"),
    [
        (get("/", timeoutSeconds=5), ""),
        (get("/", "http"), ""),
        ({"grpc": {"port": 1, "service": ""}}, ""),
        ({"exec": {"command": ["true"]}}, ""),
        ({"httpGet": {"port": 1, "httpHeaders": [{"name": "a", "value": "b"}]}}, ""),
        ({}, ""),
        ([], "no mapping"),
        (get("/", periodSeconds="10"), "periodSeconds"),
        (get("/", periodSeconds=True), "periodSeconds"),
        (get("/", failureThreshold=-1), "failureThreshold"),
        (get("/", failureThreshold=2**31), "failureThreshold"),
        (get("/", terminationGracePeriodSeconds=0), "terminationGracePeriodSeconds"),
        (get("/", period=10), "no field period"),
        (get("/", 0), "httpGet.port"),
        (get("/", 70000), "httpGet.port"),
        (get("/", ""), "httpGet.port"),
        ({"httpGet": "/"}, "httpGet"),
        ({"httpGet": {"path": 1, "port": 1}}, "httpGet.path"),
        ({"httpGet": {"port": 1, "httpHeaders": {"a": "b"}}}, "httpHeaders"),
        ({"grpc": {"port": "grpc"}}, "grpc.port"),
        ({"exec": {"command": "curl -f"}}, "exec.command"),
    ],
)
def test_what_the_api_server_refuses_is_said(probe: Any, said: str) -> None:
    found = complaint(probe)
    assert said in found
    assert bool(found) is bool(said)


def test_a_probe_that_can_not_be_read_is_not_said_to_be_absent() -> None:
    bad = {**TRITON, "readinessProbe": get("/v2/health/ready", periodSeconds="5")}
    told = {one.id: one for one in judge(deployment(bad), None).findings}
    assert told["InvalidProbe"].severity == "error"
    assert "readiness" in told["InvalidProbe"].message
    assert not {"NoProbes", "NoReadinessProbe"} & told.keys()


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 70_000)
    | st.sampled_from(["", "/health", "x", "5"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["path", "port", "host", "command", "name"]), inner)
    ),
    max_leaves=5,
)
_PROBES = st.dictionaries(
    st.sampled_from(
        [
            *("httpGet", "tcpSocket", "exec", "grpc", "periodSeconds", "timeoutSeconds"),
            *("failureThreshold", "successThreshold", "initialDelaySeconds", "odd"),
        ]
    ),
    _VALUES,
    max_size=5,
)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["startupProbe", "livenessProbe", "readinessProbe"]), _PROBES)
)
def test_no_probe_is_too_strange_to_judge(probes: dict[str, Any]) -> None:
    judged = judge(deployment({**VLLM, **probes}), None)
    assert all(one.id and one.message and one.remedy for one in judged.findings)


@pytest.mark.parametrize(
    ("change", "sound"),
    [
        ({}, True),
        ({"replicas": 0}, True),
        ({"replicas": "2"}, False),
        ({"selector": {"matchLabels": {"a": None}}}, False),
        ({"selector": []}, True),  # as good as none
        ({"template": {"spec": {"containers": {}}}}, False),
        ({"template": {"metadata": {"labels": {"a": 1}}, **POD}}, False),
        ({"template": {"spec": {**POD["spec"], "readinessGates": 7}}}, False),
        ({"template": {"spec": {"containers": [{"name": "a", "livenessProbe": 7}]}}}, False),
    ],
)
def test_only_objects_of_sound_types_are_planned(change: dict[str, Any], sound: bool) -> None:
    raw = {"kind": "Deployment", "metadata": {"name": "a"}, "spec": {"template": POD, **change}}
    assert bool(unsound(raw)) is not sound


def test_a_word_that_is_no_text_is_refused_but_can_be_read() -> None:
    probe = {"exec": {"command": ["sleep", 5]}}
    assert "quotes" in complaint(probe)
    assert unreadable(probe) == ""
