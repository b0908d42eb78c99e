"""Canaries of a policy that cannot be sent, refused by field, and what becomes of the others."""

from typing import Any

import pytest

from inferencehealth.plan.planning import plan

from .given import TRITON, a_policy, deployment

CANARY = {"mode": "Custom", "path": "/v2/models/m/infer"}
SERVER = {"image": TRITON, "ports": [{"name": "infer", "containerPort": 9000}]}


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"port": "inferr"}, "PortNotFound", "port"),
        ({"expect": {"jsonSchema": {"type": "objekt"}}}, "InvalidSchema", "expect.jsonSchema"),
        ({"body": {"text": "x" * 70_000}}, "InvalidCanary", "body"),
        ({"body": {"temperature": float("nan")}}, "InvalidCanary", "body"),
        ({"body": {"when": object()}}, "InvalidCanary", "body"),
        (
            {"bodyText": "{'prompt': 'a'}", "contentType": "application/json"},
            "InvalidCanary",
            "bodyText",
        ),
    ],
)
def test_a_canary_that_can_not_be_sent_is_refused_by_field(
    changes: dict[str, Any], reason: str, field: str
) -> None:
    planned = plan(a_policy(checks={"canary": CANARY | changes}), deployment(SERVER))
    assert [(p.reason, p.field) for p in planned.problems] == [
        (reason, f"spec.checks.canary.{field}")
    ]
    assert planned.check is None


def test_a_canary_reaches_the_checkers_with_the_number_of_its_port() -> None:
    asked = CANARY | {"port": "infer", "body": {"inputs": []}}
    planned = plan(a_policy(checks={"canary": asked}), deployment(SERVER))
    assert planned.check is not None
    assert planned.check.canary is not None
    assert (planned.check.canary.port, planned.check.canary.body) == (9000, {"inputs": []})


def test_a_canary_that_is_off_is_neither_judged_nor_sent() -> None:
    planned = plan(a_policy(checks={"canary": {"mode": "Off"}}), deployment(SERVER))
    assert planned.problems == ()
    assert planned.check is not None
    assert planned.check.canary is None


def test_a_body_that_is_no_json_though_it_says_so_is_refused_by_name() -> None:
    asked = CANARY | {"bodyText": "{prompt: a}", "contentType": "application/json"}
    (problem,) = plan(a_policy(checks={"canary": asked}), deployment(SERVER)).problems
    assert problem.message == (
        "spec.checks.canary.bodyText of policy policy can't be sent: it is no JSON, although "
        "contentType says application/json."
    )


def test_a_body_elsewhere_is_for_the_checker_to_read() -> None:
    asked = CANARY | {
        "bodyFrom": {"configMapKeyRef": {"name": "clips", "key": "hello.wav"}},
        "contentType": "application/json",
    }
    planned = plan(a_policy(checks={"canary": asked}), deployment(SERVER))
    assert planned.problems == ()
    assert planned.check is not None
    assert planned.check.canary is not None
    assert planned.check.canary.body_from is not None
