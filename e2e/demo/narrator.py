"""The teller at the terminal: a rule a scene, the commands, a live line while waiting, the facts.

Without a terminal (CI, a pipe) the waiting line becomes a plain line now and then.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.status import Status

# A log does not need a line a look, but nobody shall think that it hangs.
LOG_SECONDS = 15.0
MARGIN = "  "


@dataclass(slots=True)
class Narrator:
    """Tells a person what happens; the audience of a stage."""

    console: Console
    scenes: int = 0
    _status: Status | None = None
    _said: float = 0.0
    _began: float = field(default_factory=time.monotonic)

    def scene(self, title: str, says: str) -> None:
        """A scene begins."""
        self._quiet()
        self.scenes += 1
        self.console.print()
        self.console.rule(f"[bold]{self.scenes}  {escape(title)}[/bold]", align="left")
        self._line(escape(says))

    def typed(self, command: str) -> None:
        """A command is about to run, as a person would type it."""
        self._quiet()
        self._line(f"[cyan]$ {escape(command)}[/cyan]")

    def waits(self, what: str, seen: str, elapsed: float) -> None:
        """Something has not happened yet."""
        text = f"{elapsed:4.0f} s  waiting for: {what}  [dim](now: {escape(_short(seen))})[/dim]"
        if not self.console.is_terminal:
            if time.monotonic() - self._said > LOG_SECONDS:
                self._said = time.monotonic()
                self._line(text)
        elif self._status is None:
            self._status = self.console.status(text)
            self._status.start()
        else:
            self._status.update(text)

    def saw(self, lines: Sequence[str]) -> None:
        """The awaited has happened; these are the facts."""
        self._quiet()
        for number, line in enumerate(lines):
            mark = "[green]✔[/green]" if number == 0 else " "
            self._line(f"{mark} {escape(line)}")

    def failed(self, message: str) -> None:
        """A step did not happen."""
        self._quiet()
        self._line(f"[red]✘ {escape(message)}[/red]")

    def says(self, text: str) -> None:
        """Plain words between scenes."""
        self._quiet()
        self._line(escape(text))

    def elapsed(self) -> float:
        """Seconds since the curtain rose."""
        return time.monotonic() - self._began

    def _line(self, markup: str) -> None:
        # Not wrapped: a command or a table has to come out of the terminal as it is.
        self.console.print(f"{MARGIN}{markup}", soft_wrap=True, highlight=False)

    def _quiet(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


def _short(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= 100 else f"{one_line[:99]}…"
