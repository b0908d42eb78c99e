"""The controllers of others are built from pins with hashes, and from nothing on this disk."""

import re
from pathlib import Path

import pytest

from e2e.ecosystem.builds import GO

MODULES = sorted(path.parent for path in GO.glob("*/go.mod"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_controller_is_pinned_by_hash_and_no_module_is_a_folder(module: Path) -> None:
    go_mod = (module / "go.mod").read_text()
    assert go_mod.startswith("module inferencehealth.dev/e2e/")
    assert "=> ." not in go_mod
    assert "=> /" not in go_mod
    required = set(re.findall(r"^\s*(?:require )?(\S+\.\S+/\S+) (v\S+)", go_mod, re.MULTILINE))
    replaced = set(re.findall(r"(\S+) => ", go_mod))
    sums = (module / "go.sum").read_text()
    assert required
    assert not [f"{p} {v}" for p, v in required if f"{p} {v}" not in sums and p not in replaced]
