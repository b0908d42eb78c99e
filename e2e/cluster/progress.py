"""Tell a person what is going on: a line a step, kept alive while a step takes long."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

# A terminal's line is redrawn; a log gets a line a minute, so that nobody thinks it hangs.
TERMINAL_TICK = 1.0
LOG_TICK = 60.0


@dataclass(frozen=True, slots=True)
class Progress:
    """Where progress goes; standard error, so that standard output stays for results."""

    out: TextIO

    def say(self, text: str) -> None:
        """Write one line."""
        self._write(f"{text}\n")

    @contextlib.contextmanager
    def task(self, label: str, since: float | None = None) -> Iterator[None]:
        """Show a task while it runs, and its time when it has ended well.

        `since` (of time.monotonic) is the begin of a greater whole whose time is shown too.
        """
        started = time.monotonic()
        done = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(label, started, since, done))
        ticker.start()
        try:
            yield
        except BaseException:
            done.set()
            ticker.join()
            self._finish(f"{label:<40} failed")
            raise
        done.set()
        ticker.join()
        self._finish(line(label, started, since, time.monotonic()))

    def _tick(self, label: str, started: float, since: float | None, done: threading.Event) -> None:
        terminal = self.out.isatty()
        while not done.wait(TERMINAL_TICK if terminal else LOG_TICK):
            text = line(label, started, since, time.monotonic())
            self._write(f"\r\033[K{text} …" if terminal else f"{text} …\n")

    def _finish(self, text: str) -> None:
        self._write(f"\r\033[K{text}\n" if self.out.isatty() else f"{text}\n")

    def _write(self, text: str) -> None:
        self.out.write(text)
        self.out.flush()


def line(label: str, started: float, since: float | None, now: float) -> str:
    """One line about a task: `etcd            0.4 s`."""
    whole = "" if since is None else f"   {now - since:.0f} s in all"
    return f"{label:<40} {now - started:6.1f} s{whole}"


def to_stderr() -> Progress:
    """Progress for a person at a terminal."""
    return Progress(sys.stderr)
