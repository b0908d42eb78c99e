"""The threat model promises tests: each that it names has to exist, and to be one that runs."""

import ast
import re
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "security.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
ROWS = [line for line in PAGE.split("## Threat model")[1].splitlines() if line.startswith("| ")]
ADVISORIES = (
    "CVE-2026-24005",
    "CVE-2026-22039",
    "CVE-2026-84199",
    "CVE-2026-4789",
    "CVE-2026-41323",
    "CVE-2026-77524",
    "CVE-2026-8715",
    "CVE-2026-40564",
    "CVE-2026-18378",
    "CVE-2025-29781",
    "GHSA-fcxq-v2r3-cc8h",
    "CVE-2020-8555",
    "CVE-2025-32777",
    "CVE-2026-44247",
    "CVE-2025-69223",
    "CVE-2026-128131",
    "CVE-2026-40319",
    "CVE-2026-23990",
    "CVE-2026-93017",
    "CVE-2025-10725",
    "GHSA-xggc-qprg-x6mw",
)
SUBJECTS = ("SSRF", "rebinding", "redirects", "header injection", "smuggling", "ReDoS", "gates")


@lru_cache
def names_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    found = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in found if node.name.startswith("test_"))


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED)))
def test_a_test_that_the_threat_model_names_exists(path: str, name: str) -> None:
    assert name in names_in(path)


def test_every_row_of_the_threat_model_names_a_test() -> None:
    heads = ("| what he tries", "| advisory", "| ---")
    rows = [row for row in ROWS if not row.startswith(heads)]
    assert len(rows) > 40
    assert [row for row in rows if "::test_" not in row] == []


@pytest.mark.parametrize("advisory", ADVISORIES)
def test_every_advisory_has_its_row(advisory: str) -> None:
    assert re.search(rf"\b{advisory}\b", PAGE)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_subject_has_its_rows(subject: str) -> None:
    assert f"**{subject}" in PAGE
