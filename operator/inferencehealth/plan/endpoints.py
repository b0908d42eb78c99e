"""What of the endpoints in a policy can only be judged beside its workload, before any check.

The API server has refused what it can by then; these are the schemas it can't read, and the
ports that only the container knows.
"""

import json
from collections.abc import Iterator

from inferencehealth.api.endpoints import STATES, Endpoint, Endpoints
from inferencehealth.api.policy import Policy
from inferencehealth.problems import Problem
from inferencehealth.profiles.described import MAX_SENT, names_model
from inferencehealth.profiles.expectations import schema_problem
from inferencehealth.workloads import Container

WHERE = "spec.server.endpoints"


def endpoint_problems(policy: Policy, container: Container) -> tuple[Problem, ...]:
    """What keeps the policy's endpoints from being asked in that container."""
    ends = policy.spec.server.endpoints
    if ends is None:
        return ()
    named = ends.named()
    return (
        *(problem for name in named for problem in _of(policy, name, named[name], container)),
        *_nameless(policy, ends),
    )


def with_numbers(ends: Endpoints | None, container: Container) -> Endpoints | None:
    """The endpoints with the numbers of their ports, as a checker needs them."""
    if ends is None:
        return None
    numbered = {
        name: end.model_copy(update={"port": port_number(end.port, container)})
        for name, end in ends.named().items()
    }
    return ends.model_copy(update=numbered)


def _of(policy: Policy, name: str, end: Endpoint, container: Container) -> Iterator[Problem]:
    for state in ("expect", *STATES):
        shown = getattr(end, state)
        schema = shown.json_schema if shown else None
        if schema is not None and (wrong := schema_problem(schema)):
            place = f"{WHERE}.{name}.{state}.jsonSchema"
            yield Problem(
                "InvalidSchema",
                f"The JSON Schema in {place} of policy {policy.metadata.name} can't be used: "
                f"{wrong}.",
                place,
            )
    if len(json.dumps(end.body)) > MAX_SENT:
        yield Problem(
            "InvalidEndpoint",
            f"{WHERE}.{name}.body of policy {policy.metadata.name} is longer than "
            f"{MAX_SENT // 1024} KiB. Send a smaller one.",
            f"{WHERE}.{name}.body",
        )
    if end.port is not None and port_number(end.port, container) is None:
        declared = ", ".join(p.name or str(p.number) for p in container.ports) or "none"
        yield Problem(
            "PortNotFound",
            f'Container "{container.name}" has no port named "{end.port}"; it declares '
            f"{declared}. Correct {WHERE}.{name}.port or give a number.",
            f"{WHERE}.{name}.port",
        )


def _nameless(policy: Policy, ends: Endpoints) -> Iterator[Problem]:
    if ends.model and not names_model(ends.model):
        yield Problem(
            "InvalidEndpoint",
            f"{WHERE}.model of policy {policy.metadata.name} does not say where a model's name "
            "goes. Write {model} in its path, its body or expect.jsonSchema.",
            f"{WHERE}.model",
        )


def port_number(port: int | str | None, container: Container) -> int | None:
    """The number of a port given by number or by name; None where there is none of that name."""
    if isinstance(port, str) and not port.isdecimal():
        return next((p.number for p in container.ports if p.name == port), None)
    return None if port is None else int(port)
