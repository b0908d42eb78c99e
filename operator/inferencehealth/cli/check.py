"""`ihp check`: the deep check of a profile, once, from here."""

import asyncio
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import typer
import yaml
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from inferencehealth.api.canary import Canary
from inferencehealth.api.durations import parse_duration
from inferencehealth.api.problems import explain
from inferencehealth.api.report import CheckSpec
from inferencehealth.api.server import Components, Models, ProfileName, RequiredModel
from inferencehealth.api.target import Selector
from inferencehealth.checker.once import Asked, Checked, check_once
from inferencehealth.checker.proof import Proof
from inferencehealth.checks.steps import Item, Outcome, Peer
from inferencehealth.checks.transports import ask
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.cli.address import parse_address, peers_at

EXIT_CODES: Final = {
    Verdict.READY: 0,
    Verdict.DEGRADED: 0,
    Verdict.BROKEN: 1,
    Verdict.LOADING: 3,
    Verdict.BUSY: 3,
    Verdict.ASLEEP: 3,
    Verdict.UNKNOWN: 4,
}
"""2 is wrong usage."""
COLOURS: Final = {
    Verdict.READY: "green",
    Verdict.DEGRADED: "yellow",
    Verdict.BUSY: "cyan",
    Verdict.LOADING: "cyan",
    Verdict.ASLEEP: "blue",
    Verdict.BROKEN: "bold red",
    Verdict.UNKNOWN: "magenta",
}
PATIENCE: Final = "5s"
"""Time one request may take, unless told otherwise."""
NOT_ASKED: Final = (
    "The engine behind the endpoints was not asked to infer anything; --canary asks it."
)
"""A green endpoint proves little; whoever reads Ready should know how much was asked."""


class Output(StrEnum):
    """How the result is printed."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask of a server at an address; `timeout` in seconds for each request, and a canary
    has its usual time at least."""

    profile: str
    models: Sequence[str] = ()
    components: Sequence[str] = ()
    timeout: float = 5.0
    ca_file: Path | None = None
    insecure: bool = False
    canary: bool = False


def check_address(target: str, question: Question, output: Output) -> int:
    """Check the server at a URL and print what was found; returns the exit code.

    Raises typer.BadParameter for an address or a profile that can't be used.
    """
    address = parse_address(target)
    peers = peers_at(address, ca_file=question.ca_file, insecure=question.insecure)
    proof = Proof() if question.canary else None
    found = asyncio.run(first_that_listens(spec_of(question, address.port), peers, proof))
    show(target, found, output)
    return EXIT_CODES[found.verdict]


async def first_that_listens(
    spec: CheckSpec, peers: Sequence[Peer], proof: Proof | None = None
) -> Checked:
    """The check of the first of a host's addresses where anybody listens, else of the last.

    "localhost" is often ::1 and 127.0.0.1, and servers listen on one of them.
    """
    for peer in peers[:-1]:
        found = await check_once(spec, peer, ask, proof)
        if any(step.outcome not in _NOBODY for step in found.steps):
            return found
    return await check_once(spec, peers[-1], ask, proof)


_NOBODY: Final = {Outcome.REFUSED, Outcome.UNREACHABLE}


def seconds(text: str, hint: str = "'--timeout'") -> float:
    """A time as it is typed, such as 5s or 500ms; raises typer.BadParameter."""
    try:
        found = parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=hint) from error
    if not found > 0:
        raise typer.BadParameter("give a time above zero", param_hint=hint)
    return found


def spec_of(question: Question, port: int) -> CheckSpec:
    """What is asked, as a checker is told."""
    known = [name.value for name in ProfileName if name not in _NOT_NAMED]
    if question.profile not in known:
        told = "which server is it?" if not question.profile else f"no {question.profile!r}"
        raise typer.BadParameter(
            f"{told} Give one of: {', '.join(known)}", param_hint="'--profile'"
        )
    return CheckSpec(
        profile=question.profile,
        container="server",
        port=port,
        pod_selector=Selector(),
        models=Models(required=tuple(map(_model, question.models))),
        components=Components(required=tuple(question.components)),
        interval=max(2 * question.timeout, 10.0),
        timeout=question.timeout,
        failure_threshold=1,
        success_threshold=1,
        startup_budget=0.0,
        canary=_canary(question) if question.canary else None,
    )


def _canary(question: Question) -> Canary:
    """The profile's own canary; it waits in everybody's queue, so never less than it would."""
    usual = Canary()
    return usual.model_copy(update={"timeout": max(question.timeout, usual.timeout)})


_NOT_NAMED: Final = {ProfileName.AUTO, ProfileName.CUSTOM}
"""Profiles that need a workload or a policy to say more."""


def _model(text: str) -> RequiredModel:
    """A model as NAME or NAME@VERSION."""
    name, _, version = text.partition("@")
    try:
        return RequiredModel(name=name, version=version)
    except ValidationError as error:
        raise typer.BadParameter(f"{text!r}: {explain(error)}", param_hint="'--model'") from error


def show(target: str, found: Checked, output: Output) -> None:
    """Print it."""
    if output is Output.JSON:
        print(json.dumps(document(target, found), indent=2))
    elif output is Output.YAML:
        yaml.safe_dump(document(target, found), sys.stdout, sort_keys=False)
    else:
        _tell(target, found)


def document(target: str, found: Checked) -> dict[str, Any]:
    """The result as JSON and YAML have it; times in seconds."""
    return {
        "target": target,
        "verdict": found.verdict.value,
        "reason": found.reason,
        "message": found.message,
        "latency": round(found.seconds, 4),
        "steps": [
            {
                "request": step.request,
                "outcome": step.outcome.value,
                "status": step.status,
                "latency": round(step.seconds, 4),
            }
            for step in found.steps
        ],
        "models": _items(found.models),
        "components": _items(found.components),
        "canaries": _items(found.canaries),
    }


def _items(items: Iterable[Item]) -> list[dict[str, Any]]:
    return [
        {
            "name": item.name,
            "version": item.version,
            "state": item.sign.value,
            "required": item.required,
            "reason": item.reason,
            "message": item.message,
        }
        for item in items
    ]


def _tell(target: str, found: Checked) -> None:
    console = Console(highlight=False, soft_wrap=True)
    tell_one(console, target, found)
    if found.verdict is Verdict.READY and not found.canaries:
        console.print(Text(f"  {NOT_ASKED}", style="dim"))


def tell_one(console: Console, name: str, found: Checked, indent: str = "") -> None:
    """Print one server's result."""
    line = Text(f"{indent}{name}  ")
    line.append(found.verdict.value, style=COLOURS[found.verdict])
    line.append(f"  {found.reason}")
    console.print(line)
    if found.message:
        console.print(Text(f"{indent}  {found.message}"))
    for step in found.steps:
        took = f"{step.seconds * 1000:.0f} ms"
        console.print(Text(f"{indent}  {step.request}  {_ended(step)}  {took}"))
    for item in found.canaries:
        model = f" of model {item.name} {item.version}".rstrip() if item.name else ""
        why = f"  {item.message}" if item.message else ""
        console.print(Text(f"{indent}  canary{model}: {item.sign.value}{why}"))
    for kind, items in (("model", found.models), ("component", found.components)):
        for item in items:
            model = f"{item.name} {item.version}".rstrip()
            why = f"  {item.message or item.reason}" if item.message or item.reason else ""
            console.print(Text(f"{indent}  {kind} {model}: {item.sign.value}{why}"))


def _ended(step: Asked) -> str:
    return str(step.status) if step.outcome is Outcome.ANSWERED else step.outcome.value
