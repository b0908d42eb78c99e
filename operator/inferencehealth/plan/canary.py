"""What of a policy's canary can only be judged beside its workload, before any is sent.

Like `endpoints`: the API server has refused what it can by then.
"""

import json
from collections.abc import Iterator

from inferencehealth.api.canary import MAX_CANARY_BODY, CanaryMode
from inferencehealth.api.policy import Policy
from inferencehealth.plan.endpoints import port_number
from inferencehealth.problems import Problem
from inferencehealth.profiles.expectations import schema_problem
from inferencehealth.workloads import Container

WHERE = "spec.checks.canary"


def canary_problems(policy: Policy, container: Container) -> tuple[Problem, ...]:
    """What keeps the policy's canary from being sent to that container."""
    if policy.spec.checks.canary.mode is CanaryMode.OFF:
        return ()
    return tuple(_problems(policy, container))


def _problems(policy: Policy, container: Container) -> Iterator[Problem]:
    asked, name = policy.spec.checks.canary, policy.metadata.name
    schema = asked.expect.json_schema
    if schema is not None and (wrong := schema_problem(schema)):
        place = f"{WHERE}.expect.jsonSchema"
        message = f"The JSON Schema in {place} of policy {name} can't be used: {wrong}."
        yield Problem("InvalidSchema", message, place)
    if wrong := _body_problem(asked.body):
        message = f"{WHERE}.body of policy {name} can't be sent: {wrong}."
        yield Problem("InvalidCanary", message, f"{WHERE}.body")
    if asked.port is not None and port_number(asked.port, container) is None:
        declared = ", ".join(p.name or str(p.number) for p in container.ports) or "none"
        yield Problem(
            "PortNotFound",
            f'Container "{container.name}" has no port named "{asked.port}"; it declares '
            f"{declared}. Correct {WHERE}.port or give a number.",
            f"{WHERE}.port",
        )


def _body_problem(body: object) -> str:
    try:
        text = json.dumps(body, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return "it is no JSON; a number is infinite or none, or it is nested too deeply"
    if len(text.encode()) > MAX_CANARY_BODY:
        return f"it is longer than {MAX_CANARY_BODY // 1024} KiB; send a smaller request"
    return ""
