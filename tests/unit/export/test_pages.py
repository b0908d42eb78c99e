"""The pages about exports and troubleshooting name everything there is."""

from pathlib import Path

import pytest

from inferencehealth.diagnosis.causes import Cause
from inferencehealth.export.formats import FORMATS

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_explained(form: str) -> None:
    assert f"| `{form}` |" in (DOCS / "exports.md").read_text()


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_is_explained(cause: Cause) -> None:
    assert f"| {cause.value} |" in (DOCS / "troubleshooting.md").read_text()
