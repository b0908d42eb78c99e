"""Where releasing begins: what the project says of itself, in this checkout or in another one."""

import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
NAME = "inferencehealth"


def version(checkout: Path = ROOT) -> str:
    """The version in pyproject.toml: that of the wheel, the image, the chart and the manifests."""
    project = tomllib.loads((checkout / "pyproject.toml").read_text("utf-8"))
    found: str = project["project"]["version"]
    return found


def revision(checkout: Path = ROOT) -> str:
    """The commit, with `-dirty` when files differ from it; "unknown" outside of Git."""
    command = ["git", "-C", str(checkout), "describe", "--always", "--abbrev=40", "--dirty"]
    try:
        done = subprocess.run(
            [*command, "--exclude=*"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return "unknown"
    return done.stdout.strip() or "unknown"
