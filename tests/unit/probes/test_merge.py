"""What becomes of a probe, for every combination of who wrote what and who wants what."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.api.probes import Existing, Mode
from inferencehealth.probes.merge import Action, decide, merge_patch

OURS = {"httpGet": {"path": "/live", "port": 8000}, "periodSeconds": 10, "timeoutSeconds": 5}
OLD = {"tcpSocket": {"port": 8000}, "periodSeconds": 3}
SAME = {"httpGet": {"path": "/live", "port": 8000, "scheme": "HTTP"}, "timeoutSeconds": 5}

KEEP, REPLACE = Existing.KEEP, Existing.REPLACE


@pytest.mark.parametrize(
    ("existing", "ours", "policy", "wanted", "applied"),
    [
        (None, False, KEEP, OURS, "Inject"),
        (None, False, REPLACE, OURS, "Inject"),
        (OLD, False, KEEP, OURS, "Keep"),
        (OLD, False, REPLACE, OURS, "Replace"),
        (OLD, True, KEEP, OURS, "Inject"),
        (OLD, True, REPLACE, OURS, "Inject"),
        (SAME, False, KEEP, OURS, "InPlace"),
        (SAME, False, REPLACE, OURS, "InPlace"),
        (SAME, True, KEEP, OURS, "InPlace"),
        (None, False, KEEP, None, "Keep"),
        (OLD, False, KEEP, None, "Keep"),
        (OLD, False, REPLACE, None, "Keep"),
        (OLD, True, KEEP, None, "Remove"),
        (OLD, True, REPLACE, None, "Remove"),
    ],
)
def test_a_probe_becomes(
    existing: Any, ours: bool, policy: Existing, wanted: Any, applied: str
) -> None:
    def action(mode: Mode, *, hands_off: bool = False) -> Action:
        return decide(
            mode=mode,
            policy=policy,
            wanted=wanted,
            existing=existing,
            ours=ours,
            hands_off=hands_off,
        )

    writes = {"Inject", "Replace", "Remove"}
    assert action(Mode.APPLY) == applied
    assert action(Mode.RECOMMEND) == ("Recommend" if applied in writes else applied)
    assert action(Mode.APPLY, hands_off=True) == action(Mode.RECOMMEND)
    assert action(Mode.OFF) is Action.OFF


def strategic_merge(before: Any, patch: Any) -> Any:
    """A strategic merge of a probe: maps are merged, null removes; its lists are atomic."""
    if not isinstance(before, dict) or not isinstance(patch, dict):
        return patch
    merged = {**before}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = strategic_merge(merged.get(key), value) if key in merged else value
    return merged


handlers = st.sampled_from(
    [
        {"httpGet": {"path": "/a", "port": 1}},
        {
            "httpGet": {
                "path": "/b",
                "port": "http",
                "scheme": "HTTPS",
                "host": "h",
                "httpHeaders": [{"name": "A", "value": "b"}],
            }
        },
        {"tcpSocket": {"port": 1}},
        {"exec": {"command": ["a", "b"]}},
        {"grpc": {"port": 1, "service": "x"}},
    ]
)
some_probes = st.builds(
    lambda handler, numbers: {**handler, **numbers},
    handlers,
    st.dictionaries(
        st.sampled_from(
            [
                "periodSeconds",
                "initialDelaySeconds",
                "timeoutSeconds",
                "successThreshold",
                "terminationGracePeriodSeconds",
            ]
        ),
        st.integers(1, 9),
    ),
)


@given(some_probes, st.none() | some_probes)
def test_the_patch_leaves_exactly_the_wanted_probe(wanted: Any, existing: Any) -> None:
    patch = merge_patch(wanted, existing)
    assert strategic_merge(existing or {}, json.loads(json.dumps(patch))) == wanted


def test_a_handler_of_another_kind_goes_in_the_same_patch() -> None:
    patch = merge_patch({"exec": {"command": ["a"]}}, {"httpGet": {"port": 1}})
    assert patch == {"exec": {"command": ["a"]}, "httpGet": None}


def test_a_probe_that_is_to_go_is_null() -> None:
    assert merge_patch(None, OLD) is None
