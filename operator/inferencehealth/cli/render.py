"""`ihp render`: manifests in, the same manifests with the planned probes out."""

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import typer
import yaml

from inferencehealth.api.policy import Policy
from inferencehealth.cli.policies import read_policies
from inferencehealth.cli.sources import STDIN, tell, texts
from inferencehealth.plan.default import default_policy
from inferencehealth.render.changes import with_replace
from inferencehealth.render.krm import function, is_resource_list
from inferencehealth.render.patches import json_patches, strategic_merge
from inferencehealth.render.rendering import About, Rendered, rendered
from inferencehealth.render.writing import as_yaml

FAILED = 1
"""Exit code where something that was asked for could not be done."""


class Output(StrEnum):
    """What is printed."""

    YAML = "yaml"
    STRATEGIC = "strategic"
    JSON_PATCH = "json-patch"


def render(
    sources: Sequence[str], policy_files: Sequence[Path], *, replace: bool, output: Output
) -> int:
    """Print the rendered manifests or patches; what was done is told on standard error.

    A ResourceList on standard input makes this a KRM function. Returns the exit code. Raises
    typer.BadParameter for files that are not there and policies that can't be understood.
    """
    given = read_policies(policy_files)
    if not sources:
        raise typer.BadParameter("name a manifest, a folder, or - for standard input")
    found = list(texts(sources))
    if not found:
        raise typer.BadParameter("nothing could be read")
    if len(found) == 1 and found[0][0] == STDIN and (listed := _resource_list(found[0][1])):
        chosen = tuple(map(with_replace, given)) if replace else given
        return _as_function(function(listed, chosen, replace=replace))
    policies = given or (default_policy(),)
    results = [(name, rendered(text, _chosen(policies, replace=replace))) for name, text in found]
    changes = [change for _, result in results for change in result.changes]
    if output is Output.STRATEGIC:
        sys.stdout.write(strategic_merge(changes))
    elif output is Output.JSON_PATCH:
        sys.stdout.write(json_patches(changes))
    else:
        sys.stdout.write(_joined([result.text for _, result in results]))
    return _tell(results, with_policy=bool(given))


def _chosen(policies: Sequence[Policy], *, replace: bool) -> tuple[Policy, ...]:
    return tuple(map(with_replace, policies)) if replace else tuple(policies)


def _joined(parts: Sequence[str]) -> str:
    """The files' texts as one stream of documents; one file stays as it is, byte for byte."""
    text = parts[0]
    for part in parts[1:]:
        text += "" if text.endswith("\n") else "\n"
        text += part if part.startswith("---") else f"---\n{part}"
    return text


def _tell(results: Sequence[tuple[str, Rendered]], *, with_policy: bool) -> int:
    """Say what was done; without a policy nobody asked about what is no model server."""
    notes = [(name, note) for name, result in results for note in result.notes]
    for name, note in notes:
        if with_policy or note.about is not About.NO_SERVER:
            tell(f"{name}:{note.line}: {note.text}")
    failures = {About.NOT_DONE, About.PROBLEM} if with_policy else {About.NOT_DONE}
    return FAILED if any(note.about in failures for _, note in notes) else 0


def _resource_list(text: str) -> dict[str, object] | None:
    if "ResourceList" not in text:
        return None
    try:
        parsed = yaml.safe_load(text)
    except yaml.YAMLError:
        return None  # several documents, or none: told with the rest
    return parsed if is_resource_list(parsed) else None


def _as_function(done: dict[str, object]) -> int:
    sys.stdout.write(as_yaml(done))
    results = done.get("results")
    listed = results if isinstance(results, list) else []
    return FAILED if any(each.get("severity") == "error" for each in listed) else 0
