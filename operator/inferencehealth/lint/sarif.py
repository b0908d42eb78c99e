"""Findings as SARIF 2.1.0, which code hosts show beside the lines of a change."""

import hashlib
import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from inferencehealth import __version__
from inferencehealth.findings.catalogue import RULES, anchor
from inferencehealth.findings.rule import Rule, Severity
from inferencehealth.lint.linting import Linted, Located

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS: Final[dict[Severity, str]] = {"error": "error", "warning": "warning", "info": "note"}
"""SARIF's words for our severities."""


def as_sarif(linted: Linted) -> str:
    """The findings as one SARIF log with one run."""
    driver = {"name": "ihp", "version": __version__, "rules": [_rule(rule) for rule in RULES]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one) for one in linted.findings],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": rule.id,
        "shortDescription": {"text": rule.what},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.remedy} See {anchor(rule.id)}."},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
    }


def _result(one: Located) -> dict[str, Any]:
    found = one.finding
    index = next((n for n, rule in enumerate(RULES) if rule.id == found.id), None)
    name = "/".join(part for part in (one.ref, found.container) if part)
    location: dict[str, Any] = {
        "logicalLocations": [{"fullyQualifiedName": name, "kind": "resource"}]
    }
    if one.file:
        location["physicalLocation"] = {
            "artifactLocation": {"uri": _uri(one.file)},
            "region": {"startLine": max(one.line, 1)},
        }
    return {
        "ruleId": found.id,
        **({} if index is None else {"ruleIndex": index}),
        "level": LEVELS[found.severity],
        "message": {"text": " ".join(part for part in (found.message, found.remedy) if part)},
        "locations": [location],
        "partialFingerprints": {"finding/v1": _fingerprint(one)},
    }


def _uri(file: str) -> str:
    return Path(file).as_uri() if Path(file).is_absolute() else quote(file)


def _fingerprint(one: Located) -> str:
    """The same for the same finding at another line."""
    parts = (one.finding.id, one.file, one.ref, one.finding.container, one.finding.message)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
