"""What must be installed on the machine, what is missing, and the command that installs it."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.model import ClusterError, Tier

# Where distributions put the CNI plugins: Debian, Fedora, upstream's own archive.
CNI_FOLDERS = (Path("/usr/lib/cni"), Path("/usr/libexec/cni"), Path("/opt/cni/bin"))
CNI_PLUGINS = ("bridge", "host-local", "loopback", "portmap")
BRIDGE_FILTER = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A program (or file) that a tier needs, and the Debian package that has it."""

    what: str
    package: str
    present: Callable[[], bool]


def _which(name: str) -> str | None:
    # A user's PATH often lacks the folders of the system's own programs.
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin")


def _program(name: str, package: str) -> Requirement:
    return Requirement(name, package, lambda: _which(name) is not None)


NODE: tuple[Requirement, ...] = (
    _program("runc", "runc"),
    Requirement("CNI plugins", "containernetworking-plugins", lambda: _cni_folders() != []),
    _program("iptables", "iptables"),
    _program("ip", "iproute2"),
    _program("conntrack", "conntrack"),
    _program("unshare", "util-linux"),
    _program("nsenter", "util-linux"),
    _program("buildah", "buildah"),
    _program("busybox", "busybox-static"),  # the smallest image that can serve and be looked into
)
REQUIREMENTS: dict[Tier, tuple[Requirement, ...]] = {
    Tier.INTEGRATION: (),
    Tier.SCALE: (),
    Tier.NODE: NODE,
}


def missing(requirements: Sequence[Requirement]) -> list[Requirement]:
    """Those that are not there."""
    return [requirement for requirement in requirements if not requirement.present()]


def install_command(absent: Sequence[Requirement]) -> list[str]:
    """The command that installs them on Debian and Ubuntu."""
    packages = dict.fromkeys(requirement.package for requirement in absent)
    return ["apt-get", "install", "--yes", "--no-install-recommends", *packages]


def install(absent: Sequence[Requirement]) -> None:
    """Install what is absent; raises ClusterError when that does not work."""
    if not shutil.which("apt-get"):
        wanted = ", ".join(requirement.package for requirement in absent)
        raise ClusterError(f"no apt-get here: install what your system calls {wanted}")
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], install_command(absent)):
        sys.stderr.write(f"$ {' '.join(command)}\n")
        done = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise ClusterError(
                f"`{' '.join(command)}` failed; it must be run as root. It said:\n"
                f"{done.stdout}{done.stderr}"
            )


def ensure(step: str, requirements: Sequence[Requirement]) -> int:
    """Install what is absent, told about as `step`; 0 when all is there in the end, else 1."""
    absent = missing(requirements)
    if not absent:
        return 0
    if os.geteuid() != 0:
        print(f"{step}: as root: {' '.join(install_command(absent))}", file=sys.stderr)
        return 1
    print(f"{step}: installing {', '.join(each.package for each in absent)}")
    try:
        install(absent)
    except ClusterError as error:
        print(f"{step}: {error}", file=sys.stderr)
        return 1
    return 0


def check(tier: Tier) -> None:
    """Raise ClusterError when this machine cannot run a tier, with what to do about it."""
    if problem := unsuitable(
        tier, system=platform.system(), root=os.geteuid() == 0, filters=_has_bridge_filter()
    ):
        raise ClusterError(problem)
    if absent := missing(REQUIREMENTS[tier]):
        names = ", ".join(requirement.what for requirement in absent)
        command = " ".join(install_command(absent))
        raise ClusterError(
            f"the {tier} tier needs {names}; remedy: make setup-system   (or: {command})"
        )


def unsuitable(tier: Tier, *, system: str, root: bool, filters: bool) -> str | None:
    """Why a machine cannot run a tier, whatever is installed; None when it can."""
    if system != "Linux":
        return f"the source provider needs Linux, not {system}; remedy: CLUSTER=kind with Docker"
    if tier is Tier.NODE and not root:
        return "the node tier needs root for namespaces and mounts; remedy: sudo, or CLUSTER=kind"
    if tier is Tier.NODE and not filters:
        return "the node tier needs the kernel module br_netfilter; remedy: modprobe br_netfilter"
    return None


def program(name: str) -> str:
    """The path of a system program; raises ClusterError when it is not installed."""
    if found := _which(name):
        return found
    raise ClusterError(f"{name} is not installed; remedy: make setup-system")


def cni_folder() -> Path:
    """The folder that has all CNI plugins we use; raises IndexError when `check` would fail."""
    return _cni_folders()[0]


def _cni_folders() -> list[Path]:
    return [
        folder
        for folder in CNI_FOLDERS
        if all((folder / plugin).exists() for plugin in CNI_PLUGINS)
    ]


def _has_bridge_filter() -> bool:
    if not BRIDGE_FILTER.exists() and shutil.which("modprobe"):
        subprocess.run(["modprobe", "br_netfilter"], check=False, capture_output=True)
    return BRIDGE_FILTER.exists()
