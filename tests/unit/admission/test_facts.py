"""What a plan was made of: whatever of the environment it did not look at makes no difference."""

from dataclasses import replace
from functools import partial

import pytest

from inferencehealth.admission.facts import EVERYTHING, facts, repository
from inferencehealth.plan import plan
from inferencehealth.workloads import Container, Workload, container
from tests.unit.admission.given import corpus, initial, probes_of
from tests.unit.plan.given import TRITON, deployment

LOOK = partial(plan, initial(), advised=False)


def server_of(target: Workload) -> Container | None:
    name = LOOK(target).detection.container
    return next((c for c in target.containers if c.name == name), None)


def with_env(target: Workload, server: Container, names: dict[str, str]) -> Workload:
    """The workload with these variables set in its server's container."""
    kept = [e for e in server.raw.get("env") or () if e["name"] not in names]
    raw = {**server.raw, "env": [*kept, *({"name": n, "value": v} for n, v in names.items())]}
    changed = container(raw, sidecar=server.sidecar)
    return replace(
        target, containers=tuple(changed if c is server else c for c in target.containers)
    )


def test_a_variable_that_was_not_looked_at_changes_no_plan() -> None:
    looked_through = 0
    for target in corpus():
        server = server_of(target)
        if server is None:
            continue
        seen = facts(target, server, LOOK)
        if EVERYTHING in seen.watched:
            looked_through += 1
            continue
        others = {"BUILD": "17", "PORT": "1", "MODEL_ID": "x", **dict.fromkeys(server.env, "y")}
        changed = with_env(
            target, server, {n: v for n, v in others.items() if n not in seen.watched}
        )
        assert probes_of(LOOK(changed)) == probes_of(LOOK(target)), target.ref
        assert LOOK(changed).detection.container == server.name
    assert looked_through < len(corpus()) / 10


def test_a_variable_that_moves_the_server_is_watched() -> None:
    raw = {"image": "vllm/vllm-openai", "args": ["--port", "$(WHERE)"]}
    target = deployment({**raw, "env": [{"name": "WHERE", "value": "9000"}]})
    server = server_of(target)
    assert server is not None
    seen = facts(target, server, LOOK)
    assert "WHERE" in seen.watched
    assert seen.env == ("WHERE=9000",)


def test_the_facts_are_those_of_the_container() -> None:
    raw = {
        "image": TRITON,
        "command": ["tritonserver"],
        "args": ["--model-repository=/models"],
        "ports": [{"containerPort": 8000, "name": "http"}, {"containerPort": 8001}],
    }
    target = deployment(raw)
    seen = facts(target, target.containers[0], LOOK)
    assert seen.image == "nvcr.io/nvidia/tritonserver"
    assert (seen.command, seen.args) == (("tritonserver",), ("--model-repository=/models",))
    assert seen.ports == ("8000/http", "8001/")


@pytest.mark.parametrize(
    ("image", "kept"),
    [
        ("nvcr.io/nvidia/tritonserver:24.10-py3", "nvcr.io/nvidia/tritonserver"),
        ("reg:5000/a/b", "reg:5000/a/b"),
        ("reg:5000/a/b:1@sha256:00", "reg:5000/a/b"),
        ("b@sha256:00", "b"),
        ("b", "b"),
        ("", ""),
    ],
)
def test_an_image_without_tag_and_digest_stays_from_release_to_release(
    image: str, kept: str
) -> None:
    assert repository(image) == kept
