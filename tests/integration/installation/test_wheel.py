"""The wheel of a release is the `ihp` command: as a tool it works away from the checkout."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.servers import rootfs
from releasing import image, project, release

pytestmark = pytest.mark.integration

UV = Path(sys.executable).with_name("uv")
MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: triton}
spec:
  selector: {matchLabels: {app: triton}}
  template:
    metadata: {labels: {app: triton}}
    spec: {containers: [{name: triton, image: nvcr.io/nvidia/tritonserver:24.10-py3}]}
"""


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands that `uv tool install` has made."""
    folder = tmp_path_factory.mktemp("tool")
    wheel = release.wheel(folder)
    # The image's wheels are the locked ones; another Python takes what the index has for it.
    ours = f"{sys.version_info.major}.{sys.version_info.minor}" == rootfs.PYTHON
    source = ["--no-index", "--find-links", str(image.wheels())] if ours else []
    places = {"UV_TOOL_DIR": "tools", "UV_TOOL_BIN_DIR": "bin"}
    subprocess.run(
        [str(UV), "tool", "install", "--quiet", "--python", sys.executable, *source, str(wheel)],
        env={**os.environ, **{name: str(folder / place) for name, place in places.items()}},
        check=True,
    )
    return folder / "bin"


def ihp(tool: Path, *words: str, stdin: str = "") -> str:
    done = subprocess.run(
        [str(tool / "ihp"), *words],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        cwd=tool,
        env={"PATH": os.defpath, "HOME": str(tool)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_tool_is_there_under_both_names(tool: Path) -> None:
    assert sorted(path.name for path in tool.iterdir()) == ["ihp", "kubectl-ihp"]
    assert ihp(tool, "version").strip() == project.version()


def test_the_tool_knows_servers_without_a_cluster(tool: Path) -> None:
    assert "triton" in ihp(tool, "detect", "-f", "-", stdin=MANIFEST)
    assert "/v2/health/live" in ihp(tool, "render", "-f", "-", stdin=MANIFEST)


@pytest.mark.parametrize("program", ["run", "controller", "checker", "webhook", "dashboard"])
def test_every_program_is_in_the_tool(tool: Path, program: str) -> None:
    assert "--kubeconfig" in ihp(tool, program, "--help")
