"""Writes the chart's values.yaml and values.schema.json from the model of its values.

Run by `make generate`: python -m inferencehealth.installation.chart manifests/chart
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel

from inferencehealth.installation.values import DEFAULTS, Values

_HEAD: Final = (
    "# Generated from operator/inferencehealth/installation/values.py by `make generate`.\n"
)


def values_yaml() -> str:
    """The defaults, every one with what it means."""
    return _HEAD + "".join(f"\n{entry}" for entry in _entries(DEFAULTS, ""))


def schema_json() -> str:
    """The JSON Schema that Helm holds a person's values against."""
    schema = Values.model_json_schema(by_alias=True)
    schema["$schema"] = "http://json-schema.org/draft-07/schema#"
    # Helm itself adds this one when the chart is part of another.
    schema["properties"]["global"] = {"type": "object", "description": "Values of a parent chart."}
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _entries(model: BaseModel, indent: str) -> list[str]:
    found = []
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        comment = f"{indent}# {field.description}\n" if field.description else ""
        key = field.alias or name
        if isinstance(value, BaseModel):
            below = "".join(_entries(value, f"{indent}  "))
            found.append(f"{comment}{indent}{key}:\n{below}")
        else:
            plain = model.model_dump(mode="json", include={name}, by_alias=True)
            found.append(comment + _indented(plain, indent))
    return found


def _indented(plain: dict[str, Any], indent: str) -> str:
    text = yaml.safe_dump(plain, sort_keys=False, width=100)
    return "".join(f"{indent}{line}\n" for line in text.splitlines())


def write(folder: Path) -> None:
    """Write both into the chart's folder."""
    (folder / "values.yaml").write_text(values_yaml(), "utf-8")
    (folder / "values.schema.json").write_text(schema_json(), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
