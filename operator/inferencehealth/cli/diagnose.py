"""`ihp diagnose`: finds out why a server does not serve, and says what to do about it."""

import asyncio
import json
import sys
from typing import Any, Final

import typer
import yaml
from rich.console import Console
from rich.text import Text

from inferencehealth.cli.address import is_url
from inferencehealth.cli.check import (
    COLOURS,
    EXIT_CODES,
    Output,
    Question,
)
from inferencehealth.cli.facts.cluster import Place, of_cluster
from inferencehealth.cli.facts.url import of_url
from inferencehealth.diagnosis.procedure import Diagnosis, Mark, diagnose

MARKS: Final = {Mark.GOOD: "✓", Mark.BAD: "✗"}


def diagnose_target(target: str, question: Question, place: Place, output: Output) -> int:
    """Collect the facts, print the diagnosis; returns the exit code, as of `ihp check`.

    Raises KubeError where the cluster can't be asked or has no such object, and
    typer.BadParameter for a target or profile that can't be used.
    """
    if is_url(target):
        facts = asyncio.run(of_url(target, question))
    elif question.profile:
        told = "it goes with a URL; the server of a pod is recognised, or named by its policy"
        raise typer.BadParameter(told, param_hint="'--profile'")
    else:
        facts = asyncio.run(of_cluster(target, place, question.timeout))
    found = diagnose(facts)
    _show(found, output)
    return EXIT_CODES[found.found.verdict]


def _show(found: Diagnosis, output: Output) -> None:
    if output is Output.JSON:
        print(json.dumps(document(found), indent=2))
    elif output is Output.YAML:
        yaml.safe_dump(document(found), sys.stdout, sort_keys=False)
    else:
        _tell(found)


def document(found: Diagnosis) -> dict[str, Any]:
    """The diagnosis as JSON and YAML have it."""
    return {
        "target": found.target,
        "verdict": found.found.verdict.value,
        "cause": found.found.cause.value,
        "message": found.found.summary,
        "evidence": list(found.found.evidence),
        "steps": [
            {"question": each.question, "result": each.mark.value, "message": each.told}
            for each in found.asked
        ],
        "advice": list(found.advice),
        "commands": list(found.commands),
    }


def _tell(found: Diagnosis) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for each in found.asked:
        if each.mark is not Mark.SKIPPED:
            told = f": {each.told}" if each.told else ""
            console.print(Text(f"{MARKS[each.mark]} {each.mark.value:<4}  {each.question}{told}"))
    result = Text(f"{found.target}  ")
    result.append(found.found.verdict.value, style=COLOURS[found.found.verdict])
    result.append(f"  cause: {found.found.cause.value}: {found.found.summary}")
    console.print(result)
    for evidence in found.found.evidence:
        console.print(Text(f"  evidence: {evidence}"))
    for advice in found.advice:
        console.print(Text(f"  do: {advice}"))
    for command in found.commands:
        console.print(Text(f"  next: {command}", style="bold"))
