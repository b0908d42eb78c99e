"""KServe, the real one: what it makes is checked, reported and let be; advice goes to its owner."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from e2e.ecosystem import kserve, ours, owned
from e2e.ecosystem.grounds import ground
from e2e.ecosystem.owned import WITHIN, Owned, Raw
from e2e.ecosystem.page import printed
from e2e.ecosystem.play import Play
from e2e.ecosystem.seen import PROBES, unlike
from e2e.loopback.servers import marked
from e2e.servers.kserve import process
from e2e.servers.processes import RunningServer

pytestmark = pytest.mark.scale

PORT = 8080
CHECKS = {"interval": "5s", "timeout": "4s", "failureThreshold": 2}
MODES = ("Recommend", "Initial", "Apply")


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    """A cluster with KServe and the operator on it."""
    with ground("kserve") as made:
        kserve.install(made.cluster)
        ours.install(made.cluster)
        with (
            kserve.running_kserve(made.cluster),
            ours.running_operator(made.cluster, hurried=False),
        ):
            yield made


def service(name: str) -> Raw:
    """The page's InferenceService under another name."""
    made = copy.deepcopy(printed("InferenceService", "iris"))
    made["metadata"]["name"] = name
    return made


def policy(mode: str) -> Raw:
    """The page's policy in a mode, as eager as one can be, and in a hurry."""
    made = copy.deepcopy(printed("InferenceHealthPolicy", "kserve"))
    made["spec"] |= {"checks": CHECKS, "probes": {"mode": mode, "existing": "Replace"}}
    return made


def address(model: Owned, before: str = "") -> str:
    """Address of the one pod that the Deployment has, other than the one before."""
    found = model.stage.eventually(
        "one pod with an address",
        lambda: [p for p in model.stage.items("pods") if "deletionTimestamp" not in p["metadata"]],
        lambda pods: len(pods) == 1 and pods[0].get("status", {}).get("podIP", before) != before,
        within=WITHIN,
    )
    return str(found[0]["status"]["podIP"])


@contextmanager
def serving(
    model: Owned, at: str, name: str, env: Mapping[str, str] | None = None
) -> Iterator[RunningServer]:
    """KServe's own server with a model of that name, at the address of a pod."""
    folder = model.play.cluster.state_dir / "servers" / f"{model.stage.namespace}-{at}"
    folder.mkdir(parents=True)
    with marked(model.play.cluster):
        server = process.start(
            folder, model=name, port=PORT, env={"ADDRESS": at, **(env or {})}, wait=False
        )
    try:
        yield server
    finally:
        server.stop()


@pytest.mark.parametrize("mode", MODES)
def test_what_kserve_makes_is_checked_and_never_changed(play: Play, mode: str) -> None:
    model = owned.begin(play, f"kserve-{mode.lower()}", "iris-predictor")
    model.stage.apply([service("iris"), policy(mode)])
    with serving(model, address(model), "iris"):
        said = model.verdict("Ready")
        assert [(each["name"], each["ready"]) for each in said["models"]] == [("iris", 1)]
        assert model.finding("ReadinessOnlyProcess")["remedy"]
        assert set(model.probes()) == {"readinessProbe"}
        assert "tcpSocket" in model.probes()["readinessProbe"], "that of KServe itself"
        assert model.rollouts() == 1
        model.quiet()


def test_the_findings_yaml_arrives_in_the_pods_and_stays(play: Play) -> None:
    model = owned.begin(play, "kserve-advice", "iris-predictor")
    model.stage.apply([service("iris"), policy("Apply")])
    with ExitStack() as servers:
        first = address(model)
        servers.enter_context(serving(model, first, "iris"))
        model.verdict("Ready")
        wanted = advised(model)
        assert set(wanted) == set(PROBES)
        model.follow(service("iris"))
        model.stage.eventually(
            "the Deployment has the probes",
            model.probes,
            lambda probes: not unlike(probes, wanted),
            within=WITHIN,
        )
        servers.enter_context(serving(model, address(model, first), "iris"))
        model.stage.eventually(
            "nothing is left to advise",
            model.report,
            lambda report: report.get("probes", {}).get("state") == "Kept",
            within=WITHIN,
        )
        model.verdict("Ready")
        assert model.rollouts() == 2, "the one of following the advice"
        model.quiet()
        assert not unlike(model.probes(), wanted)
        ids = {finding["id"] for finding in model.report()["findings"]}
        assert "ReadinessOnlyProcess" not in ids


def advised(model: Owned) -> dict[str, Any]:
    """The probes in the printed YAML."""
    found: dict[str, Any] = model.printed()["spec"]["predictor"]["model"]
    return found


def test_a_predictor_with_containers_of_its_own_gets_yaml_for_those(play: Play) -> None:
    model = owned.begin(play, "kserve-custom", "iris-predictor")
    custom = service("iris")
    container = {
        "name": "kserve-container",
        "image": "kserve/sklearnserver:v0.15.2",
        "args": ["--model_name=iris", f"--http_port={PORT}"],
    }
    custom["spec"]["predictor"] = {"containers": [container]}
    model.stage.apply([custom, policy("Recommend")])
    model.follow(custom)
    model.stage.eventually(
        "the Deployment has the probes", model.probes, lambda p: len(p) == 3, within=WITHIN
    )
    assert model.raw()["spec"]["template"]["spec"]["containers"][0]["image"] == container["image"]
    model.stage.eventually(
        "the advice is followed",
        model.report,
        lambda report: report.get("probes", {}).get("state") == "Kept",
        within=WITHIN,
    )
    model.quiet()


def test_a_pod_whose_port_is_open_while_its_model_loads_is_not_called_ready(play: Play) -> None:
    model = owned.begin(play, "kserve-late", "late-predictor")
    model.stage.apply([service("late"), policy("Recommend")])
    env = {"LATE_SECONDS": "45"}
    with serving(model, address(model), "other", env) as server:
        said = model.stage.eventually(
            "the server answers, and its model does not serve",
            lambda: model.report().get("health", {}),
            lambda health: bool(health.get("models")) and health["models"][0]["ready"] == 0,
            within=WITHIN,
        )
        assert said["verdict"] in {"Loading", "Broken"}
        assert said["pods"][0]["kubeletReady"], "by a probe that only opens a connection"
        model.verdict("Ready")
        server.freeze()
        model.verdict("Broken")
        server.thaw()
        model.verdict("Ready")
