"""Policies out of files, for commands that need no cluster."""

from collections.abc import Iterable
from pathlib import Path

import typer
from pydantic import ValidationError

from inferencehealth.api.names import POLICY_KIND
from inferencehealth.api.policy import Policy
from inferencehealth.api.problems import explain
from inferencehealth.cli.sources import texts
from inferencehealth.manifests import Unread, documents, read

HINT = "'--policy'"


def read_policies(files: Iterable[Path]) -> tuple[Policy, ...]:
    """The policies in those files, in order; objects of other kinds are passed over.

    Raises typer.BadParameter, which names file, field and remedy, for a policy that can't be
    understood and for a file without any.
    """
    return tuple(policy for file in files for policy in _policies(file))


def _policies(file: Path) -> list[Policy]:
    found: list[Policy] = []
    for name, text in texts([str(file)]):
        for document in documents(text):
            parsed = read(document)
            if isinstance(parsed, Unread):
                raise typer.BadParameter(f"{name}:{parsed.line}: {parsed.why}", param_hint=HINT)
            objects = [raw for _, raw in parsed if raw.get("kind") == POLICY_KIND]
            for raw in objects:
                try:
                    found.append(Policy.model_validate(raw))
                except ValidationError as error:
                    told = f"{name}:{document.line}: {explain(error)}"
                    raise typer.BadParameter(told, param_hint=HINT) from error
    if not found:
        raise typer.BadParameter(f"{file} has no {POLICY_KIND}", param_hint=HINT)
    return found
