"""Detection on whole manifests: the project's own, and the corpus of real ones where it is there.

Each table says for every workload of a folder what has to be recognised, or that nothing may be.
"""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from inferencehealth.cli.detect import row
from inferencehealth.manifests import workloads_in

HERE = Path(__file__).parent
OWN = HERE / "manifests"
CORPUS = Path(__file__).parents[4] / "shared" / "corpus"
EXPECTED = {
    OWN: HERE / "manifest_expectations.yaml",
    CORPUS: HERE / "corpus_expectations.yaml",
}


@cache
def seen(folder: Path) -> dict[tuple[str, str], dict[str, Any] | None]:
    """What is recognised in each workload of a folder, by file and workload."""
    found: dict[tuple[str, str], dict[str, Any] | None] = {}
    for file in sorted(folder.rglob("*.yaml")):
        workloads, unread = workloads_in(file.read_text())
        assert not unread, f"{file} was not read whole: {unread}"
        for one in workloads:
            said = row(one, "")
            told = {
                "profile": said.profile,
                "container": said.container,
                "port": said.port,
                "models": said.models,
            }
            key = (str(file.relative_to(folder)), one.ref)
            found[key] = told if said.profile else None
    return found


def expected(folder: Path) -> dict[tuple[str, str], dict[str, Any] | None]:
    table = YAML(typ="safe").load(EXPECTED[folder])
    return {
        (file, workload): told
        for file, workloads in table.items()
        for workload, told in workloads.items()
    }


@pytest.mark.parametrize("folder", [OWN, CORPUS], ids=["own", "corpus"])
def test_every_workload_of_a_folder_is_in_its_table(folder: Path) -> None:
    if not folder.is_dir():
        pytest.skip("the corpus of manifests is not beside the checkout")
    assert set(seen(folder)) == set(expected(folder))


@pytest.mark.parametrize(
    ("folder", "key", "told"),
    [
        pytest.param(folder, key, told, id="-".join((folder.name, *key)))
        for folder in EXPECTED
        for key, told in expected(folder).items()
    ],
)
def test_what_runs_is_recognised_and_nothing_else(
    folder: Path, key: tuple[str, str], told: dict[str, Any] | None
) -> None:
    if not folder.is_dir():
        pytest.skip("the corpus of manifests is not beside the checkout")
    assert seen(folder)[key] == told
