"""Argo CD beside a cluster: its application controller, repo server and Redis, and Applications.

Sources: argo-cd v3.2.0, manifests/base (what an installation is made of) and the flags of its
programs. It looks every few seconds instead of minutes, so that a minute holds many rounds.
"""

import contextlib
import copy
import gzip
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from e2e.cluster import builds
from e2e.cluster.definitions import define
from e2e.cluster.model import Cluster
from e2e.cluster.progress import to_stderr
from e2e.ecosystem.builds import ARGOCD, shipped
from e2e.ecosystem.parts import Part, folder_of, running
from e2e.ecosystem.repository import Repository
from e2e.loopback.servers import marked
from e2e.servers.prerequisites import locate
from e2e.servers.processes import LOOPBACK, free_ports
from e2e.servers.redis import process as redis
from e2e.story.stage import kubectl

NAMESPACE = "argocd"
MODULE = "github.com/argoproj/argo-cd/v3"
CHECKOUT = Path(__file__).resolve().parents[2]
EXAMPLE = CHECKOUT / "examples/gitops/argocd/application.yaml"
HEALTH = CHECKOUT / "manifests/argocd/argocd-cm.yaml"
CACHE_VERSION = "1.8.3"
"""Of what is kept in Redis: common.CacheVersion."""
RESYNC_SECONDS = 10
SELF_HEAL_SECONDS = 2
RETRY = {"duration": "2s", "factor": 1, "maxDuration": "2s"}
"""Between attempts of one sync; by default 5, 10 and 20 seconds."""
DEFINITIONS = ("application", "applicationset", "appproject")
SETTINGS = (
    "argocd-cm",
    "argocd-cmd-params-cm",
    "argocd-gpg-keys-cm",
    "argocd-rbac-cm",
    "argocd-ssh-known-hosts-cm",
    "argocd-tls-certs-cm",
)


def install(cluster: Cluster) -> None:
    """Give the cluster what an installation of Argo CD has there, and our health scripts."""
    progress = to_stderr()
    kubectl(cluster, "create", "namespace", NAMESPACE)
    definitions = [
        path
        for path in shipped("argocd", MODULE, "manifests/crds/*-crd.yaml", progress)
        if path.name.removesuffix("-crd.yaml") in DEFINITIONS
    ]
    define(cluster, *definitions)
    for path in shipped("argocd", MODULE, "manifests/base/config/*.yaml", progress):
        if path.stem in SETTINGS:
            kubectl(
                cluster, "apply", "--server-side", "--namespace", NAMESPACE, f"--filename={path}"
            )
    # As docs/gitops.md says.
    patch = ("--type", "merge", "--patch-file", str(HEALTH))
    kubectl(cluster, "patch", "configmap", "argocd-cm", "--namespace", NAMESPACE, *patch)
    for document in (_secret(), _project()):
        kubectl(cluster, "apply", "--server-side", "--filename=-", stdin=yaml.safe_dump(document))


@contextlib.contextmanager
def running_argocd(cluster: Cluster) -> Iterator[int]:
    """Argo CD, well, for the length of a `with` block; gives the port of its Redis.

    Needs redis-server and git.
    """
    binary = builds.ensure([ARGOCD], to_stderr())[ARGOCD.name]
    folder = folder_of(cluster, "argocd")
    with marked(cluster):
        store = redis.start(folder / "redis")
    try:
        serves, serves_metrics, controls = free_ports(3)
        own = _environment(folder)
        repo_server = Part(
            "argocd-repo-server",
            (
                *(str(binary), "--disable-tls", "--loglevel=warn"),
                *("--address", LOOPBACK, "--port", str(serves)),
                *("--metrics-address", LOOPBACK, "--metrics-port", str(serves_metrics)),
                *("--redis", f"{LOOPBACK}:{store.ports['redis']}"),
            ),
            f"http://{LOOPBACK}:{serves_metrics}/healthz",
            {**own, "ARGOCD_BINARY_NAME": "argocd-repo-server"},
        )
        controller = Part(
            "argocd-application-controller",
            (
                *(str(binary), "--namespace", NAMESPACE, "--loglevel=info"),
                *("--metrics-port", str(controls)),
                *("--repo-server", f"{LOOPBACK}:{serves}", "--repo-server-plaintext"),
                *("--redis", f"{LOOPBACK}:{store.ports['redis']}"),
                *("--app-resync", str(RESYNC_SECONDS), "--app-resync-jitter", "0"),
                *("--self-heal-timeout-seconds", str(SELF_HEAL_SECONDS)),
                *("--self-heal-backoff-cap-seconds", str(RESYNC_SECONDS)),
            ),
            f"http://{LOOPBACK}:{controls}/healthz",
            {**own, "ARGOCD_BINARY_NAME": "argocd-application-controller"},
        )
        with running(cluster, repo_server), running(cluster, controller):
            yield store.ports["redis"]
    finally:
        store.stop()


def application(
    namespace: str, repository: Repository, *, remedy: bool, client_side: bool = False
) -> dict[str, Any]:
    """The Application of our docs, for a repository and a namespace of a test.

    Without the `remedy` it lacks what lets our fields be; `client_side` applies as Argo CD does by
    default.
    """
    made: dict[str, Any] = copy.deepcopy(yaml.safe_load(EXAMPLE.read_text()))
    made["metadata"]["name"] = namespace
    made["spec"]["source"]["repoURL"] = repository.url
    made["spec"]["destination"]["namespace"] = namespace
    dropped = {"ServerSideApply=true"} if client_side else set()
    if not remedy:
        del made["spec"]["ignoreDifferences"]
        dropped |= {"RespectIgnoreDifferences=true"}
    policy = made["spec"]["syncPolicy"]
    policy["retry"]["backoff"] = RETRY
    policy["syncOptions"] = [each for each in policy["syncOptions"] if each not in dropped]
    return made


def refresh(cluster: Cluster, name: str) -> None:
    """Have Argo CD look at the repository now, as its web hook would."""
    annotation = "argocd.argoproj.io/refresh=hard"
    words = ("annotate", "--overwrite", "application", name, "--namespace", NAMESPACE, annotation)
    kubectl(cluster, *words)


def patch(cluster: Cluster, name: str, change: Mapping[str, Any]) -> None:
    """Change an Application, as its owner or `argocd app sync` would."""
    words = ("patch", "application", name, "--namespace", NAMESPACE, "--type=merge")
    kubectl(cluster, *words, "--patch", json.dumps(change))


def state(raw: Mapping[str, Any]) -> str:
    """What Argo CD shows of an Application: sync state and health."""
    status = raw.get("status", {})
    sync, health = status.get("sync", {}), status.get("health", {})
    return f"{sync.get('status', 'Unknown')} {health.get('status', 'Unknown')}"


def healths(store: int, name: str) -> dict[str, str]:
    """By kind, the health of everything that Argo CD shows below an Application.

    Its web pages read it from the same place: the tree that the controller puts into Redis.
    """
    key = f"app|resources-tree|{name}|{CACHE_VERSION}.gz"
    command = [locate("redis-cli"), "-h", LOOPBACK, "-p", str(store), "--raw", "GET", key]
    answer = subprocess.run(command, check=True, capture_output=True).stdout
    tree = json.loads(gzip.decompress(answer.removesuffix(b"\n")))
    return {
        node["kind"]: node.get("health", {}).get("status", "none") for node in tree.get("nodes", ())
    }


def _environment(folder: Path) -> dict[str, str]:
    """Where its programs keep their files, and that the cluster is the one of KUBECONFIG."""
    paths = {}
    for kind in ("TLS", "SSH", "GPG"):
        (folder / kind.lower()).mkdir(exist_ok=True)
        paths[f"ARGOCD_{kind}_DATA_PATH"] = str(folder / kind.lower())
    (folder / "tmp").mkdir(exist_ok=True)
    return {
        **paths,
        "ARGOCD_FAKE_IN_CLUSTER": "true",
        "ARGOCD_GPG_ENABLED": "false",
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
    }


def _secret() -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": "argocd-secret", "app.kubernetes.io/part-of": "argocd"}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "argocd-secret", "namespace": NAMESPACE, "labels": labels},
        # Without an API server of Argo CD there is nobody who could sign in by it.
        "stringData": {"server.secretkey": "unused"},
    }


def _project() -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "default", "namespace": NAMESPACE},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"namespace": "*", "server": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        },
    }
