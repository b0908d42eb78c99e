"""Where binaries and clusters are kept: a cache folder and a state folder of the user."""

import os
from collections.abc import Mapping
from pathlib import Path

FOLDER = "inferencehealth"


def cache_home(env: Mapping[str, str] = os.environ) -> Path:
    """The folder for what can be built again: binaries, the Go toolchain, image storage."""
    return _xdg(env, "XDG_CACHE_HOME", ".cache") / FOLDER


def state_home(env: Mapping[str, str] = os.environ) -> Path:
    """The folder in which every running cluster has a folder of its own name."""
    return _xdg(env, "XDG_STATE_HOME", ".local/state") / FOLDER / "clusters"


def _xdg(env: Mapping[str, str], variable: str, fallback: str) -> Path:
    # The XDG base directory specification: a relative path counts as not set.
    given = env.get(variable, "")
    if given.startswith("/"):
        return Path(given)
    return (Path(env["HOME"]) if "HOME" in env else Path.home()) / fallback
