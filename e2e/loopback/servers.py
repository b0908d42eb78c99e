"""Real servers as processes at the addresses of fake pods: a pod's server lives as long as the pod.

kwok calls a pod Running and gives it an address of 127.64.0.0/12, where nobody listens; `follow`
puts the server there that the pod's image names. Every process carries the cluster's mark, so
taking the cluster down ends it.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from e2e.cluster.model import Cluster
from e2e.cluster.processes import MARKER
from e2e.servers.asr import process as asr
from e2e.servers.prerequisites import missing
from e2e.servers.processes import LOOPBACK, RunningServer, ask
from e2e.servers.redis import process as redis
from e2e.servers.triton import process as triton
from e2e.servers.triton.repository import write_repository
from e2e.story import seen
from e2e.story.seen import Pod
from e2e.story.stage import Stage, StepError

TRITON_PORTS = (8000, 8001, 8002)  # those that the manifest declares
API_SERVER_PORT = 7100
LOAD_SECONDS = 60.0
"""A load through the repository API answers when it has ended."""


@dataclass(slots=True)
class Servers:
    """The processes of one stage: `behind` its pods, by UID, and `upstream` of the ASR server."""

    stage: Stage
    folder: Path
    models: Path
    behind: dict[str, RunningServer] = field(default_factory=dict)
    upstream: dict[str, RunningServer] = field(default_factory=dict)

    @property
    def has_redis(self) -> bool:
        """Whether the ASR server has what it depends on; without a redis-server it has not."""
        return "redis" in self.upstream

    def stop(self) -> None:
        """End all of them."""
        for server in (*self.behind.values(), *self.upstream.values()):
            server.stop()


def start(stage: Stage) -> Servers:
    """What no pod stands for: the model repository, and the ASR server's worker, licence, Redis.

    Without a redis-server on the machine there is no ASR server either.
    """
    folder = stage.cluster.state_dir / "servers"
    servers = Servers(stage, folder, write_repository(folder / "models"))
    if missing(["redis-server"]):
        return servers
    servers.upstream["redis"] = redis.start(folder / "redis")
    servers.upstream["lightning-asr"] = asr.start("lightning-asr", folder)
    servers.upstream["license-proxy"] = asr.start("license-proxy", folder)
    return servers


def follow(servers: Servers, app: str) -> Pod:
    """Give the pod of an app its server, end those of pods that are gone; returns the pod."""
    pod = servers.stage.eventually(
        f"a pod of {app} with an address",
        lambda: seen.pods(servers.stage, app),
        lambda pods: len(pods) == 1 and bool(pods[0].ip),
        within=LOAD_SECONDS,
        show=seen.pods_in_words,
    )[0]
    for uid in [uid for uid, server in servers.behind.items() if server.name == app]:
        if uid != pod.uid:
            servers.behind.pop(uid).stop()
    if pod.uid not in servers.behind:
        begin = _triton if app == "triton" else _api_server
        servers.behind[pod.uid] = begin(servers, pod)
    return pod


def load_model(servers: Servers, pod: Pod, model: str) -> None:
    """Ask Triton to load a model; whether it could is for others to find out."""
    url = f"http://{pod.ip}:{TRITON_PORTS[0]}/v2/repository/models/{model}/load"
    servers.stage.audience.typed(
        f"curl -X POST {url}",
    )
    if ask(url, body="", timeout=LOAD_SECONDS) is None:
        raise StepError(f"an answer from Triton at {pod.ip}. Seen instead: none")


def mend_model(servers: Servers, pod: Pod, model: str) -> None:
    """Put a version that works in the model's place, and load it."""
    good, mended = (servers.models / name / "1" / "model.py" for name in ("good", model))
    servers.stage.audience.typed(f"cp models/good/1/model.py models/{model}/1/model.py")
    mended.write_bytes(good.read_bytes())
    load_model(servers, pod, model)


def stop_redis(servers: Servers) -> None:
    """End Redis."""
    servers.stage.audience.typed(f"kill {servers.upstream['redis'].process.pid}   # Redis")
    servers.upstream["redis"].stop()


def start_redis(servers: Servers) -> None:
    """Start Redis again, where the ASR server looks for it."""
    port = servers.upstream["redis"].ports["redis"]
    servers.stage.audience.typed(f"redis-server --port {port}")
    servers.upstream["redis"] = redis.start(servers.folder / "redis", port=port)


@contextlib.contextmanager
def frozen(servers: Servers, pod: Pod) -> Iterator[None]:
    """The pod's server stopped from running, as a deadlock would."""
    server = servers.behind[pod.uid]
    servers.stage.audience.typed(f"kill -STOP -{server.process.pid}   # {server.name}")
    server.freeze()
    try:
        yield
    finally:
        servers.stage.audience.typed(f"kill -CONT -{server.process.pid}")
        server.thaw()


@contextlib.contextmanager
def marked(cluster: Cluster) -> Iterator[None]:
    """Every process started meanwhile belongs to the cluster, and ends with it."""
    before = os.environ.get(MARKER)
    os.environ[MARKER] = str(cluster.state_dir)
    try:
        yield
    finally:
        os.environ.pop(MARKER)
        if before is not None:
            os.environ[MARKER] = before


def _triton(servers: Servers, pod: Pod) -> RunningServer:
    addresses = (f"--{kind}-address={pod.ip}" for kind in ("http", "grpc", "metrics"))
    return triton.start(
        servers.models,
        load=("good", "slow"),
        ports=TRITON_PORTS,
        args=tuple(addresses),
        log=servers.folder / f"{pod.name}.log",
        wait=False,
    )


def _api_server(servers: Servers, pod: Pod) -> RunningServer:
    database = servers.upstream["redis"].ports["redis"]
    env = {
        "HOST": pod.ip,
        "LIGHTNING_ASR_URL": servers.upstream["lightning-asr"].url(""),
        "LICENSE_PROXY_URL": servers.upstream["license-proxy"].url(""),
        "REDIS_URL": f"redis://{LOOPBACK}:{database}",
        "HEALTH_NEEDS_REDIS": "1",
    }
    return asr.start("api-server", servers.folder, env=env, port=API_SERVER_PORT, wait=False)
