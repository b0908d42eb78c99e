"""The previous commit's image, then this one's: verdicts, reports and probes stay."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from e2e.installed import BASE, CHECKER, CONTROLLER, Installed, install, pods
from e2e.node.upheavals.calm import Calm, in_calm, look
from e2e.story import expect, seen, workloads
from releasing import image
from releasing.project import ROOT

pytestmark = pytest.mark.node

PREVIOUS = "inferencehealth:previous"
NEEDED = ("Dockerfile", "manifests/base/kustomization.yaml")


def previous() -> str:
    """The last commit before this one that changed the operator; fails without a history."""
    words = ("log", "--format=%H", "--skip=1", "--max-count=1", "--", "operator")
    return _git(*words).decode().strip()


def _git(*words: str) -> bytes:
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else b""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of that commit."""
    commit = previous()
    missing = [name for name in NEEDED if not _git("cat-file", "-t", f"{commit}:{name}")]
    if not commit or missing:
        pytest.skip(f"no previous commit with {', '.join(NEEDED)} in this checkout's history")
    folder = tmp_path_factory.mktemp("previous")
    with tarfile.open(fileobj=io.BytesIO(_git("archive", commit))) as files:
        files.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def older(checkout: Path, installed: Installed) -> Calm:
    """The operator of that commit, and a workload that it made Ready."""
    overlay = checkout / "manifests" / "previous"
    overlay.mkdir()
    name, _, tag = PREVIOUS.partition(":")
    (overlay / "kustomization.yaml").write_text(
        f"resources: [../base]\nimages: [{{name: {name}, newTag: {tag}}}]\n"
    )
    install(installed.cluster, overlay, image.archive(checkout, called=PREVIOUS))
    stage = workloads.fresh_namespace(installed.cluster, "upheaval-upgrade")
    return in_calm(stage)


def test_an_upgrade_keeps_verdicts_reports_and_probes_and_rolls_no_workload(
    older: Calm, installed: Installed
) -> None:
    report = seen.report(older.stage, "triton")
    install(installed.cluster, BASE)
    for program in (CONTROLLER, CHECKER):
        images = {each["spec"]["containers"][0]["image"] for each in pods(installed.stage, program)}
        assert PREVIOUS not in images
    expect.ready(older.stage, "triton")
    older.is_unchanged()
    after = seen.report(older.stage, "triton")
    assert after.metadata.uid == report.metadata.uid
    assert after.spec.workload == report.spec.workload
    older.is_checked()
    assert look(older.stage) == older
