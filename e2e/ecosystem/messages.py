"""What a tool tells its user about a sync, and what we tell about the tool, as text. Pure."""

import re
from collections.abc import Mapping
from typing import Any

import yaml


def told(raw: Mapping[str, Any]) -> str:
    """Everything that an Application or a Kustomization says in words."""
    status = raw.get("status", {})
    operation = status.get("operationState", {})
    results = operation.get("syncResult", {}).get("resources", ())
    parts = [
        *(str(each.get("message", "")) for each in status.get("conditions", ())),
        str(operation.get("message", "")),
        *(str(each.get("message", "")) for each in results),
    ]
    return "\n".join(part for part in parts if part)


def snippet(remedy: str) -> dict[str, Any]:
    """The fields of an Application's spec that a message of ours gives, to be merged into it."""
    ignored = re.search(r"spec\.ignoreDifferences: (\[\{.*?\}\])", remedy)
    options = re.search(r"spec\.syncPolicy\.syncOptions: (\[.*?\])", remedy)
    assert ignored, f"no ignoreDifferences in: {remedy}"
    assert options, f"no syncOptions in: {remedy}"
    return {
        "ignoreDifferences": yaml.safe_load(ignored[1]),
        "syncPolicy": {"syncOptions": yaml.safe_load(options[1])},
    }
