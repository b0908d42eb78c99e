"""A Git repository on disk, as a GitOps tool reads it: each commit holds all files anew."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from e2e.cluster.prerequisites import program

Document = Mapping[str, Any]
BRANCH = "main"
MODELS, POLICIES = "models", "policies"
"""The folders that the Application and the Kustomizations of our docs name."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository with one branch."""

    folder: Path

    @property
    def url(self) -> str:
        """How a tool on this machine clones it."""
        return f"file://{self.folder}"

    def commit(self, files: Mapping[str, Sequence[Document]]) -> str:
        """Make these files, by their path, all that there is; returns the commit's hash."""
        for folder in (MODELS, POLICIES):
            shutil.rmtree(self.folder / folder, ignore_errors=True)
        for name, documents in files.items():
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(yaml.safe_dump_all(documents, sort_keys=False))
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a change")
        return self.git("rev-parse", "HEAD")

    def archive(self, target: Path) -> None:
        """The newest commit as a .tar.gz, which is what Flux' source controller hands on."""
        self.git("archive", "--format=tar.gz", f"--output={target}", "HEAD")

    def git(self, *words: str) -> str:
        """Run git in it; whatever the user has set (signing, hooks) stays out of it."""
        env = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        who = ("-c", "user.name=author", "-c", "user.email=author@example.com")
        command = [program("git"), *who, *words]
        done = subprocess.run(
            command, cwd=self.folder, env=env, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()


def create(folder: Path) -> Repository:
    """An empty repository in a new folder."""
    folder.mkdir(parents=True)
    made = Repository(folder)
    made.git("init", "--quiet", f"--initial-branch={BRANCH}")
    return made
