"""What a person sees while something is being made: one line per step, with its time."""

import contextlib
import time
from collections.abc import Iterator


@contextlib.contextmanager
def step(subject: str, doing: str) -> Iterator[None]:
    """Print `subject: doing …` at once and the seconds it took (or that it failed) at the end."""
    began = time.monotonic()
    print(f"{subject}: {doing} …", flush=True)
    try:
        yield
    except BaseException:
        print(f"{subject}: {doing} failed after {time.monotonic() - began:.1f} s", flush=True)
        raise
    print(f"{subject}: {doing} took {time.monotonic() - began:.1f} s", flush=True)
