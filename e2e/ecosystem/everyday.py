"""An injected Deployment, and what people do to it every day: kubectl, an HPA, a PDB, Helm."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from e2e.ecosystem.manifests import APP, IMAGE, POLICY, REPLICAS, deployment, policy
from e2e.ecosystem.owned import WITHIN, Raw
from e2e.ecosystem.play import Play
from e2e.ecosystem.seen import PROBES, REVISION
from e2e.story.stage import Stage

ROLLOUTS = {"Initial": 1, "Apply": 2}
"""Of a workload until it has our probes: that of its creation, and that of our change."""


@dataclass(frozen=True, slots=True)
class Model:
    """The Deployment of a namespace, whose server answers at a port of the play."""

    play: Play
    stage: Stage

    def raw(self) -> Raw:
        """The Deployment as it is."""
        found: Raw = self.stage.look("deployment", APP)
        return found

    def create(self) -> None:
        """Apply it with kubectl."""
        self.stage.apply([deployment(self.play.port)])

    def govern(self, mode: str) -> None:
        """Give it the policy, and wait until that says that it is in effect for newcomers."""
        self.stage.apply([policy(mode, self.play.port)])
        answered = is_settled if mode == "Initial" else is_answered
        self.stage.eventually("an answer to the policy", self._policy, answered, within=WITHIN)

    def injected(self, rollouts: int, image: str = IMAGE) -> None:
        """Wait until it has all our probes and so many rollouts, and is done with the last."""
        self.stage.eventually(
            f"{rollouts} rollouts, probes and {image}",
            self.raw,
            lambda raw: (
                rolled(raw) == rollouts
                and probes(raw) == set(PROBES)
                and container(raw)["image"] == image
                and is_done(raw)
            ),
            within=WITHIN,
            show=in_words,
        )

    def act(self, *words: str) -> str:
        """Run kubectl in its namespace."""
        return self.stage.act(*words)

    def told(self) -> str:
        """What the policy says of a conflict about probes."""
        listed = self._policy().get("status", {}).get("conditions", ())
        return next((str(c["message"]) for c in listed if c["type"] == "ProbesConflicted"), "")

    def _policy(self) -> Raw:
        found: Raw = self.stage.look("ihp", POLICY)
        return found


def container(raw: Raw) -> Raw:
    """The server's container."""
    found: Raw = raw["spec"]["template"]["spec"]["containers"][0]
    return found


def probes(raw: Raw) -> set[str]:
    """Which probes the server has."""
    return set(PROBES) & set(container(raw))


def rolled(raw: Raw) -> int:
    """How many pod templates it has had."""
    return int(raw["metadata"].get("annotations", {}).get(REVISION, 0))


def is_done(raw: Raw) -> bool:
    """Whether all pods that it wants are of its newest template and available."""
    status, wanted = raw.get("status", {}), raw["spec"]["replicas"]
    newest = status.get("observedGeneration") == raw["metadata"]["generation"]
    counts = [status.get(key) for key in ("replicas", "updatedReplicas", "availableReplicas")]
    return newest and counts == [wanted] * 3


def is_answered(raw: Raw) -> bool:
    """Whether a policy's status is about its newest spec."""
    seen = raw.get("status", {}).get("observedGeneration")
    return bool(seen == raw["metadata"]["generation"])


def is_settled(raw: Raw) -> bool:
    """Whether nothing is under way either."""
    conditions = raw.get("status", {}).get("conditions", ())
    told = {each["type"]: each["status"] for each in conditions}
    return is_answered(raw) and told["Reconciling"] == "False"


def in_words(raw: Raw) -> str:
    """Where a Deployment stands."""
    return f"{rolled(raw)} rollouts, {container(raw)['image']}, {sorted(probes(raw))}"


def begin(play: Play, mode: str, deed: str, create: Callable[[Model], None]) -> Model:
    """A namespace with an injected Deployment that `create` makes; in mode Initial after us."""
    stage = Stage(play.cluster, f"{deed}-{mode.lower()}")
    stage.act("create", "namespace", stage.namespace)
    model = Model(play, stage)
    if mode == "Initial":
        model.govern(mode)
    create(model)
    if mode == "Apply":
        stage.eventually("it has rolled out", model.raw, is_done, within=WITHIN, show=in_words)
        model.govern(mode)
    model.injected(ROLLOUTS[mode])
    return model


def chart(folder: Path, model: Model) -> Path:
    """A Helm chart of the Deployment, with its image and number of replicas as values."""
    made = deployment(model.play.port)
    (server,) = made["spec"]["template"]["spec"]["containers"]
    server["image"] = "IMAGE"
    made["spec"]["replicas"] = "REPLICAS"
    text = yaml.safe_dump(made)
    text = text.replace("IMAGE", "{{ .Values.image }}").replace(
        "replicas: REPLICAS", "replicas: {{ .Values.replicas }}"
    )
    (folder / "templates").mkdir(parents=True)
    (folder / "templates/deployment.yaml").write_text(text)
    about = {"apiVersion": "v2", "name": APP, "version": "0.1.0"}
    (folder / "Chart.yaml").write_text(yaml.safe_dump(about))
    values = {"image": IMAGE, "replicas": REPLICAS}
    (folder / "values.yaml").write_text(yaml.safe_dump(values))
    return folder


def helm(binary: Path, model: Model, *words: str) -> str:
    """Run Helm on the namespace; raises AssertionError with what it said."""
    done = subprocess.run(
        [str(binary), "--namespace", model.stage.namespace, *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KUBECONFIG": str(model.play.cluster.kubeconfig), **_homes(model)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _homes(model: Model) -> dict[str, str]:
    """Helm's own folders with the cluster's, and not the user's."""
    folder = model.play.cluster.state_dir / "helm"
    names = ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")
    return {name: str(folder / name.lower()) for name in names}


def scaled(model: Model, replicas: int) -> Any:
    """The Deployment, once it wants and has so many pods."""
    return model.stage.eventually(
        f"{replicas} replicas",
        model.raw,
        lambda raw: raw["spec"]["replicas"] == replicas and is_done(raw),
        within=WITHIN,
        show=lambda raw: str(raw.get("status")),
    )
