"""Edits of a manifest's text touch what they are about and nothing else."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from inferencehealth.render.editing import CannotEditError, Edit, edited

TCP: dict[str, Any] = {"tcpSocket": {"port": 8000}, "periodSeconds": 5}
FIRST = ("containers", 0)


def test_a_field_is_added_after_the_last_one_and_every_comment_stays() -> None:
    text = "# top\ncontainers:\n- name: a  # who\n  image: x # what\n\n# the end\n"
    assert edited(text, [Edit(FIRST, {"livenessProbe": TCP})]) == (
        "# top\ncontainers:\n- name: a  # who\n  image: x # what\n"
        "  livenessProbe:\n    tcpSocket:\n      port: 8000\n    periodSeconds: 5\n"
        "\n# the end\n"
    )


def test_a_field_takes_the_place_of_the_old_one_as_a_whole() -> None:
    text = "containers:\n- name: a\n  livenessProbe:\n    exec: {command: [x]}\n  image: y\n"
    assert edited(text, [Edit(FIRST, {"livenessProbe": TCP})]) == (
        "containers:\n- name: a\n  livenessProbe:\n    tcpSocket:\n      port: 8000\n"
        "    periodSeconds: 5\n  image: y\n"
    )


def test_the_first_field_of_a_list_entry_can_be_replaced() -> None:
    text = "containers:\n  - livenessProbe: {exec: {command: [x]}}\n    name: a\n"
    done = edited(text, [Edit(FIRST, {"livenessProbe": TCP})])
    assert done.startswith("containers:\n  - livenessProbe:\n      tcpSocket:\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'containers: [{name: a, image: "y"}]\n',
            'containers: [{name: a, image: "y", "p": {"n": 1}}]\n',
        ),
        (
            '{"containers": [\n  {\n    "name": "a"\n  }\n]}',
            '{"containers": [\n  {\n    "name": "a",\n    "p": {\n      "n": 1\n    }\n  }\n]}',
        ),
        ('{"containers": [{"name": "a"}]}', '{"containers": [{"name": "a", "p": {"n": 1}}]}'),
        (
            "containers: [{name: a, p: {old: 2}, image: y}]",
            'containers: [{name: a, p: {"n": 1}, image: y}]',
        ),
    ],
)
def test_json_and_flow_yaml_keep_their_shape(text: str, expected: str) -> None:
    assert edited(text, [Edit(FIRST, {"p": {"n": 1}})]) == expected


@pytest.mark.parametrize(
    "last",
    [
        "args: ['a', \"b\"]",
        "script: |\n    one\n    two",
        "script: |-\n    one\n\n    two",
        "script: >\n    one\n    two",
        "text: one\n    two",
        "nested:\n    deep:\n    - x: 1\n      # a comment\n    - y",
        "nothing:",
        "empty: {}",
        "unicode: grüße 🚀",
    ],
)
@pytest.mark.parametrize("end", ["\n", "\n\n", "\n  # comment\n"])
def test_whatever_stands_last_the_field_comes_after_it(last: str, end: str) -> None:
    text = f"containers:\n- name: ä\n  {last}{end}"
    done = edited(text, [Edit(FIRST, {"p": TCP})])
    document = next(yaml.safe_load_all(done))
    assert document["containers"][0]["p"] == TCP
    assert list(document["containers"][0])[-1] == "p"


def test_windows_line_ends_stay() -> None:
    text = "containers:\r\n- name: a\r\n  image: x\r\nkind: D\r\n"
    done = edited(text, [Edit(FIRST, {"p": TCP})])
    assert "\n" not in done.replace("\r\n", "")
    assert yaml.safe_load(done)["containers"][0]["p"] == TCP


def test_two_containers_are_edited_in_one_go() -> None:
    text = "containers:\n- name: a\n- name: b\n"
    done = edited(text, [Edit(("containers", 1), {"p": 1}), Edit(FIRST, {"p": 2})])
    assert done == "containers:\n- name: a\n  p: 2\n- name: b\n  p: 1\n"


def test_a_container_that_two_places_share_is_refused() -> None:
    text = "one: &c\n- name: a\ncontainers: *c\n"
    with pytest.raises(CannotEditError, match="write the container out in full"):
        edited(text, [Edit(FIRST, {"p": 1})])


def test_a_block_text_at_an_unfinished_end_is_refused() -> None:
    with pytest.raises(CannotEditError, match="ends without a newline"):
        edited("containers:\n- name: a\n  script: |\n    one", [Edit(FIRST, {"p": 1})])


def test_a_place_that_is_not_there_is_refused() -> None:
    with pytest.raises(CannotEditError, match=r"nothing at containers\.3"):
        edited("containers: []", [Edit(("containers", 3), {"p": 1})])


_NAMES = st.text("abcxyz", min_size=1, max_size=5)
_SCALARS = st.one_of(
    st.integers(), st.booleans(), st.none(), st.text(max_size=30).filter(lambda t: t.isprintable())
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(
    before=st.dictionaries(_NAMES, _VALUES, min_size=1, max_size=4),
    new=st.dictionaries(_NAMES, _VALUES, min_size=1, max_size=2),
    style=st.sampled_from(["block", "flow", "json", "spread"]),
)
@settings(max_examples=150, deadline=None)
def test_any_container_in_any_style_says_afterwards_what_it_should(
    before: dict[str, Any], new: dict[str, Any], style: str
) -> None:
    whole = {"kind": "D", "containers": [{"name": "n", **before}, {"name": "other"}], "z": [1]}
    text = {
        "block": yaml.safe_dump(whole, sort_keys=False, allow_unicode=True),
        "flow": yaml.safe_dump(whole, sort_keys=False, default_flow_style=True),
        "json": json.dumps(whole, ensure_ascii=False),
        "spread": json.dumps(whole, indent=4, ensure_ascii=False),
    }[style]
    done = yaml.safe_load(edited(text, [Edit(FIRST, new)]))
    expected = {"name": "n", **before, **new}
    assert done == {**whole, "containers": [expected, {"name": "other"}]}
