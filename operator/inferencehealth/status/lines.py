"""The tree as text: what serves is a number, what does not is told with its cause. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from inferencehealth.checks.verdicts import RANK
from inferencehealth.controller.moments import elapsed
from inferencehealth.status.tree import (
    UNTROUBLED,
    ItemNode,
    PodNode,
    PolicyNode,
    WorkloadNode,
)

Part = tuple[str, str]
"""A piece of text and its style, in the words of rich; "" for none."""
Line = tuple[Part, ...]

STYLES: Final = {
    "Ready": "green",
    "Degraded": "yellow",
    "Busy": "cyan",
    "Loading": "cyan",
    "Asleep": "blue",
    "Broken": "bold red",
    "Unknown": "magenta",
}
"""How verdicts look where there are colours; the word always stands beside."""
DIM: Final = "dim"
PODS_SHOWN: Final = 10
"""Pods in trouble shown of one workload before "and N more": the worst come first."""
_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "m"))


@dataclass(frozen=True, slots=True)
class Layout:
    """How much is shown, and at what moment."""

    now: datetime
    everything: bool = False
    """Also each pod, model and component that serves."""


def lines(nodes: Iterable[PolicyNode], layout: Layout) -> Iterator[Line]:
    """All of it, in order; what is not printable in an object's words is left out."""
    for node in nodes:
        for line in _policy(node, layout):
            yield tuple((_printable(text), style) for text, style in line)


def plain(line: Line) -> str:
    """A line without styles."""
    return "".join(text for text, _ in line).rstrip()


def _printable(text: str) -> str:
    # Whoever may write a report shall not move the cursor of who reads it.
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def _policy(node: PolicyNode, layout: Layout) -> Iterator[Line]:
    facts = [f"pods {node.serving}/{node.total}"]
    facts += [f"mode {node.mode}"] if node.mode else []
    told = node.verdict or "-"
    yield (
        (f"{node.namespace}/{node.name}", "bold"),
        ("  ", ""),
        (told, STYLES.get(told, "")),
        (f"  Ready={node.ready} {node.reason}  {', '.join(facts)}", ""),
    )
    below: list[Sequence[Line]] = []
    if not node.workloads and node.message:
        below.append([((node.message, ""),)])
    below += [list(_workload(w, layout)) for w in node.workloads]
    below += [[((f"waits for somebody: {p.id}: {p.message}", "red"),)] for p in node.problems]
    below += [[_command(each)] for each in node.next]
    yield from _under(below)


def _workload(node: WorkloadNode, layout: Layout) -> Iterator[Line]:
    serving = f"pods {node.serving}/{max(node.total, node.desired)}"
    models = f", models {node.models}" if node.models != "-" else ""
    facts = f"{serving}{models}, probes {node.probes}{_since(node.since, layout)}"
    yield (
        (node.ref, ""),
        (f" ({node.profile})" if node.profile else "", DIM),
        ("  ", ""),
        (node.verdict, STYLES.get(node.verdict, "")),
        (f" {node.reason}" if node.reason not in {"", node.verdict} else "", ""),
        (f"  {facts}", ""),
    )
    pods = [p for p in node.pods if layout.everything or p.verdict not in UNTROUBLED]
    shown = pods if layout.everything else pods[:PODS_SHOWN]
    below: list[Sequence[Line]] = []
    if node.message and not shown and (node.short or node.verdict not in UNTROUBLED):
        below.append([((node.message, ""),)])
    below += [list(_pod(pod, layout)) for pod in shown]
    if len(pods) > len(shown):
        below.append([((f"and {len(pods) - len(shown)} more pods in trouble", DIM),)])
    below += [[_item(item)] for item in node.items if layout.everything or not item.serves]
    below += [[((f"{f.id}: {f.message}", "yellow"),)] for f in node.findings]
    if node.probes_message:
        below.append([((f"probes {node.probes}: {node.probes_message}", "yellow"),)])
    below += [[_command(each)] for each in node.next]
    yield from _under(below)


def _pod(node: PodNode, layout: Layout) -> Iterator[Line]:
    reason = f" {node.reason}" if node.reason != node.verdict else ""
    yield (
        (f"pod/{node.name}  ", ""),
        (node.verdict, STYLES.get(node.verdict, "")),
        (f"{reason}{_since(node.since, layout)}{_extras(node)}", ""),
        (f": {node.message}" if node.message else "", ""),
    )
    yield from _under([[_command(each)] for each in node.next])


def _extras(node: PodNode) -> str:
    told = [f"{node.latency * 1000:.0f} ms"] if node.latency else []
    told += [f"restarts {node.restarts}"] if node.restarts else []
    told += [f"gate {node.gate}"] if node.gate not in {"", "Open"} else []
    if node.verdict in UNTROUBLED and not node.kubelet_ready:
        told.append("the kubelet says not ready")
    if RANK.get(node.verdict, 0) == max(RANK.values()) and node.kubelet_ready:
        told.append("the kubelet says ready")
    return "".join(f", {each}" for each in told)


def _item(node: ItemNode) -> Line:
    why = " ".join(filter(None, (node.reason, node.message)))
    required = ", required" if node.required else ""
    return (
        (f"{node.kind} {node.name}  ", ""),
        (node.state, STYLES.get(node.state, "")),
        (f" on {node.ready} of {node.total} pods{required}", ""),
        (f": {why}" if why else "", ""),
    )


def _command(text: str) -> Line:
    return (("→ ", DIM), (text, "bold cyan"))


def _since(since: str, layout: Layout) -> str:
    return f", for {age(elapsed(since, layout.now))}" if since else ""


def age(seconds: float) -> str:
    """A time as kubectl writes ages: 45s, 12m, 3h, 2d."""
    if seconds == float("inf"):
        return "long"
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def _under(blocks: Sequence[Sequence[Line]]) -> Iterator[Line]:
    """The blocks with the branches of a tree before them."""
    for number, block in enumerate(blocks):
        last = number == len(blocks) - 1
        for row, line in enumerate(block):
            first = "└─ " if last else "├─ "
            rest = "   " if last else "│  "
            yield ((first if row == 0 else rest, DIM), *line)
