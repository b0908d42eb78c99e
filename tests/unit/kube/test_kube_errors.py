import json
from typing import Any

import pytest

from inferencehealth.kube.errors import (
    ApiError,
    ApplyConflict,
    Conflict,
    Expired,
    FieldConflict,
    Forbidden,
    Invalid,
    NotFound,
    Unauthorized,
    error_of,
    error_of_status,
)

FIELD = '.spec.template.spec.containers[name="triton"].readinessProbe.httpGet.path'


def status(code: int, **more: Any) -> bytes:
    return json.dumps({"kind": "Status", "code": code, "message": "no", **more}).encode()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (410, Expired),
        (422, Invalid),
        (400, ApiError),
        (500, ApiError),
        (302, ApiError),
    ],
)
def test_the_code_gives_the_type(code: int, kind: type[ApiError]) -> None:
    error = error_of(code, status(code, reason="Word"))
    assert type(error) is kind
    assert (error.status, error.reason, str(error)) == (code, "Word", "no")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            'conflict with "argocd-controller" using apps/v1',
            FieldConflict("argocd-controller", "Update", FIELD),
        ),
        (
            'conflict with "kubectl-edit" using apps/v1 at 2026-01-02T03:04:05Z',
            FieldConflict("kubectl-edit", "Update", FIELD),
        ),
        (
            'conflict with "kustomize-controller"',
            FieldConflict("kustomize-controller", "Apply", FIELD),
        ),
        (
            'conflict with "kubectl" with subresource "scale" using apps/v1',
            FieldConflict("kubectl", "Update", FIELD),
        ),
        (r'conflict with "my \"own\" tool"', FieldConflict('my "own" tool', "Apply", FIELD)),
        (r'conflict with "bell\x07"', FieldConflict(r"bell\x07", "Apply", FIELD)),
        ("a new wording", FieldConflict("a new wording", "Update", FIELD)),
    ],
)
def test_a_field_conflict_names_manager_operation_and_field(
    message: str, expected: FieldConflict
) -> None:
    causes = [{"reason": "FieldManagerConflict", "message": message, "field": FIELD}]
    error = error_of(409, status(409, reason="Conflict", details={"causes": causes}))
    assert isinstance(error, ApplyConflict)
    assert error.conflicts == (expected,)


def test_a_conflict_of_versions_is_no_conflict_of_fields() -> None:
    error = error_of(409, status(409, reason="Conflict"))
    assert not isinstance(error, ApplyConflict)


def test_an_invalid_object_names_its_fields() -> None:
    causes = [{"reason": "FieldValueInvalid", "message": "too long", "field": "spec.port"}]
    error = error_of(422, status(422, reason="Invalid", details={"causes": causes}))
    assert [(cause.field, cause.message) for cause in error.causes] == [("spec.port", "too long")]


@pytest.mark.parametrize(
    ("header", "details", "expected"),
    [
        ("3", {}, 3.0),
        (None, {"retryAfterSeconds": 2}, 2.0),
        ("Fri, 01 Jan 2027 00:00:00 GMT", {}, None),
        ("-1", {}, None),
        ("inf", {}, None),
        ("nan", {}, None),
        (None, {}, None),
    ],
)
def test_the_wait_asked_for_is_read(
    header: str | None, details: dict[str, Any], expected: float | None
) -> None:
    assert error_of(429, status(429, details=details), header).retry_after == expected


@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad gateway</html>", b"[]", b"\xff", b'{"kind": "Pod"}', b"x" * 10_000]
)
def test_an_answer_that_is_no_status_is_still_an_error(body: bytes) -> None:
    error = error_of(502, body)
    assert error.status == 502
    assert 0 < len(str(error)) <= 1024


@pytest.mark.parametrize("raw", [{}, {"code": "x"}, {"details": []}, {"details": {"causes": [1]}}])
def test_a_broken_status_object_is_still_an_error(raw: dict[str, Any]) -> None:
    assert error_of_status(raw).status == 500
