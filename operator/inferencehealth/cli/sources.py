"""Where commands that need no cluster read manifests from: files, folders, standard input."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import typer

from inferencehealth.manifests import MAX_TEXT

STDIN = "-"
SUFFIXES = frozenset({".yaml", ".yml", ".json"})
"""Names of manifests in a folder; a file that is named itself may have any."""


def texts(sources: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Name and text of every manifest in those files, folders and standard input.

    What can't be read is told on standard error, by name, and passed over. Raises
    typer.BadParameter for a path that does not exist.
    """
    for source in sources:
        if source == STDIN:
            yield STDIN, sys.stdin.buffer.read(MAX_TEXT + 1).decode("utf-8", "replace")
            continue
        for path in _files(Path(source)):
            try:
                with path.open("rb") as file:
                    yield str(path), file.read(MAX_TEXT + 1).decode("utf-8-sig")
            except UnicodeDecodeError:
                tell(f"{path}: left out: it is no text")
            except OSError as error:
                tell(f"{path}: left out: {error.strerror}")


def _files(path: Path) -> Iterator[Path]:
    if not path.exists():
        raise typer.BadParameter(f"{path} does not exist", param_hint="'-f'")
    if not path.is_dir():
        yield path
        return
    for found in sorted(path.rglob("*")):
        hidden = any(part.startswith(".") for part in found.relative_to(path).parts)
        if found.suffix in SUFFIXES and not hidden and found.is_file():
            yield found


def tell(message: str) -> None:
    """Say it on standard error: standard output is for what was asked."""
    print(f"ihp: {message}", file=sys.stderr)
