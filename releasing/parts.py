"""The list of the image's Python packages (SBOM, CycloneDX): what they are, their licences.

The image's own metadata are read, by cyclonedx-py in an environment of its own. What the base
brings is not in it: that is what the base's publisher lists.
"""

import subprocess
import tarfile
import tempfile
import venv
from pathlib import Path, PurePosixPath

from e2e.servers.venvs import interpreter
from releasing.project import ROOT

REQUIREMENTS = ROOT / "requirements" / "release.txt"
_PACKAGES = "site-packages"


class PartsError(RuntimeError):
    """cyclonedx-py refused; the message is its own."""


def write(archive: Path, file: Path) -> Path:
    """Write the list for the image in a docker-archive.

    Raises ServerUnavailableError where cyclonedx-py cannot be had, PartsError when it fails.
    """
    program = interpreter("cyclonedx", REQUIREMENTS)
    with tempfile.TemporaryDirectory() as folder:
        # An interpreter that knows the image's packages and no other.
        environment = Path(folder)
        venv.create(environment, symlinks=True)
        [packages] = environment.glob(f"lib/python*/{_PACKAGES}")
        copy_metadata(archive, packages)
        command = [
            *(str(program), "-m", "cyclonedx_py", "environment", "--output-reproducible"),
            *("--pyproject", str(ROOT / "pyproject.toml"), "--output-file", str(file)),
            str(environment / "bin" / "python"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PartsError(f"the list of parts could not be made:\n{done.stderr[-2000:]}")
    return file


def copy_metadata(archive: Path, target: Path) -> None:
    """Copy what the image's packages say of themselves into a folder."""
    with tarfile.open(archive) as image:
        for member in image:
            if not (member.isreg() and member.name.endswith(".tar")):
                continue
            layer = image.extractfile(member)
            with tarfile.open(fileobj=layer) as files:
                for each in files:
                    path = PurePosixPath(each.name)
                    if each.isreg() and path.parent.suffix == ".dist-info":
                        content = files.extractfile(each)
                        if content is not None and path.parent.parent.name == _PACKAGES:
                            place = target / path.parent.name / path.name
                            place.parent.mkdir(exist_ok=True)
                            place.write_bytes(content.read())
