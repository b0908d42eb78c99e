"""Findings in manifests that people really deploy, and in the project's own."""

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from inferencehealth.lint.linting import Linted, joined, lint_text

CORPUS = Path(__file__).parents[4] / "shared" / "corpus"


@cache
def linted(folder: Path) -> Linted:
    if not folder.is_dir():
        pytest.skip("the corpus of manifests is not beside the checkout")
    files = sorted(folder.rglob("*.yaml"))
    return joined(lint_text(file.name, file.read_text(), ()) for file in files)


def test_every_error_in_the_corpus_is_one_that_was_read_by_a_person() -> None:
    errors = {
        (one.file, one.finding.id)
        for one in linted(CORPUS).findings
        if one.finding.severity == "error"
    }
    assert errors == {
        ("samples_adapter_base-api-key.yaml", "NoProbes"),
        ("samples_quickstart_tensorrt_tensor-rt.yaml", "NoProbes"),
    }


def test_the_corpus_has_these_troubles_and_no_others() -> None:
    counts = Counter(
        one.finding.id for one in linted(CORPUS).findings if one.finding.severity == "warning"
    )
    assert set(counts) == {
        "NoStartupProbe",  # a delay of 120 s for an 8 B model
        "RestartBeforeTrafficStops",  # liveness 3 × 5 s beside readiness 5 × 5 s
        "RolloutCanStall",
        "StartupBelowBudget",  # startup 30 × 5 s: vllm-project/aibrix#772
        "TimeoutTooShort",
    }
    assert len(linted(CORPUS).judged) == 24
