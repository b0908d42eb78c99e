"""LeaderWorkerSet beside a cluster: its definition, its controller with its webhooks.

Source: sigs.k8s.io/lws v0.7.0, config/ (what an installation is made of) and cmd/main.go. The
webhook that labels pods by group is a part of how it works, so it runs here too.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import yaml

from e2e.cluster import builds
from e2e.cluster.definitions import define
from e2e.cluster.model import Cluster
from e2e.cluster.progress import to_stderr
from e2e.ecosystem.builds import LWS, shipped
from e2e.ecosystem.hooks import certificates, on_loopback
from e2e.ecosystem.parts import Part, folder_of, running
from e2e.servers.processes import LOOPBACK, free_ports
from e2e.story.stage import kubectl

MODULE = "sigs.k8s.io/lws"


def install(cluster: Cluster) -> None:
    """Give the cluster the kind LeaderWorkerSet."""
    define(cluster, *_shipped("config/crd/bases/*.yaml"))


@contextlib.contextmanager
def running_lws(cluster: Cluster) -> Iterator[None]:
    """The controller, well, for the length of a `with` block; its webhooks go with it."""
    binary = builds.ensure([LWS], to_stderr())[LWS.name]
    folder = folder_of(cluster, "lws")
    asks, serves = free_ports(2)
    served = certificates(folder / "certificates", serves)
    (folder / "config.yaml").write_text(yaml.safe_dump(_configuration(folder, serves)))
    part = Part(
        "lws-controller",
        (
            *(str(binary), "--config", str(folder / "config.yaml")),
            *("--health-probe-bind-address", f"{LOOPBACK}:{asks}"),
        ),
        f"http://{LOOPBACK}:{asks}/readyz",
        {},
    )
    with running(cluster, part):
        hooks = [
            on_loopback(each, served)
            for path in _shipped("config/webhook/manifests.yaml")
            for each in yaml.safe_load_all(path.read_text())
        ]
        text = yaml.safe_dump_all(hooks)
        kubectl(cluster, "apply", "--filename=-", stdin=text)
        try:
            yield
        finally:
            # They refuse every pod of the cluster once nobody answers them.
            kubectl(cluster, "delete", "--filename=-", stdin=text)


def _configuration(folder: Path, port: int) -> dict[str, object]:
    return {
        "apiVersion": "config.lws.x-k8s.io/v1alpha1",
        "kind": "Configuration",
        "leaderElection": {"leaderElect": False},
        "internalCertManagement": {"enable": False},
        "metrics": {"bindAddress": "0"},
        "webhook": {"host": LOOPBACK, "port": port, "certDir": str(folder / "certificates")},
    }


def _shipped(files: str) -> list[Path]:
    return shipped("lws", MODULE, files, to_stderr())
