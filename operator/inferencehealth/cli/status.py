"""`ihp status`: policies, workloads, pods and models as a tree, once or for as long as wanted."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import yaml
from rich.console import Console
from rich.live import Live as Screen
from rich.text import Text

from inferencehealth.checks.verdicts import Verdict
from inferencehealth.cli.fleet import Live, Scope, Seen, following, look
from inferencehealth.cli.sources import tell
from inferencehealth.kube import config
from inferencehealth.kube.client import connect
from inferencehealth.status.document import document, policy
from inferencehealth.status.lines import Layout, Line, lines, plain
from inferencehealth.status.tree import PolicyNode

BROKEN: Final = 1
"""Exit code where something is Broken, if that was asked for."""
REDRAW: Final = 1.0
"""Seconds after which the ages on a screen are written anew."""
PAUSE: Final = 0.25
"""Seconds between two redraws at least: changes come in bursts."""


class Output(StrEnum):
    """How it is printed."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be shown, and how. An empty namespace is that of the kubeconfig's context."""

    policy: str
    namespace: str
    everywhere: bool
    everything: bool
    system: str
    output: Output
    exit_code: bool


def status(kubeconfig: Path | None, wanted: Wanted, *, watch: bool) -> int:
    """Show it, once or until Ctrl-C; returns the exit code.

    Raises KubeError where the cluster can't be asked, typer.BadParameter for a policy that is
    not there.
    """
    with contextlib.suppress(KeyboardInterrupt):
        return asyncio.run(_status(kubeconfig, wanted, watch=watch))
    return 0


async def _status(kubeconfig: Path | None, wanted: Wanted, *, watch: bool) -> int:
    access = await config.load_briefly(kubeconfig)
    space = "" if wanted.everywhere else wanted.namespace or access.namespace or "default"
    everything = wanted.everything or wanted.output is not Output.TEXT
    scope = Scope(space, wanted.policy, wanted.system, everything)
    async with connect(access) as client:
        if watch:
            async with following(client, scope) as live:
                await _watch(live, wanted)
        seen = await look(client, scope)
    nodes = seen.nodes(scope.system)
    _show(nodes, seen.notes, wanted, space)
    bad = any(node.verdict == Verdict.BROKEN.value for node in nodes)
    return BROKEN if bad and wanted.exit_code else 0


def _show(
    nodes: Iterable[PolicyNode], notes: Iterable[str], wanted: Wanted, namespace: str
) -> None:
    if wanted.output is Output.JSON:
        print(json.dumps(document(nodes, notes), indent=2))
        return
    if wanted.output is Output.YAML:
        yaml.safe_dump(document(nodes, notes), sys.stdout, sort_keys=False)
        return
    told = list(lines(nodes, Layout(datetime.now(UTC), wanted.everything)))
    _print(told)
    if not told:
        where = f"namespace {namespace!r}" if namespace else "this cluster"
        tell(f"no InferenceHealthPolicy in {where}{'' if not namespace else '; -A shows all'}")
    for note in notes:
        tell(note)


def _print(told: Iterable[Line]) -> None:
    if not sys.stdout.isatty():
        sys.stdout.writelines(f"{plain(line)}\n" for line in told)
        sys.stdout.flush()
        return
    console = Console(highlight=False, soft_wrap=True)
    for line in told:
        console.print(Text.assemble(*line))


async def _watch(live: Live, wanted: Wanted) -> None:
    """Until cancelled."""
    if sys.stdout.isatty() and wanted.output is Output.TEXT:
        await _on_screen(live, wanted)
    else:
        await _in_lines(live, wanted)


async def _on_screen(live: Live, wanted: Wanted) -> None:
    console = Console(highlight=False)
    with Screen(console=console, auto_refresh=False, vertical_overflow="ellipsis") as screen:
        while True:
            screen.update(_picture(live.seen(), live.scope.system, wanted), refresh=True)
            live.changed.clear()
            await asyncio.sleep(PAUSE)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(live.changed.wait(), REDRAW - PAUSE)


def _picture(seen: Seen, system: str, wanted: Wanted) -> Text:
    """What fits on a screen begins with what is in trouble."""
    nodes = sorted(seen.nodes(system), key=lambda node: node.ready == "True")
    told = list(lines(nodes, Layout(datetime.now(UTC), wanted.everything)))
    told += [((note, "magenta"),) for note in seen.notes]
    text = Text("\n").join(Text.assemble(*line) for line in told)
    return text or Text("no InferenceHealthPolicy yet")


async def _in_lines(live: Live, wanted: Wanted) -> None:
    """Each policy whenever something about it changed: for logs and other programs."""
    before: dict[tuple[str, str], PolicyNode] = {}
    while True:
        live.changed.clear()
        nodes = {(node.namespace, node.name): node for node in live.seen().nodes(live.scope.system)}
        _news([node for key, node in nodes.items() if before.get(key) != node], wanted)
        for namespace, name in before.keys() - nodes.keys():
            tell(f"policy {namespace}/{name} is gone")
        before = nodes
        await asyncio.sleep(PAUSE)
        # Silence is no event: it has to be looked for.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(live.changed.wait(), REDRAW)


def _news(nodes: list[PolicyNode], wanted: Wanted) -> None:
    if wanted.output is Output.TEXT:
        _print(lines(nodes, Layout(datetime.now(UTC), wanted.everything)))
        return
    for node in nodes:
        if wanted.output is Output.JSON:
            print(json.dumps(policy(node)), flush=True)
        else:
            yaml.safe_dump(policy(node), sys.stdout, sort_keys=False, explicit_start=True)
            sys.stdout.flush()
