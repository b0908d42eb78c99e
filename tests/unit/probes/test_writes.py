"""How probes are written: apply where nothing is in the way, guarded patch where something is."""

from typing import Any

from inferencehealth.probes.merge import Action, ProbePlan
from inferencehealth.probes.writes import JsonPatch, SsaApply, recommended_patch, write_of
from tests.unit.plan.given import deployment, owned

LIVE, READY, STARTUP = "livenessProbe", "readinessProbe", "startupProbe"
OURS = {"httpGet": {"path": "/live", "port": 8000}, "periodSeconds": 10}
THEIRS = {"tcpSocket": {"port": 8000}, "initialDelaySeconds": 300}


def planned(
    kind: str,
    action: Action,
    *,
    wanted: dict[str, Any] | None = OURS,
    existing: dict[str, Any] | None = None,
    ours: bool = False,
) -> ProbePlan:
    return ProbePlan(kind, wanted, action, existing, ours, "because")


def template(write: SsaApply) -> dict[str, Any]:
    spec: dict[str, Any] = write.body["spec"]["template"]["spec"]
    return spec


def test_nothing_to_do_is_no_write() -> None:
    target = deployment({LIVE: OURS, READY: THEIRS})
    probes = [
        planned(LIVE, Action.IN_PLACE, existing=OURS, ours=True),
        planned(READY, Action.KEEP, existing=THEIRS),
        planned(STARTUP, Action.RECOMMEND),
    ]
    assert write_of(target, target.containers[0], probes) is None


def test_new_probes_are_applied_with_those_of_ours_that_stay() -> None:
    target = deployment({LIVE: OURS, READY: OURS})
    probes = [
        planned(STARTUP, Action.INJECT),
        planned(LIVE, Action.IN_PLACE, existing=OURS, ours=True),
        planned(READY, Action.IN_PLACE, existing=OURS, ours=False),
    ]
    write = write_of(target, target.containers[0], probes)
    assert write == SsaApply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "triton", "namespace": "ml", "uid": "u-1"},
            "spec": {
                "template": {
                    "spec": {"containers": [{"name": "server", STARTUP: OURS, LIVE: OURS}]}
                }
            },
        }
    )


def test_an_applied_probe_of_ours_goes_by_not_being_applied_again() -> None:
    target = deployment({LIVE: OURS, STARTUP: OURS}, managed=[owned(LIVE, STARTUP)])
    probes = [
        planned(STARTUP, Action.REMOVE, wanted=None, existing=OURS, ours=True),
        planned(LIVE, Action.IN_PLACE, existing=OURS, ours=True),
    ]
    write = write_of(target, target.containers[0], probes)
    assert isinstance(write, SsaApply)
    assert template(write) == {"containers": [{"name": "server", LIVE: OURS}]}


def test_the_authors_probe_is_replaced_whole_and_only_on_the_object_that_was_seen() -> None:
    target = deployment({"name": "side"}, {"name": "main", LIVE: THEIRS})
    probes = [
        planned(STARTUP, Action.INJECT),
        planned(LIVE, Action.REPLACE, existing=THEIRS),
        planned(READY, Action.IN_PLACE, existing=OURS, ours=True),
    ]
    assert write_of(target, target.containers[1], probes) == JsonPatch(
        [
            {"op": "test", "path": "/metadata/uid", "value": "u-1"},
            {"op": "test", "path": "/metadata/generation", "value": 7},
            {"op": "test", "path": "/spec/template/spec/containers/1/name", "value": "main"},
            {"op": "add", "path": "/spec/template/spec/containers/1/startupProbe", "value": OURS},
            {
                "op": "replace",
                "path": "/spec/template/spec/containers/1/livenessProbe",
                "value": OURS,
            },
        ]
    )


def test_what_we_once_patched_is_patched_again_because_an_apply_would_conflict_with_us() -> None:
    managed = [owned(LIVE, operation="Update"), owned(STARTUP)]
    target = deployment({LIVE: THEIRS, STARTUP: OURS}, managed=managed)
    probes = [
        planned(STARTUP, Action.IN_PLACE, existing=OURS, ours=True),
        planned(LIVE, Action.INJECT, existing=THEIRS, ours=True),
    ]
    write = write_of(target, target.containers[0], probes)
    assert isinstance(write, JsonPatch)
    assert [op["op"] for op in write.operations] == ["test", "test", "test", "replace"]


def test_what_we_once_patched_is_removed_by_a_patch() -> None:
    managed = [owned(STARTUP, operation="Update")]
    target = deployment({STARTUP: OURS}, managed=managed)
    probes = [planned(STARTUP, Action.REMOVE, wanted=None, existing=OURS, ours=True)]
    write = write_of(target, target.containers[0], probes)
    assert isinstance(write, JsonPatch)
    assert write.operations[-1] == {
        "op": "remove",
        "path": "/spec/template/spec/containers/0/startupProbe",
    }


def test_a_native_sidecar_is_written_where_it_stands() -> None:
    init = [{"name": "setup"}, {"name": "side", "restartPolicy": "Always", LIVE: THEIRS}]
    target = deployment({}, init=init)
    side = target.containers[1]
    applied = write_of(target, side, [planned(STARTUP, Action.INJECT)])
    assert isinstance(applied, SsaApply)
    assert template(applied) == {"initContainers": [{"name": "side", STARTUP: OURS}]}
    patched = write_of(target, side, [planned(LIVE, Action.REPLACE, existing=THEIRS)])
    assert isinstance(patched, JsonPatch)
    assert patched.operations[-1]["path"] == "/spec/template/spec/initContainers/1/livenessProbe"


def test_the_recommended_patch_has_what_would_change_and_nothing_else() -> None:
    target = deployment({LIVE: THEIRS, READY: THEIRS})
    probes = [
        planned(STARTUP, Action.RECOMMEND),
        planned(LIVE, Action.REPLACE, existing=THEIRS),
        planned(READY, Action.KEEP, existing=THEIRS),
    ]
    patch = recommended_patch(target.containers[0], probes)
    assert patch is not None
    assert patch["spec"]["template"]["spec"]["containers"] == [
        {
            "name": "server",
            STARTUP: OURS,
            LIVE: {**OURS, "tcpSocket": None, "initialDelaySeconds": None},
        }
    ]


def test_no_change_is_no_patch() -> None:
    target = deployment({LIVE: OURS})
    probes = [planned(LIVE, Action.IN_PLACE, existing=OURS), planned(READY, Action.OFF)]
    assert recommended_patch(target.containers[0], probes) is None
