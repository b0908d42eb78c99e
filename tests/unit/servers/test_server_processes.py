"""Starting, watching and ending a server process; and what is said when one cannot be had."""

import os
import select
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from e2e.servers import images, prerequisites
from e2e.servers.processes import RunningServer, StartError, ask, free_ports, launch, wait_until
from e2e.servers.triton import repository, wheel

NEVER = 30.0

PARENT_OF_ONE = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("child", child.pid, flush=True)
time.sleep(600)
"""


def python(code: str, folder: Path) -> RunningServer:
    return launch("python", [sys.executable, "-c", code], ports={}, log=folder / "log")


def test_a_server_that_ends_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    server = python("print('out of memory'); raise SystemExit(3)", tmp_path)
    with pytest.raises(StartError, match=r"(?s)python ended with exit code 3.*out of memory"):
        wait_until(server, lambda: False, timeout=NEVER)


def test_a_server_that_never_gets_there_is_reported(tmp_path: Path) -> None:
    server = python("import time; time.sleep(600)", tmp_path)
    with pytest.raises(StartError, match="python did not get there within 0 s"):
        wait_until(server, lambda: False, timeout=0)
    server.stop()


def test_stopping_ends_the_children_too_even_when_frozen(tmp_path: Path) -> None:
    server = python(PARENT_OF_ONE, tmp_path)
    wait_until(server, lambda: "child" in server.log.read_text(), timeout=NEVER)
    child = int(server.log.read_text().split()[1])
    end_of_child = os.pidfd_open(child)
    server.freeze()
    server.stop()
    server.stop()
    assert server.process.returncode is not None
    assert select.select([end_of_child], [], [], NEVER)[0] == [end_of_child]
    os.close(end_of_child)


def test_nothing_listening_is_no_answer() -> None:
    (port,) = free_ports(1)
    assert ask(f"http://127.0.0.1:{port}/") is None


def test_free_ports_differ() -> None:
    assert len(set(free_ports(20))) == 20


def test_a_missing_program_is_named_with_its_package_and_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prerequisites, "_path", lambda: "")
    with pytest.raises(prerequisites.ServerUnavailableError) as raised:
        prerequisites.require("buildah", "mmdebstrap")
    assert "make setup-system" in str(raised.value)
    assert "apt-get install buildah mmdebstrap" in str(raised.value)


@pytest.mark.parametrize(("system", "machine"), [("Linux", "aarch64"), ("Darwin", "x86_64")])
def test_triton_is_not_promised_where_its_wheel_does_not_run(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str
) -> None:
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    with pytest.raises(prerequisites.ServerUnavailableError, match=f"this is {system}"):
        wheel.server_tree("3.11")


def test_triton_names_the_pythons_it_can_serve_models_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    with pytest.raises(prerequisites.ServerUnavailableError, match=r"3\.10, 3\.11 or 3\.12"):
        wheel.server_tree("3.14")


def test_a_model_repository_has_the_tree_triton_reads(tmp_path: Path) -> None:
    written = repository.write_repository(tmp_path / "models", ["good", "slow"])
    files = {str(path.relative_to(written)) for path in written.rglob("*") if path.is_file()}
    assert files == {
        "good/config.pbtxt",
        "good/1/model.py",
        "slow/config.pbtxt",
        "slow/1/model.py",
    }


def test_an_archive_gets_further_names_and_keeps_its_layers(tmp_path: Path) -> None:
    plain, named = tmp_path / "plain.tar", tmp_path / "named.tar"
    manifest = b'[{"Config": "c.json", "RepoTags": ["a:1"], "Layers": ["layer.tar"]}]'
    with tarfile.open(plain, "w") as archive:
        for name, content in {"layer.tar": b"layer", "manifest.json": manifest}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, BytesIO(content))
    images._copy_with_names(plain, named, ("a:1", "nvcr.io/b:2"))
    with tarfile.open(named) as archive:
        layer, listing = (archive.extractfile(name) for name in ("layer.tar", "manifest.json"))
        assert layer is not None
        assert listing is not None
        assert layer.read() == b"layer"
        assert b'"RepoTags": ["a:1", "nvcr.io/b:2"]' in listing.read()
