"""All that a release is, in build/release: wheel, image, chart, manifest, list of parts, checksums.

The same commit gives the same files: every date in them is the commit's.
"""

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from e2e.cluster.images import ARCHITECTURES
from releasing import image, manifest, notes, parts, project, rendering
from releasing.notes import Commit, ReleaseError
from releasing.project import BUILD, NAME, ROOT

FOLDER = BUILD / "release"
SUMS = "SHA256SUMS"
_OLDEST_IN_A_ZIP = 315_532_800  # 1980, before which a wheel knows no dates


def release() -> list[Path]:
    """Make it anew; returns the files. Raises ReleaseError, and what its parts raise."""
    version = project.version()
    told = notes.notes(version, _commit(), (ROOT / "CHANGELOG.md").read_text("utf-8"))
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    date = _date()
    archive = image.archive(revision=project.revision(), timestamp=date)
    wheel(FOLDER, date)
    _compressed(archive, FOLDER / f"{NAME}-{version}-image-linux-{_architecture()}.tar.gz")
    chart(FOLDER, date)
    manifest.write(FOLDER / f"{NAME}-{version}.yaml")
    parts.write(archive, FOLDER / f"{NAME}-{version}.cdx.json")
    (FOLDER / "NOTES.md").write_text(f"# {NAME} {version}\n\n{told}\n", "utf-8")
    (FOLDER / SUMS).write_text(sums(FOLDER), "utf-8")
    return sorted(FOLDER.iterdir())


def wheel(folder: Path, date: int = 0) -> Path:
    """The wheel, by the build backend of the locked environment. Raises ReleaseError."""
    command = [
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)),
    ]
    env = {**os.environ, "SOURCE_DATE_EPOCH": str(max(date, _OLDEST_IN_A_ZIP))}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode != 0:
        raise ReleaseError(f"the wheel could not be built; run `make setup`.\n{done.stderr}")
    return folder / f"{NAME}-{project.version()}-py3-none-any.whl"


def chart(folder: Path, date: int = 0) -> Path:
    """The chart as Helm packs it, with one date everywhere. Raises RenderError."""
    rendering.helm("package", str(rendering.CHART), "--destination", str(folder))
    file = folder / f"{NAME}-{project.version()}.tgz"
    file.write_bytes(dated(file.read_bytes(), date))
    return file


def dated(packed: bytes, date: int) -> bytes:
    """A .tgz with the same files, in order of their names and with this date."""
    plain = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(packed)) as old,
        tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda each: each.name):
            member.mtime = date
            member.pax_headers = {}
            new.addfile(member, old.extractfile(member))
    return gzip.compress(plain.getvalue(), mtime=date)


def sums(folder: Path) -> str:
    """The checksums of all files in a folder, as `sha256sum --check` reads them."""
    lines = []
    for file in sorted(folder.iterdir()):
        if file.name != SUMS:
            with file.open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
            lines.append(f"{digest}  {file.name}\n")
    return "".join(lines)


def _compressed(source: Path, target: Path) -> None:
    # Six is gzip's own choice; nine takes three times as long for one part in a hundred.
    with (
        source.open("rb") as plain,
        target.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6, mtime=0) as packed,
    ):
        shutil.copyfileobj(plain, packed)


def _architecture() -> str:
    machine = os.uname().machine
    return ARCHITECTURES.get(machine, machine)


def _commit() -> Commit:
    tag = _git("describe", "--exact-match", "--tags", "--match", "v*")
    return Commit(tag, dirty=bool(_git("status", "--porcelain", "--untracked-files=no")))


def _date() -> int:
    return int(_git("log", "-1", "--format=%ct") or 0)


def _git(*words: str) -> str:
    command = ["git", "-C", str(ROOT), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
