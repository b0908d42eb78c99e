"""What a load balancer reads of a policy."""

import json
from typing import Any

import pytest

from inferencehealth.api.conditions import Condition, ConditionStatus
from inferencehealth.api.status import PolicyStatus
from inferencehealth.controller.pages import MAX_COMPONENTS, page
from inferencehealth.controller.states import Part, WorkloadState


def status(ready: str, reason: str = "Serving") -> PolicyStatus:
    said = Condition(
        type="Ready", status=ConditionStatus(ready), reason=reason, message="the server said: boo"
    )
    return PolicyStatus(conditions=(said,))


def workload(name: str = "asr", **changes: Any) -> WorkloadState:
    fields: dict[str, Any] = {
        "kind": "Deployment",
        "name": name,
        "verdict": "Ready",
        "reason": "",
        "serving": 2,
        "wanted": 2,
        "short": False,
    }
    return WorkloadState(**(fields | changes))


BROKEN = {"verdict": "Broken", "reason": "ModelNotReady", "serving": 1, "short": True}


@pytest.mark.parametrize(
    ("ready", "reason", "workloads", "code", "body"),
    [
        ("True", "Serving", (workload(),), 200, {"status": "healthy"}),
        (
            "False",
            "ModelNotReady",
            (workload("a"), workload("b", **BROKEN)),
            503,
            {
                "status": "unhealthy",
                "reason": "deployment/b serves on 1 of 2 pods (ModelNotReady)",
            },
        ),
        ("Unknown", "NoPods", (), 503, {"status": "unhealthy", "reason": "NoPods"}),
        (
            "Unknown",
            "CheckerGone",
            (workload(verdict="Unknown", reason="CheckerGone", serving=0, short=True),),
            503,
            {
                "status": "unhealthy",
                "reason": "deployment/asr serves on 0 of 2 pods (CheckerGone)",
            },
        ),
        (
            "False",
            "Broken",
            tuple(workload(f"w{i}", **BROKEN) for i in range(5)),
            503,
            {
                "status": "unhealthy",
                "reason": "; ".join(
                    [
                        *(
                            f"deployment/w{i} serves on 1 of 2 pods (ModelNotReady)"
                            for i in range(3)
                        ),
                        "2 more",
                    ]
                ),
            },
        ),
    ],
)
def test_a_page_is_healthy_only_while_the_policy_is_ready(
    ready: str, reason: str, workloads: tuple[WorkloadState, ...], code: int, body: dict[str, Any]
) -> None:
    made = page(status(ready, reason), workloads)
    assert (made.code, json.loads(made.brief)) == (code, body)


def test_a_policy_without_conditions_is_not_healthy() -> None:
    assert page(PolicyStatus(), ()).code == 503


def test_details_are_a_map_of_components_as_the_asr_server_gives_it() -> None:
    asr = workload(components=(Part("redis", 1, 2),), models=(Part("small:1", 2, 2),))
    made = page(status("False"), (asr, workload("other")))
    assert json.loads(made.detailed) == {
        "status": "unhealthy",
        "reason": "Serving",
        "components": {
            "deployment/asr": "healthy",
            "deployment/asr/redis": "unhealthy",
            "deployment/asr/small:1": "healthy",
            "deployment/other": "healthy",
        },
        "omitted": 0,
        "pods": {"serving": 4, "total": 4},
    }


def test_of_a_model_and_a_component_of_one_name_the_worse_counts() -> None:
    both = workload(models=(Part("x", 0, 2),), components=(Part("x", 2, 2),))
    assert json.loads(page(status("True"), (both,)).detailed)["components"] == {
        "deployment/asr": "healthy",
        "deployment/asr/x": "unhealthy",
    }


def test_a_page_is_bounded_and_keeps_what_is_in_trouble() -> None:
    many = [workload(f"w{i}") for i in range(MAX_COMPONENTS + 9)] + [workload("z", **BROKEN)]
    told = json.loads(page(status("False"), many).detailed)
    assert len(told["components"]) == MAX_COMPONENTS
    assert told["components"]["deployment/z"] == "unhealthy"
    assert told["omitted"] == 10


def test_what_a_server_said_is_on_no_page() -> None:
    made = page(status("False", "Broken"), (workload(**BROKEN),))
    assert b"boo" not in made.brief + made.detailed
