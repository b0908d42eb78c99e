"""What `kubectl get ihp -w` prints while the demo plays, as a picture for the README."""

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from e2e.cluster.kubectl import command
from e2e.cluster.model import Cluster

WIDTH = 112
SELF_CONTAINED = re.sub(
    r"@font-face \{\{.*?\}\}|<!--.*?-->", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL
)
"""rich's own form, without the fonts that a viewer would fetch from elsewhere."""
STYLES = {"Broken": "red", "Ready": "green", "Loading": "yellow", "True": "green", "False": "red"}


@contextmanager
def recorded(cluster: Cluster, namespace: str, picture: Path) -> Iterator[None]:
    """Watch the policies of a namespace during the block, then draw what was printed."""
    words = command(cluster, "-n", namespace, "get", "ihp", "-w")
    watching = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    lines: list[tuple[float, str]] = []

    def read() -> None:
        assert watching.stdout is not None
        lines.extend((time.monotonic(), line.rstrip()) for line in watching.stdout)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield
    finally:
        watching.terminate()
        watching.wait()
        reader.join()
    picture.write_text(draw(lines), encoding="utf-8")


def draw(lines: list[tuple[float, str]]) -> str:
    """The lines, each with the seconds since the first, as an SVG."""
    console = Console(record=True, width=WIDTH, file=StringIO())
    console.print(Text("$ kubectl get ihp -w", style="bold cyan"))
    began = lines[0][0] if lines else 0.0
    for moment, line in lines:
        text = Text()
        text.append(f"{moment - began:.0f} s".ljust(7), style="dim")
        text.append(_coloured(line))
        console.print(text, no_wrap=True, crop=True)
    return console.export_svg(
        title="kubectl get ihp -w", unique_id="recording", code_format=SELF_CONTAINED
    )


def _coloured(line: str) -> Text:
    text = Text(line, style="bold" if line.startswith("NAME") else "default")
    for word, style in STYLES.items():
        if not line.startswith("NAME"):
            text.highlight_words([f" {word} "], style=style)
    return text
