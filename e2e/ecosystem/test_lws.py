"""LeaderWorkerSet, the real one: groups read as one serving unit, probes without a rollout."""

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from e2e.ecosystem import lws, ours, owned
from e2e.ecosystem.grounds import ground
from e2e.ecosystem.owned import WITHIN
from e2e.ecosystem.page import printed
from e2e.ecosystem.play import Play
from e2e.ecosystem.seen import PROBES
from e2e.story.stage import KubectlError, Stage
from inferencehealth.groups import LEADER, WORKER_INDEX

pytestmark = pytest.mark.scale

NAME, POLICY, REPORT = "llama", "groups", "leaderworkerset-llama"
SETS = "leaderworkersets.leaderworkerset.x-k8s.io"
NOWHERE = "inferencehealth.dev/e2e-nowhere"
"""A label that no node has."""
CHECKS = {"interval": "2s", "timeout": "1s", "failureThreshold": 2}
Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Groups:
    """A namespace with a LeaderWorkerSet of the page, whose server answers at `port`."""

    stage: Stage
    port: int

    def policy(self, mode: str) -> None:
        """The page's policy in that mode, in a hurry."""
        made = copy.deepcopy(printed("InferenceHealthPolicy", POLICY))
        made["spec"] |= {"checks": CHECKS, "server": {"port": self.port}}
        made["spec"]["probes"]["mode"] = mode
        self.stage.apply([made])

    def given(self, **template: Any) -> Raw:
        """The page's LeaderWorkerSet; `template` changes its leaderWorkerTemplate."""
        made = copy.deepcopy(printed("LeaderWorkerSet", NAME))
        groups = made["spec"]["leaderWorkerTemplate"]
        (leader,) = groups["leaderTemplate"]["spec"]["containers"]
        leader["args"].append(f"--http-port={self.port}")
        leader["ports"] = [{"name": "http", "containerPort": self.port}]
        groups |= template
        return made

    def create(self, **template: Any) -> None:
        """Apply it."""
        self.stage.apply([self.given(**template)])

    def set(self) -> Raw:
        """The LeaderWorkerSet as it is."""
        found: Raw = self.stage.look(SETS, NAME)
        return found

    def health(self) -> Raw:
        """What the checkers say in its report; empty as long as they say nothing."""
        found: Raw = self.stage.look("ihr", REPORT).get("status", {}).get("health", {})
        return found

    def verdict(self, verdict: str, reason: str = "") -> Raw:
        """Its health, once that has this verdict."""
        return self.stage.eventually(
            f"{NAME} is {verdict} {reason}",
            self.health,
            lambda h: h.get("verdict") == verdict and reason in {"", h["reason"]},
            within=WITHIN,
        )

    def pods(self) -> list[Raw]:
        """Its pods that are not on their way out."""
        listed = self.stage.items("pods")
        return [dict(pod) for pod in listed if "deletionTimestamp" not in pod["metadata"]]

    def running(self, count: int, image: str = "") -> list[Raw]:
        """Its pods, once so many are ready, all leaders with that image."""
        return self.stage.eventually(
            f"{count} pods of {NAME} {image}",
            self.pods,
            lambda pods: (
                len(pods) == count
                and all(is_ready(pod) for pod in pods)
                and all(image in image_of(pod) for pod in pods if is_leader(pod))
            ),
            within=WITHIN,
            show=lambda pods: str([pod["metadata"]["name"] for pod in pods if is_ready(pod)]),
        )


def is_leader(pod: Raw) -> bool:
    """Whether the pod leads its group."""
    return bool(pod["metadata"]["labels"][WORKER_INDEX] == LEADER)


def is_ready(pod: Raw) -> bool:
    """What the kubelet, or who plays it, says."""
    conditions = pod.get("status", {}).get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def image_of(pod: Raw) -> str:
    """The image of its one container."""
    return str(pod["spec"]["containers"][0]["image"])


def probed(pods: list[Raw]) -> set[str]:
    """Names of the pods whose container has all probes; no pod may have but some."""
    found = {p["metadata"]["name"]: set(PROBES) & set(p["spec"]["containers"][0]) for p in pods}
    assert all(each in (set(), set(PROBES)) for each in found.values()), found
    return {name for name, each in found.items() if each}


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    """A cluster, and the operator on it."""
    with ground("lws") as made:
        ours.install(made.cluster)
        with ours.running_operator(made.cluster, hurried=False):
            yield made


@pytest.fixture(scope="module")
def early(play: Play) -> Groups:
    """A namespace from before the cluster has the kind."""
    return began(play, "lws-early")


@pytest.fixture(scope="module")
def installed(play: Play, early: Groups) -> Iterator[Play]:
    """The same with LeaderWorkerSet installed, after we were."""
    early.policy("Recommend")
    stage = early.stage
    stage.eventually("a status", lambda: stage.look("ihp", POLICY), told, within=WITHIN)
    lws.install(play.cluster)
    with lws.running_lws(play.cluster):
        yield play


def began(play: Play, namespace: str) -> Groups:
    """A new namespace."""
    stage = Stage(play.cluster, namespace)
    stage.act("create", "namespace", namespace)
    return Groups(stage, play.port)


def told(policy: Raw) -> bool:
    """Whether the status is about the policy as it is."""
    seen = policy.get("status", {}).get("observedGeneration")
    return bool(seen == policy["metadata"]["generation"])


def quiet(play: Play, groups: Groups) -> None:
    """There is a period in which its pods stay, nothing changes the set, and we write nothing."""
    before = groups.set()["metadata"]["generation"]
    for _ in range(owned.PERIODS):  # the workers of a group that was made anew follow their leader
        pods = {pod["metadata"]["uid"] for pod in groups.pods()}
        owned.rest(play, groups.stage.namespace)
        if pods == {pod["metadata"]["uid"] for pod in groups.pods()}:
            break
    else:
        pytest.fail(f"pods of {groups.stage.namespace} come and go")
    assert groups.set()["metadata"]["generation"] == before


def test_a_set_that_comes_with_its_kind_long_after_us_is_followed_and_left_as_it_is(
    installed: Play, early: Groups
) -> None:
    early.create()
    pods = early.running(4)
    said = early.verdict("Ready")
    assert (said["podsServing"], said["counts"]["total"]) == ("2/2", 2), "groups are counted"
    assert sorted(pod["name"] for pod in said["pods"]) == ["llama-0", "llama-1"]
    assert probed(pods) == set()
    quiet(installed, early)
    assert early.set()["metadata"]["generation"] == 1
    seen = early.stage.look("ihp", POLICY)["status"]
    ready = next(c for c in seen["conditions"] if c["type"] == "Ready")
    assert ready["status"] == "True", ready


def test_the_findings_yaml_for_leaders_arrives_in_their_pods_alone(
    installed: Play, early: Groups
) -> None:
    early.verdict("Ready")
    findings = early.stage.look("ihr", REPORT)["status"]["findings"]
    (remedy,) = [each["remedy"] for each in findings if each["id"] == "LeadersTakeProbes"]
    early.stage.apply([owned.pasted(early.given(), yaml.safe_load(remedy.split(":\n", 1)[1]))])
    early.stage.eventually(
        "leaders have probes", lambda: probed(early.pods()), lambda p: len(p) == 2, within=WITHIN
    )
    pods = early.running(4)
    assert probed(pods) == {"llama-0", "llama-1"}
    early.verdict("Ready")
    assert early.set()["metadata"]["generation"] == 2, "that of the author's apply alone"
    quiet(installed, early)


def test_mode_apply_is_refused_for_this_kind_with_the_way_out(early: Groups) -> None:
    with pytest.raises(KubectlError, match="give them a policy of their own in mode Initial"):
        early.policy("Apply")


def test_in_mode_initial_a_leader_gets_probes_when_it_is_made_and_nothing_else_changes(
    installed: Play,
) -> None:
    groups = began(installed, "lws-initial")
    groups.policy("Initial")
    groups.create()
    groups.running(4)
    groups.verdict("Ready")
    stage, made = groups.stage, "mutatingadmissionpolicies"
    name = f"ihp-{stage.namespace}-{POLICY}-leaderworkerset-0"
    stage.eventually("what admission does", lambda: stage.look(made, name), bool, within=WITHIN)
    before = {pod["metadata"]["uid"] for pod in groups.pods()}
    stage.eventually("a leader with probes", lambda: remade(groups), bool, within=WITHIN)
    pods = groups.running(4)
    assert probed(pods) == {"llama-1"}
    kept = before & {pod["metadata"]["uid"] for pod in pods}
    assert len(kept) == 2, "the other group was let be"
    assert groups.set()["metadata"]["generation"] == 1
    # A release: the leader's image changes, and every group is made anew by its own controller.
    image = "nvcr.io/nvidia/tritonserver:24.11-py3"
    at = "/spec/leaderWorkerTemplate/leaderTemplate/spec/containers/0/image"
    operation = [{"op": "replace", "path": at, "value": image}]
    stage.act("patch", SETS, NAME, "--type=json", "--patch", json.dumps(operation))
    pods = groups.running(4, image)
    assert probed(pods) == {"llama-0", "llama-1"}
    groups.verdict("Ready")
    assert groups.set()["metadata"]["generation"] == 2
    leaders = stage.look("statefulset", NAME)["spec"]["template"]["spec"]["containers"][0]
    assert not set(PROBES) & set(leaders), "what the set is made of has none: nothing to revert"
    standing = stage.look(made, name)["metadata"]["resourceVersion"]
    quiet(installed, groups)
    assert stage.look(made, name)["metadata"]["resourceVersion"] == standing


def remade(groups: Groups) -> bool:
    """Whether the leader of the second group has probes; it is made anew where it has none.

    The API server's own caches learn of a new admission policy a moment later.
    """
    found = [pod for pod in groups.pods() if pod["metadata"]["name"] == "llama-1"]
    if not found or not is_ready(found[0]):
        return False
    if probed(found):
        return True
    groups.stage.act("delete", "pod", "llama-1", "--wait=false")
    return False


def test_a_group_whose_worker_does_not_run_is_named_and_comes_back(installed: Play) -> None:
    groups = began(installed, "lws-worker")
    groups.policy("Recommend")
    template = printed("LeaderWorkerSet", NAME)["spec"]["leaderWorkerTemplate"]["workerTemplate"]
    placed = {**template["spec"], "nodeSelector": {NOWHERE: "here"}}
    groups.create(workerTemplate={"spec": placed}, restartPolicy="None")
    said = groups.verdict("Loading", "WorkerNotRunning")
    assert re.search(r"worker llama-[01]-1: not scheduled", said["message"])
    nodes = [node["metadata"]["name"] for node in groups.stage.items("nodes")]
    groups.stage.act("label", "node", nodes[0], f"{NOWHERE}=here")
    groups.running(4)
    groups.verdict("Ready")
    crash(groups, "llama-1-1")
    said = groups.verdict("Broken", "WorkerBroken")
    assert "worker llama-1-1: the container keeps crashing" in said["message"]
    assert said["podsServing"] == "1/2"
    groups.stage.act("delete", "pod", "llama-1-1")
    groups.verdict("Ready")


def crash(groups: Groups, name: str) -> None:
    """Let a pod's status say what a kubelet says of a container that keeps crashing."""
    (known,) = groups.stage.look("pod", name)["status"]["containerStatuses"]
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting"}
    status = {**known, "ready": False, "restartCount": 7, "state": {"waiting": waiting}}
    patch = json.dumps({"status": {"containerStatuses": [status]}})
    groups.stage.act("patch", "pod", name, "--subresource=status", "--type=merge", "--patch", patch)
