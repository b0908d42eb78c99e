"""docs/with-kserve.md: its snippets are whole objects, and the suites of e2e/ecosystem use them."""

from pathlib import Path

from e2e.ecosystem.owned import pasted
from e2e.ecosystem.page import objects, printed
from inferencehealth.api.policy import Policy

SUITES = Path(__file__).parents[3] / "e2e/ecosystem"


def test_every_object_of_the_page_is_applied_by_a_suite() -> None:
    texts = "".join(path.read_text() for path in SUITES.glob("test_*.py"))
    assert objects()
    for kind, name in objects():
        assert f'printed("{kind}", ' in texts
        assert f'"{name}"' in texts


def test_the_policies_of_the_page_can_be_read() -> None:
    for name in ("kserve", "groups"):
        raw = printed("InferenceHealthPolicy", name)
        raw["metadata"]["namespace"] = "ml"
        assert Policy.model_validate(raw).metadata.name == name


def test_what_is_pasted_into_a_manifest_leaves_what_it_does_not_name() -> None:
    given = {"kind": "K", "spec": {"list": [{"name": "a", "image": "i"}, {"name": "b"}], "n": 1}}
    more = {"spec": {"list": [{"name": "a", "probe": {"x": 1}}]}}
    assert pasted(given, more) == {
        "kind": "K",
        "spec": {"list": [{"name": "a", "image": "i", "probe": {"x": 1}}, {"name": "b"}], "n": 1},
    }
