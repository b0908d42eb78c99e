"""A LeaderWorkerSet in mode Initial: the pods that lead its groups get the probes."""

from functools import partial

from inferencehealth.admission.compiled import documents
from inferencehealth.admission.known import known
from inferencehealth.admission.shapes import unborn
from inferencehealth.groups import WORKER_INDEX
from inferencehealth.plan import plan
from inferencehealth.workloads import workload
from tests.unit.plan.given import TRITON, a_policy


def test_probes_join_the_leaders_as_pods_and_workers_get_none() -> None:
    asked = a_policy(
        target={"kinds": ["LeaderWorkerSet"], "selector": {"matchLabels": {"tier": "inference"}}},
        server={"profile": "triton"},
        probes={"mode": "Initial"},
    )
    server = {"name": "server", "image": TRITON}
    templates = {"size": 2, "workerTemplate": {"spec": {"containers": [server]}}}
    target = workload(
        {
            "kind": "LeaderWorkerSet",
            "metadata": {"name": "llama", "namespace": "ml", "uid": "u-1"},
            "spec": {"leaderWorkerTemplate": templates},
        }
    )
    joins = known(asked, target, partial(plan, asked, advised=False))
    assert joins is not None
    (document,) = documents(asked, [joins], unborn(asked))
    told = document.spec
    constraints = told["matchConstraints"]
    assert constraints["resourceRules"][0]["resources"] == ["pods"]
    assert constraints["resourceRules"][0]["operations"] == ["CREATE"]
    assert constraints["objectSelector"]["matchLabels"] == {WORKER_INDEX: "0"}
    assert constraints["objectSelector"]["matchExpressions"][0]["values"] == ["llama"]
    assert "template" not in str((told["variables"], told["mutations"]))
