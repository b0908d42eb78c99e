"""What is built, from which pins, and what it calls itself."""

from pathlib import Path

import pytest

from e2e.cluster import builds, toolchain
from e2e.cluster.builds import MODULES, Program
from e2e.cluster.model import ClusterError

PROGRAMS = sorted(
    {p for programs in builds.PROGRAMS.values() for p in programs}
    | {builds.KIND, *builds.JUDGES, *builds.OTHER_APISERVERS.values()},
    key=lambda program: (program.name, program.module),
)
OURS = {"pause", "kstatus"}
PINNED = [program for program in PROGRAMS if program.module not in OURS]


@pytest.mark.parametrize("program", PINNED, ids=lambda program: f"{program.name}-{program.module}")
def test_every_program_is_a_tool_of_a_module_that_is_pinned_by_hash(program: Program) -> None:
    folder = MODULES / program.module
    assert f"{program.package}\n" in (folder / "go.mod").read_text()
    assert (folder / "go.sum").read_text().count(" h1:") > 10


def test_what_judges_like_flux_is_flux_own_library_pinned_by_hash() -> None:
    folder = MODULES / builds.KSTATUS.module
    assert builds.module_version((folder / "go.mod").read_text(), "github.com/fluxcd/cli-utils")
    assert "github.com/fluxcd/cli-utils v1.3.0 h1:" in (folder / "go.sum").read_text()


def test_no_module_is_replaced_by_a_folder_of_the_builder() -> None:
    for go_mod in MODULES.glob("*/go.mod"):
        assert "=> ." not in go_mod.read_text()
        assert "=> /" not in go_mod.read_text()


@pytest.mark.parametrize(
    ("name", "flag"),
    [
        ("kube-apiserver", "-X k8s.io/component-base/version.gitVersion=v1.36.3"),
        ("kubelet", "-X k8s.io/component-base/version.gitMinor=36"),
        ("containerd", "-X github.com/containerd/containerd/v2/version.Version=v2.4.2"),
    ],
)
def test_a_program_knows_its_own_version(name: str, flag: str) -> None:
    program = next(p for p in PROGRAMS if p.name == name)
    go_mod = (MODULES / program.module / "go.mod").read_text()
    assert flag in builds.ldflags(program, go_mod)


def test_another_minor_of_the_api_server_comes_with_the_newest_store_and_client() -> None:
    found = {program.name: program.module for program in builds.control_plane("1.35")}
    assert found == {
        "kube-apiserver": "kubernetes-1.35",
        "etcd": "kubernetes",
        "kubectl": "kubernetes",
    }
    server = builds.control_plane("1.35")[0]
    go_mod = (MODULES / server.module / "go.mod").read_text()
    assert "version.gitMinor=35" in builds.ldflags(server, go_mod)


def test_a_minor_that_is_not_pinned_is_refused_with_those_that_are() -> None:
    with pytest.raises(ClusterError, match=r"KUBERNETES=1\.20: use one of 1\.35"):
        builds.control_plane("1.20")


def test_changed_pins_get_another_place_in_the_cache() -> None:
    assert builds.cache_key(["a", "b"]) != builds.cache_key(["a", "c"])
    assert builds.cache_key(["a", "b"]) == builds.cache_key(["a", "b"])


@pytest.mark.parametrize(
    "go_mod",
    ["require example.com/x v1.2.3\n", "require (\n\texample.com/x v1.2.3 // indirect\n)\n"],
)
def test_a_required_version_is_read_from_go_mod(go_mod: str) -> None:
    assert builds.module_version(go_mod, "example.com/x") == "v1.2.3"


def test_a_module_that_is_not_required_is_named() -> None:
    with pytest.raises(ValueError, match=r"example\.com/y"):
        builds.module_version("require example.com/x v1.2.3\n", "example.com/y")


def test_only_containerd_is_built_with_tags() -> None:
    go, output = Path("go"), Path("out")
    commands = {p.name: builds.build_command(go, p, _go_mod(p), output) for p in PROGRAMS}
    tagged = {name for name, command in commands.items() if "-tags" in command}
    assert tagged == {"containerd", "containerd-shim-runc-v2", "ctr"}


@pytest.mark.parametrize(
    ("text", "version"),
    [("go version go1.26.8 linux/amd64", (1, 26, 8)), ("1.26.0", (1, 26, 0))],
)
def test_a_go_version_is_read(text: str, version: tuple[int, ...]) -> None:
    assert toolchain.parse_version(text) == version


def test_the_newest_language_version_of_all_modules_is_required() -> None:
    assert toolchain.required_version(["go 1.9\n", "module x\n\ngo 1.26.6\n"]) == (1, 26, 6)


def test_the_pinned_toolchain_is_new_enough_for_all_modules() -> None:
    go_mods = [path.read_text() for path in MODULES.glob("*/go.mod")]
    line = next(x for x in toolchain.PINNED.read_text().splitlines() if "==" in x)
    assert toolchain.parse_version(line.partition("==")[2]) >= toolchain.required_version(go_mods)


def _go_mod(program: Program) -> str:
    return (MODULES / program.module / "go.mod").read_text()
