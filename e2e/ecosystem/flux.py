"""Flux beside a cluster: its kustomize controller, Kustomizations, and sources for them.

The source controller's work is done here: a commit becomes an archive on a loopback web server, and
the GitRepository's status points at it. Sources: kustomize-controller v1.7.3 (flags, CRDs) and
source-controller v1.8.5 (the CRDs and what an artifact is).
"""

import contextlib
import functools
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from e2e.cluster import builds
from e2e.cluster.definitions import define
from e2e.cluster.model import Cluster
from e2e.cluster.progress import to_stderr
from e2e.ecosystem.builds import FLUX, shipped
from e2e.ecosystem.parts import Part, folder_of, running
from e2e.ecosystem.repository import BRANCH, Repository
from e2e.servers.processes import LOOPBACK, free_ports
from e2e.story.stage import kubectl

NAMESPACE = "flux-system"
CHECKOUT = Path(__file__).resolve().parents[2]
EXAMPLES = CHECKOUT / "examples/gitops/flux"
INTERVAL = "10s"
"""Between two rounds; people take minutes."""
TIMEOUT = "60s"
"""After which what is InProgress has failed."""
SOURCE_KINDS = ("buckets", "externalartifacts", "gitrepositories", "ocirepositories")
"""Those that the controller watches."""


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Archives that a web server hands out."""

    folder: Path
    port: int

    def publish(self, cluster: Cluster, name: str, repository: Repository, commit: str) -> None:
        """Make the newest commit what the GitRepository of that name has fetched last."""
        file = f"{name}-{commit}.tar.gz"
        repository.archive(self.folder / file)
        digest = hashlib.sha256((self.folder / file).read_bytes()).hexdigest()
        revision = f"{BRANCH}@sha1:{commit}"
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        artifact = {
            "digest": f"sha256:{digest}",
            "lastUpdateTime": now,
            "path": file,
            "revision": revision,
            "url": f"http://{LOOPBACK}:{self.port}/{file}",
        }
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "Succeeded",
            "message": f"stored artifact for revision '{revision}'",
            "lastTransitionTime": now,
            "observedGeneration": 1,
        }
        status = {"status": {"artifact": artifact, "conditions": [ready], "observedGeneration": 1}}
        words = ("patch", "gitrepository", name, "--namespace", NAMESPACE, "--type=merge")
        kubectl(cluster, *words, "--subresource=status", "--patch", json.dumps(status))


def install(cluster: Cluster) -> None:
    """Give the cluster the CRDs that the controller watches, and its namespace."""
    progress = to_stderr()
    kubectl(cluster, "create", "namespace", NAMESPACE)
    controller, sources = (
        "github.com/fluxcd/kustomize-controller",
        "github.com/fluxcd/source-controller",
    )
    definitions = [
        *shipped("flux", controller, "config/crd/bases/*.yaml", progress),
        *(
            path
            for path in shipped("flux-source", sources, "config/crd/bases/*.yaml", progress)
            if path.stem.rpartition("_")[2] in SOURCE_KINDS
        ),
    ]
    define(cluster, *definitions)


@contextlib.contextmanager
def running_flux(cluster: Cluster) -> Iterator[Artifacts]:
    """The controller, well, and the web server of its sources, for the length of a `with` block."""
    binary = builds.ensure([FLUX], to_stderr())[FLUX.name]
    metrics, health = free_ports(2)
    controller = Part(
        "kustomize-controller",
        (
            *(str(binary), "--watch-all-namespaces", "--log-level=info"),
            *("--requeue-dependency", INTERVAL),
            *("--metrics-addr", f"{LOOPBACK}:{metrics}", "--health-addr", f"{LOOPBACK}:{health}"),
        ),
        f"http://{LOOPBACK}:{health}/readyz",
        {"RUNTIME_NAMESPACE": NAMESPACE},
    )
    folder = folder_of(cluster, "flux")
    with _handing_out(folder) as port, running(cluster, controller):
        yield Artifacts(folder, port)


def source(name: str) -> dict[str, Any]:
    """A GitRepository; nobody fetches it, its status is written by `publish`."""
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"interval": INTERVAL, "url": "https://git.example.com/team/models.git"},
    }


def kustomization(namespace: str, policy: str | None) -> dict[str, Any]:
    """The Kustomization `models` of our docs, for a source and a namespace of a test.

    `policy` is the one whose health it waits for, None where it is not in Git yet.
    """
    return _models("kustomizations.yaml", namespace, policy)


def kustomizations_initial(namespace: str, policy: str | None) -> list[dict[str, Any]]:
    """Those of our docs for mode Initial: one for policies, and then the one for models."""
    policies = _adapted("initial.yaml", "policies", namespace)
    policies["metadata"]["name"] = policies_of(namespace)
    models = _models("initial.yaml", namespace, policy)
    models["spec"]["dependsOn"] = [{"name": policies_of(namespace)}]
    return [policies, models]


def policies_of(namespace: str) -> str:
    """Name of the Kustomization for the policies of a namespace, where there is one."""
    return f"{namespace}-policies"


def _models(file: str, namespace: str, policy: str | None) -> dict[str, Any]:
    made = _adapted(file, "models", namespace)
    (check,) = made["spec"].pop("healthChecks")
    if policy is not None:
        made["spec"]["healthChecks"] = [{**check, "name": policy, "namespace": namespace}]
    return made


def _adapted(file: str, name: str, namespace: str) -> dict[str, Any]:
    """A Kustomization of our docs, with names and intervals of a test."""
    documents = yaml.safe_load_all((EXAMPLES / file).read_text())
    made: dict[str, Any] = next(each for each in documents if each["metadata"]["name"] == name)
    made["metadata"]["name"] = namespace
    spec = made["spec"]
    spec.pop("dependsOn")
    spec |= {
        "interval": INTERVAL,
        "retryInterval": INTERVAL,
        "timeout": TIMEOUT,
        "targetNamespace": namespace,
    }
    spec["sourceRef"]["name"] = namespace
    return made


def state(raw: Mapping[str, Any]) -> str:
    """What Flux shows of a Kustomization: its condition Ready, and why."""
    for each in raw.get("status", {}).get("conditions", []):
        if each["type"] == "Ready":
            return f"Ready={each['status']} {each['reason']}"
    return "Ready=Unknown"


class _Quiet(SimpleHTTPRequestHandler):
    """Files of a folder, without a line for each request."""

    def log_message(self, *_: object) -> None:
        """Nothing: the tests' output is theirs."""


@contextlib.contextmanager
def _handing_out(folder: Path) -> Iterator[int]:
    handler = functools.partial(_Quiet, directory=str(folder))
    server = ThreadingHTTPServer((LOOPBACK, 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
