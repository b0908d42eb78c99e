"""docs/what-green-hides.md, made from a recorded run of the fault matrix.

Run by `make generate`: python -m tests.conformance.page docs/what-green-hides.md; with --keep it
first takes over what the last run saw (`make record`).
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from inferencehealth.checks.verdicts import Verdict
from tests.conformance import recorded
from tests.conformance.faults import Cell, Fault, Walk
from tests.conformance.matrix import CANARY, PACE
from tests.conformance.stands import STANDS, Stand

_TITLES = {
    "vllm": "vLLM 0.20.2",
    "ollama": "Ollama 0.17.4",
    "llamacpp": "llama-server of llama.cpp",
    "triton": "Triton 2.51.0, a model in Python",
    "triton-ensemble": "Triton 2.51.0, an ensemble",
    "mlserver": "MLServer 1.7.1",
    "kserve": "KServe's Python server 0.21.0",
}

_HEAD = """# What a green endpoint hides

<!-- Made from tests/conformance/recorded/ by `make generate`; `make record` makes a new run. -->

The failure that people report most of model servers is "healthy, but every request hangs". No
health endpoint shows it. Here real servers are brought into it, and into everything that looks
like it and is none, with three observers at work: the endpoint itself, a kubelet with the usual
probe on it (every 10 s, 1 s to answer, three failures), and the operator with a policy that says
nothing but the model's name.

- **Said** is the status that the endpoint itself answered while the fault lasted; – is no answer.
- **The usual probe** is what the kubelet makes of it: `passes`, or `fails`, which takes the pod
  out of traffic and, as a liveness probe, restarts it.
- **We said** is the operator's verdict, with its reason ([verdicts](verdicts.md)).
- **After** is the time from the fault until the operator said so; nothing where that is what it
  had said before. The run has a check every {check:g} s and a canary every {canary:g} s, where the
  defaults are 10 s and a minute, and is as much less patient with counters that stand still, which
  may take 20 s to two minutes by default; timeouts are those of the defaults for checks.

The liveness probe that the operator injects failed in none of these faults but the one that a
restart mends, a process that hangs as a whole.

In bold: what the endpoint hides. The engine is vLLM's engine process, Ollama's runner, and the
process of the model in Triton.
"""

_TABLE = """
## {title}

The endpoint is `GET {path}`.

| fault | said | the usual probe | we said | after |
| --- | --- | --- | --- | --- |
"""


def page(servers: dict[str, Walk]) -> str:
    """The whole page: a table for each server."""
    parts = [_HEAD.format(check=10 / PACE, canary=CANARY["interval"])]
    for server in STANDS:
        if server in servers:
            table = _TABLE.format(title=_TITLES[server], path=STANDS[server].path)
            rows = "".join(_rows(STANDS[server], servers[server]))
            parts.append(table + rows + _note(server))
    return "".join(parts)


def _note(server: str) -> str:
    """What a reader must know of this server's run besides."""
    note = recorded.CHECKED_IN / f"{server}.md"
    return f"\n{note.read_text()}" if note.exists() else ""


def hidden(cell: Cell) -> bool:
    """Whether the endpoint was green over a server that did not serve."""
    return not cell.usual and cell.verdict in {Verdict.BROKEN.value, Verdict.ASLEEP.value}


def _rows(stand: Stand, walk: Walk) -> Iterator[str]:
    for fault in Fault:
        cell = walk.get(fault)
        if cell is not None:
            yield _row(fault, cell)
        elif fault in stand.faults or fault in stand.fatal:
            yield f"| {fault.value} | not judged in this run | | | |\n"


def _row(fault: Fault, cell: Cell) -> str:
    said = str(cell.health or "–")
    usual = "fails" if cell.usual else "passes"
    reason = "" if cell.verdict == Verdict.READY.value else f": {cell.reason}"
    after = f"{max(cell.seconds, 1):.0f} s" if cell.verdict in cell.verdicts else ""
    name = f"**{fault.value}**" if hidden(cell) else fault.value
    return f"| {name} | {said} | {usual} | {cell.verdict}{reason} | {after} |\n"


def main(argv: list[str]) -> None:
    """Write the page to the file that is named; --keep: of the last run."""
    *options, target = argv
    if "--keep" in options:
        print("recorded:", ", ".join(recorded.keep()) or "nothing")
    Path(target).write_text(page(dict(recorded.read(recorded.CHECKED_IN))))


if __name__ == "__main__":
    main(sys.argv[1:])
