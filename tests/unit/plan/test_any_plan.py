"""What holds for every plan, whatever policy and workload."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from inferencehealth.plan import JsonPatch, SsaApply, apply_operations, plan, probes_report
from inferencehealth.workloads import OWNED_KINDS
from tests.unit.plan.given import ASR, TRITON, a_policy, deployment, owned

handlers = st.sampled_from(
    [
        {"httpGet": {"path": "/v2/health/ready", "port": "http"}},
        {"httpGet": {"port": 8000}},
        {"tcpSocket": {"port": 8000}},
        {"exec": {"command": ["true"]}},
        {"grpc": {"port": 8001}},
        {},
    ]
)
numbers = st.fixed_dictionaries(
    {},
    optional={
        "initialDelaySeconds": st.integers(0, 900),
        "periodSeconds": st.integers(1, 60),
        "timeoutSeconds": st.integers(1, 60),
        "failureThreshold": st.integers(1, 100),
    },
)
an_authors_probe = st.builds(lambda handler, given: {**handler, **given}, handlers, numbers)
words = st.lists(
    st.sampled_from(
        [
            "tritonserver",
            "--http-port=8080",
            "--http-port",
            "--model_name=iris",
            "--allow-http=0",
            "sh",
            "-c",
            "exec tritonserver --http-port ${P:-9}",
            "--http_port=$(P)",
            "'",
            "sleep",
        ]
    )
    | st.text(max_size=20),
    max_size=5,
)
containers = st.fixed_dictionaries(
    {"image": st.sampled_from([TRITON, ASR, "kserve/sklearnserver:1", "own:1", ""])},
    optional={
        "command": words,
        "args": words,
        "ports": st.lists(
            st.fixed_dictionaries(
                {"containerPort": st.integers(1, 65535)},
                optional={"name": st.sampled_from(["http", "grpc"])},
            ),
            max_size=3,
        ),
        "env": st.just([{"name": "P", "value": "7000"}, {"name": "S", "valueFrom": {}}]),
        **dict.fromkeys(OWNED_KINDS, an_authors_probe),
    },
)
durations = st.sampled_from(["3s", "10s", "45s", "90s", "10m", "1h"])
policies = st.fixed_dictionaries(
    {
        "probes": st.fixed_dictionaries(
            {
                "mode": st.sampled_from(["Off", "Recommend", "Apply"]),
                "existing": st.sampled_from(["Keep", "Replace"]),
            },
            optional={
                "budgets": st.fixed_dictionaries(
                    {},
                    optional={
                        "maxStartup": durations,
                        "stopTrafficAfter": durations,
                        "restartAfter": durations,
                    },
                ),
                "liveness": st.fixed_dictionaries(
                    {"strategy": st.sampled_from(["Profile", "Process"])},
                    optional={"failureThreshold": st.integers(1, 9)},
                ),
                "readiness": st.fixed_dictionaries(
                    {}, optional={"timeoutSeconds": st.integers(1, 60)}
                ),
                "startup": st.fixed_dictionaries(
                    {}, optional={"failureThreshold": st.integers(1, 99)}
                ),
            },
        ),
        "server": st.sampled_from(
            [
                {},
                {"profile": "triton"},
                {"profile": "asr", "port": "http"},
                {"models": {"required": [{"name": "a/b"}, {"name": "c", "version": "1"}]}},
                {"profile": "custom", "port": 1, "endpoints": {"ready": {"path": "/r"}}},
            ]
        ),
    }
)
ownerships = st.lists(
    st.builds(
        lambda kind, manager, operation: owned(kind, manager=manager, operation=operation),
        st.sampled_from(OWNED_KINDS),
        st.sampled_from(["inferencehealth", "author"]),
        st.sampled_from(["Apply", "Update"]),
    ),
    max_size=3,
)


def written_fields(write: SsaApply | JsonPatch | None) -> set[str]:
    """Fields of the container that the write touches."""
    if isinstance(write, JsonPatch):
        changes = [op["path"] for op in write.operations if op["op"] != "test"]
        prefix = "/spec/template/spec/containers/0/"
        assert all(path.startswith(prefix) for path in changes)
        return {path.removeprefix(prefix) for path in changes}
    if isinstance(write, SsaApply):
        assert write.body.keys() == {"apiVersion", "kind", "metadata", "spec"}
        assert write.body["metadata"].keys() == {"name", "namespace", "uid"}
        assert write.body["spec"].keys() == {"template"}
        assert write.body["spec"]["template"].keys() == {"spec"}
        [container] = write.body["spec"]["template"]["spec"]["containers"]
        return set(container) - {"name"}
    return set()


@settings(max_examples=300, deadline=None)
@given(policies, containers, ownerships, st.booleans())
def test_every_plan(
    spec: dict[str, Any], container: dict[str, Any], managed: list[Any], product: bool
) -> None:
    policy = a_policy(**spec)
    owner = [{"kind": "RayService", "name": "r", "controller": True}] if product else []
    target = deployment(container, managed=managed, ownerReferences=owner)
    planned = plan(policy, target)
    report = probes_report(planned)
    write = apply_operations(planned, target)

    assert planned.probes or planned.problems
    assert all(problem.message and problem.reason for problem in planned.problems)
    assert all(finding.message for finding in planned.findings)
    assert report.model_validate(report.manifest()) == report
    if spec["probes"]["mode"] != "Apply" or product or planned.problems:
        assert write is None
    fields = written_fields(write)
    assert fields <= set(OWNED_KINDS)
    for probe in planned.probes:
        theirs = probe.existing and not probe.ours
        if theirs and spec["probes"]["existing"] == "Keep":
            assert probe.kind not in fields
        if probe.wanted:
            assert len(set(probe.wanted) & {"httpGet", "tcpSocket", "exec", "grpc"}) == 1
