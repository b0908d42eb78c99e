import json
from typing import Any

import pytest
from ruamel.yaml import YAML

from inferencehealth.kube import requests
from inferencehealth.kube.errors import ApiError, KubeError, NotFound, Unreachable
from inferencehealth.kube.requests import DEPLOYMENTS, NAMESPACES, PODS, REPORTS, Request, Resource
from inferencehealth.kube.retries import Limits, backoff, next_delay

PATIENT = Limits(attempt=1, retry_for=60)


@pytest.mark.parametrize(
    ("resource", "where", "path"),
    [
        (PODS, {}, "/api/v1/pods"),
        (PODS, {"namespace": "ml"}, "/api/v1/namespaces/ml/pods"),
        (PODS, {"namespace": "ml", "name": "a"}, "/api/v1/namespaces/ml/pods/a"),
        (
            DEPLOYMENTS,
            {"namespace": "ml", "name": "a", "subresource": "status"},
            "/apis/apps/v1/namespaces/ml/deployments/a/status",
        ),
        (
            REPORTS,
            {"namespace": "ml"},
            "/apis/inferencehealth.dev/v1alpha1/namespaces/ml/inferencehealthreports",
        ),
        (NAMESPACES, {"name": "ml"}, "/api/v1/namespaces/ml"),
        (
            PODS,
            {"namespace": "ml", "name": "a/../b?x"},
            "/api/v1/namespaces/ml/pods/a%2F..%2Fb%3Fx",
        ),
    ],
)
def test_every_object_has_its_path(resource: Resource, where: dict[str, str], path: str) -> None:
    assert resource.path(**where) == path


@pytest.mark.parametrize(
    "where", [{"name": "a"}, {"namespace": "..", "name": "a"}, {"namespace": "ml", "name": "."}]
)
def test_a_path_that_would_mean_something_else_is_refused(where: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"pods|name"):
        PODS.path(**where)


def test_an_apply_says_who_what_and_never_by_force_unasked() -> None:
    spec = {"spec": {"replicas": 1}}
    request = requests.apply(DEPLOYMENTS, "a", spec, manager="me", namespace="ml")
    assert request.method == "PATCH"
    assert request.content_type == "application/apply-patch+yaml"
    assert request.query == (("fieldManager", "me"), ("force", "false"))
    assert request.body is not None
    assert json.loads(request.body) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a", "namespace": "ml"},
        **spec,
    }


def test_building_a_request_leaves_the_body_as_it_was() -> None:
    body: dict[str, Any] = {"metadata": {"labels": {"a": "b"}}}
    requests.apply(DEPLOYMENTS, "a", body, manager="me", namespace="ml")
    assert body == {"metadata": {"labels": {"a": "b"}}}


def test_a_number_that_json_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not JSON compliant|Out of range"):
        requests.merge_patch(PODS, "a", {"x": float("nan")}, manager="me", namespace="ml")


def test_a_guarded_deletion_names_what_it_means() -> None:
    request = requests.delete(PODS, "a", namespace="ml", uid="u", propagation="Foreground")
    assert request.body is not None
    assert json.loads(request.body) == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": "u"},
        "propagationPolicy": "Foreground",
    }


READ = Request("GET", "/")
CREATE = Request("POST", "/", repeatable=False)
REFUSED = Unreachable("refused", sent=False)
CUT = Unreachable("cut", sent=True)
ERROR_500 = ApiError(500, "InternalError", "no")
BUSY = ApiError(429, "TooManyRequests", "no")


@pytest.mark.parametrize(
    ("error", "request_", "again"),
    [
        (REFUSED, READ, True),
        (REFUSED, CREATE, True),
        (CUT, READ, True),
        (CUT, CREATE, False),
        (ERROR_500, READ, True),
        (ERROR_500, CREATE, False),
        (BUSY, READ, True),
        (BUSY, CREATE, True),
        (NotFound(404, "NotFound", "no"), READ, False),
        (KubeError("no"), READ, False),
    ],
)
def test_only_what_is_safe_is_sent_again(error: KubeError, request_: Request, again: bool) -> None:
    delay = next_delay(error, request_, PATIENT, attempt=0, elapsed=0, chance=0)
    assert (delay is not None) is again


@pytest.mark.parametrize(("asked", "waited"), [(3.0, 3.0), (0.01, 0.1), (3600.0, 30.0)])
def test_the_servers_wish_is_honoured_up_to_a_cap(asked: float, waited: float) -> None:
    error = ApiError(429, "TooManyRequests", "no", retry_after=asked)
    assert next_delay(error, READ, PATIENT, attempt=0, elapsed=0, chance=0) == waited


def test_nothing_is_sent_again_after_its_time() -> None:
    limits = Limits(attempt=1, retry_for=10)
    assert next_delay(CUT, READ, limits, attempt=0, elapsed=9.8, chance=0) is not None
    assert next_delay(CUT, READ, limits, attempt=0, elapsed=9.95, chance=0) is None


def test_waits_double_to_a_cap_and_spread_over_their_upper_half() -> None:
    assert [backoff(n, cap=1.0, chance=0) for n in range(5)] == [0.1, 0.2, 0.4, 0.5, 0.5]
    assert backoff(0, cap=1.0, chance=0.999) == pytest.approx(0.2, rel=0.01)
    assert backoff(10_000, cap=30.0, chance=0) == 15.0


@pytest.mark.parametrize("text", ["😀 ü", "a\u2028b", "\x7f\x85", "\ufeff", "\\ud83d", 'q"\n\t'])
def test_a_body_is_read_alike_as_json_and_as_yaml(text: str) -> None:
    request = requests.apply(requests.POLICIES, "p", {"x": text}, manager="m", namespace="ns")
    assert request.body is not None
    assert json.loads(request.body)["x"] == text
    assert YAML(typ="safe").load(request.body)["x"] == text
