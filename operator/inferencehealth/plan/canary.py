"""What of a policy's canary can only be judged beside its workload, before any is sent.

Like `endpoints`: the API server has refused what it can by then.
"""

from collections.abc import Iterator

from inferencehealth.api.canary import Canary, CanaryMode
from inferencehealth.api.policy import Policy
from inferencehealth.plan.endpoints import port_number
from inferencehealth.problems import Problem
from inferencehealth.profiles.bodies import unfit, written
from inferencehealth.profiles.expectations import schema_problem
from inferencehealth.workloads import Container

WHERE = "spec.checks.canary"


def canary_problems(policy: Policy, container: Container) -> tuple[Problem, ...]:
    """What keeps the policy's canary from being sent to that container."""
    if policy.spec.checks.canary.mode is not CanaryMode.CUSTOM:
        return ()
    return tuple(_problems(policy, container))


def _problems(policy: Policy, container: Container) -> Iterator[Problem]:
    asked, name = policy.spec.checks.canary, policy.metadata.name
    schema = asked.expect.json_schema
    if schema is not None and (wrong := schema_problem(schema)):
        place = f"{WHERE}.expect.jsonSchema"
        message = f"The JSON Schema in {place} of policy {name} can't be used: {wrong}."
        yield Problem("InvalidSchema", message, place)
    if wrong := _body_problem(asked):
        place = f"{WHERE}.{'body' if asked.body_text is None else 'bodyText'}"
        message = f"{place} of policy {name} can't be sent: {wrong}."
        yield Problem("InvalidCanary", message, place)
    if asked.port is not None and port_number(asked.port, container) is None:
        declared = ", ".join(p.name or str(p.number) for p in container.ports) or "none"
        yield Problem(
            "PortNotFound",
            f'Container "{container.name}" has no port named "{asked.port}"; it declares '
            f"{declared}. Correct {WHERE}.port or give a number.",
            f"{WHERE}.port",
        )


def _body_problem(asked: Canary) -> str:
    """Of a body in a ConfigMap nothing is known yet: the checker tells of it."""
    if asked.body_from is not None:
        return ""
    try:
        data = written(asked)
    except ValueError as error:
        return str(error)
    return unfit(asked, data) if data else ""
