"""Manifests as text, by the tools that people use: kustomize (as kubectl has it) and Helm.

Both are built from pinned Go modules into the per-user cache (e2e/cluster/builds.py).
"""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from e2e.cluster import builds
from e2e.cluster.progress import to_stderr
from inferencehealth.api.names import SYSTEM_NAMESPACE
from releasing.project import NAME, ROOT

CHART = ROOT / "manifests" / "chart"


class RenderError(RuntimeError):
    """kustomize or Helm refused; the message is theirs."""


def kustomized(folder: Path) -> str:
    """What `kubectl apply -k FOLDER` would apply. Raises RenderError, ClusterError."""
    kubectl = next(each for each in builds.CONTROL_PLANE if each.name == "kubectl")
    program = builds.ensure((kubectl,), to_stderr())["kubectl"]
    return _run([str(program), "kustomize", str(folder)])


def charted(*values: str, namespace: str = SYSTEM_NAMESPACE, chart: Path = CHART) -> str:
    """What `helm install` would apply with these values (`key=value`). Raises like `kustomized`."""
    settings = [word for value in values for word in ("--set", value)]
    return helm("template", NAME, str(chart), "--namespace", namespace, *settings)


def helm(*words: str, env: dict[str, str] | None = None) -> str:
    """What Helm says to these words, with no settings of the user's. Raises like `kustomized`."""
    program = builds.ensure((builds.HELM,), to_stderr())["helm"]
    with tempfile.TemporaryDirectory() as home:
        own = {f"HELM_{name}_HOME": home for name in ("CACHE", "CONFIG", "DATA")}
        return _run([str(program), *words], env={**os.environ, **own, **(env or {})})


def _run(command: Sequence[str], *, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode != 0:
        raise RenderError(f"{Path(command[0]).name} {command[1]} failed:\n{done.stderr[-2000:]}")
    return done.stdout
