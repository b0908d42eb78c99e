"""Fuzzes what a server's answer goes through: bytes, reading by every profile, verdict.

`python -m tests.fuzz.http_response [SECONDS]`, or `make fuzz`. What an input is says `exchange`;
they start from its seeds. One that breaks something is left in the folder that is printed; given
as an argument it is run alone.
"""

import sys
import tempfile
from pathlib import Path
from typing import Final

import atheris

with atheris.instrument_imports(include=["inferencehealth", "json"]):
    from tests.fuzz.exchange import bodies, exchange, seeds

SECONDS: Final = 60
MAX_INPUT: Final = 128 * 1024
"""Bytes of an input: more than a body may have."""
SLOW: Final = 5
"""Seconds that one input may take; a real one takes microseconds."""
MEMORY: Final = 1024
"""MiB that the process may take."""
EVERY: Final = 7
"""One seed in so many is a start: they are much alike, and the fuzzer reads them all first."""


def write_seeds(folder: Path) -> None:
    """The corpus that the fuzzer starts from."""
    starts = [*seeds().values(), *bodies().values()][::EVERY]
    for number, data in enumerate(starts):
        (folder / f"seed-{number}").write_bytes(data[:MAX_INPUT])


def main() -> None:
    """Runs for the given seconds, or one input that is a file."""
    given = sys.argv[1] if len(sys.argv) > 1 else str(SECONDS)
    if Path(given).is_file():
        exchange(Path(given).read_bytes())
        return
    folder = Path(tempfile.mkdtemp(prefix="ihp-fuzz-"))
    corpus = folder / "corpus"
    corpus.mkdir()
    write_seeds(corpus)
    print(f"inputs that break something are left in {folder}", flush=True)
    options = [
        f"-max_total_time={int(given)}",
        f"-max_len={MAX_INPUT}",
        f"-timeout={SLOW}",
        f"-artifact_prefix={folder}/",
        f"-rss_limit_mb={MEMORY}",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], exchange)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
