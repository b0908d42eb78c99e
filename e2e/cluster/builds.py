"""Build the programs of a cluster from pinned Go modules into the user's cache, once."""

import contextlib
import fcntl
import hashlib
import os
import platform
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import toolchain
from e2e.cluster.model import ClusterError, Tier
from e2e.cluster.paths import cache_home
from e2e.cluster.progress import Progress

MODULES = Path(__file__).parent / "go"
# Enough of the compiler's output to see the first error; the rest is in the log.
SHOWN_OUTPUT = 2000


@dataclass(frozen=True, slots=True)
class Program:
    """A program and where its source is: a package, pinned by the module folder below `modules`."""

    name: str
    module: str
    package: str
    modules: Path = MODULES


def _kubernetes(name: str) -> Program:
    return Program(name, "kubernetes", f"k8s.io/kubernetes/cmd/{name}")


def _containerd(name: str) -> Program:
    return Program(name, "containerd", f"github.com/containerd/containerd/v2/cmd/{name}")


# The API server first: most of what it compiles, the others share.
CONTROL_PLANE = (
    Program("etcd", "kubernetes", "go.etcd.io/etcd/server/v3"),
    _kubernetes("kube-apiserver"),
    _kubernetes("kubectl"),
    _kubernetes("kube-controller-manager"),
)
# Other minors of the API server alone, by their name; without controllers, which may not be newer
# than their server. etcd and kubectl are those of the newest.
OTHER_APISERVERS = {
    "1.35": Program("kube-apiserver", "kubernetes-1.35", "k8s.io/kubernetes/cmd/kube-apiserver")
}
SCHEDULER = _kubernetes("kube-scheduler")
KWOK = Program("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok")
NODE = (
    _kubernetes("kubelet"),
    _kubernetes("kube-proxy"),
    _containerd("containerd"),
    _containerd("containerd-shim-runc-v2"),
    _containerd("ctr"),
    Program("pause", "pause", "inferencehealth.dev/e2e/pause"),
)
KIND = Program("kind", "kind", "sigs.k8s.io/kind")
# No parts of a cluster: tests ask what Flux makes of an object, whether manifests fit schemas, and
# what the chart renders.
KSTATUS = Program("kstatus", "kstatus", "inferencehealth.dev/e2e/kstatus")
KUBECONFORM = Program("kubeconform", "kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform")
HELM = Program("helm", "helm", "helm.sh/helm/v4/cmd/helm")
JUDGES = (KSTATUS, KUBECONFORM, HELM)
PROGRAMS: dict[Tier, tuple[Program, ...]] = {
    Tier.INTEGRATION: CONTROL_PLANE,
    Tier.SCALE: (*CONTROL_PLANE, SCHEDULER, KWOK),
    Tier.NODE: (*CONTROL_PLANE, SCHEDULER, *NODE),
}


def control_plane(minor: str) -> tuple[Program, ...]:
    """The programs of the integration tier with the API server of that minor; "": the newest.

    Raises ClusterError for one that is not pinned here.
    """
    if not minor:
        return CONTROL_PLANE
    if minor not in OTHER_APISERVERS:
        known = ", ".join(OTHER_APISERVERS)
        raise ClusterError(f"KUBERNETES={minor}: use one of {known}, or unset it for the newest")
    shared = tuple(program for program in CONTROL_PLANE if program.name in {"etcd", "kubectl"})
    return (OTHER_APISERVERS[minor], *shared)


TAGS = {"containerd": "no_btrfs,no_devmapper,no_zfs"}


def ensure(programs: Sequence[Program], progress: Progress) -> dict[str, Path]:
    """The paths of these programs, built if the cache has them not; raises ClusterError."""
    paths = {program.name: path_of(program) for program in programs}
    missing = [program for program in programs if not paths[program.name].exists()]
    if missing:
        mods = [_read(program, "go.mod") for program in missing]
        go = toolchain.find(toolchain.required_version(mods), progress.say)
        _build_all(go, missing, progress)
    return paths


def path_of(program: Program) -> Path:
    """Where the cache keeps this program, built from the go.mod and go.sum of now."""
    folder = f"{program.module}-{cache_key(_pins(program))}"
    return cache_home() / "bin" / folder / program.name


def cache_key(pins: Sequence[str]) -> str:
    """A name for what is built from these texts on this kind of machine."""
    texts = [platform.system(), platform.machine(), *pins]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def module_version(go_mod: str, module: str) -> str:
    """The version of a module that a go.mod text requires; raises ValueError when none."""
    found = re.search(rf"^(?:require)?\s*{re.escape(module)} (v\S+)", go_mod, re.MULTILINE)
    if not found:
        raise ValueError(f"go.mod does not require {module}")
    return found[1]


def ldflags(program: Program, go_mod: str) -> str:
    """Linker flags: no debug tables, and the version the program shall call itself.

    Without it the API server calls itself v0.0.0-master, and clients complain.
    """
    if program.package.startswith("k8s.io/kubernetes/"):
        version = module_version(go_mod, "k8s.io/kubernetes")
        major, minor, _ = version.removeprefix("v").split(".", 2)
        where = "-X k8s.io/component-base/version."
        values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
        return " ".join(["-s -w", *(f"{where}{name}={value}" for name, value in values.items())])
    if program.module == "containerd":
        version = module_version(go_mod, "github.com/containerd/containerd/v2")
        return f"-s -w -X github.com/containerd/containerd/v2/version.Version={version}"
    return "-s -w"


def build_command(go: Path, program: Program, go_mod: str, output: Path) -> list[str]:
    """The `go build` call for a program."""
    tags = TAGS.get(program.module, "")
    return [
        str(go),
        "build",
        "-trimpath",
        "-buildvcs=false",
        "-mod=readonly",
        *(["-tags", tags] if tags else []),
        "-ldflags",
        ldflags(program, go_mod),
        "-o",
        str(output),
        program.package,
    ]


def _build_all(go: Path, programs: Sequence[Program], progress: Progress) -> None:
    started = time.monotonic()
    for number, program in enumerate(programs, start=1):
        label = f"building {program.name} ({number} of {len(programs)})"
        with progress.task(label, since=started), _locked(program):
            if not path_of(program).exists():
                _build(go, program)


def _build(go: Path, program: Program) -> None:
    target = path_of(program)
    partial = target.with_name(f".{program.name}.{os.getpid()}")
    # GOFLAGS and a workspace of the user's would change what is built.
    env = os.environ | {
        "CGO_ENABLED": "0",
        "GOFLAGS": "",
        "GOWORK": "off",
        "GOTOOLCHAIN": "local",
    }
    command = build_command(go, program, _read(program, "go.mod"), partial)
    try:
        result = subprocess.run(
            command,
            cwd=program.modules / program.module,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise ClusterError(
                f"building {program.name} failed:\n{result.stdout[-SHOWN_OUTPUT:]}\n"
                "remedy: the sources come through GOPROXY; check `go env GOPROXY` and the network, "
                "then run the same command again: it goes on where it stopped"
            )
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(program: Program) -> Iterator[None]:
    folder = path_of(program).parent
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _pins(program: Program) -> list[str]:
    return [_read(program, name) for name in ("go.mod", "go.sum", "main.go")]


def _read(program: Program, name: str) -> str:
    # Two programs have a source of our own, and pause has nothing to sum.
    path = program.modules / program.module / name
    return path.read_text() if path.exists() else ""
