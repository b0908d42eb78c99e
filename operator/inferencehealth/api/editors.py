"""The definitions as plain JSON Schema, for editors (yaml-language-server) and CI (kubeconform).

`python -m inferencehealth.api.editors DIRECTORY` writes them as kubeconform looks for them,
GROUP/KIND_VERSION.json; a test fails when schemas/ is stale. An unknown field is an error in them:
the API server drops one silently when nobody asks it for strict validation.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

from inferencehealth.api.crds import Manifest, policy_crd, report_crd
from inferencehealth.api.names import API_VERSION, GROUP, VERSION
from inferencehealth.api.schema import Schema

DIALECT: Final = "http://json-schema.org/draft-07/schema#"
"""The newest that yaml-language-server and kubeconform both read."""


def json_schema(crd: Manifest) -> Schema:
    """The JSON Schema of a definition's objects.

    It is what the API server checks but for the CEL rules, which JSON Schema has no words for.
    """
    kind = crd["spec"]["names"]["kind"]
    found = _node(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    properties = found["properties"] | {
        "apiVersion": {"description": f"{API_VERSION}.", "const": API_VERSION},
        "kind": {"description": f"{kind}.", "const": kind},
        "metadata": {"type": "object", "description": "Name, namespace, labels, annotations."},
    }
    return {
        "$schema": DIALECT,
        "title": kind,
        **found,
        "properties": properties,
        "required": ["apiVersion", "kind", "metadata", "spec"],
    }


def _node(node: Schema) -> Schema:
    out: dict[str, Any] = {
        key: value
        for key, value in node.items()
        if not key.startswith("x-kubernetes-") and (key, value) != ("format", "int64")
    }
    if "properties" in node:
        out["properties"] = {name: _node(child) for name, child in node["properties"].items()}
        if not node.get("x-kubernetes-preserve-unknown-fields"):
            out["additionalProperties"] = False
    elif isinstance(node.get("additionalProperties"), dict):
        out["additionalProperties"] = _node(node["additionalProperties"])
    if "items" in node:
        out["items"] = _node(node["items"])
    return out


def write(directory: Path) -> list[Path]:
    """Write both schemas below the directory; returns the files."""
    folder = directory / GROUP
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for crd in (policy_crd(), report_crd()):
        path = folder / f"{crd['spec']['names']['singular']}_{VERSION}.json"
        path.write_text(json.dumps(json_schema(crd), indent=2) + "\n", encoding="utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    for path in write(Path(sys.argv[1])):
        print(path)
