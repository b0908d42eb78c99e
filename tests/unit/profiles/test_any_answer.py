"""No answer of a server, whatever its bytes, makes a profile raise or lose a required model."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferencehealth.checks.steps import Answer, Outcome, Sign
from inferencehealth.profiles.profile import Profile
from inferencehealth.profiles.registry import PROFILES

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "data",
                    "models",
                    "id",
                    "name",
                    "status",
                    "stats",
                    "queue_fraction",
                    "endpoints",
                    "instances",
                    "is_live",
                    "is_sleeping",
                    "size",
                    "size_vram",
                    "aliases",
                    "value",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
BODIES = st.binary(max_size=60) | JSON.map(lambda document: json.dumps(document).encode())
STATUSES = st.sampled_from([200, 204, 301, 400, 401, 404, 429, 500, 502, 503])
ANSWERS = st.builds(Answer, st.just(Outcome.ANSWERED), STATUSES, BODIES) | st.builds(
    Answer, st.sampled_from([one for one in Outcome if one is not Outcome.ANSWERED])
)
BUILT_IN = [profile for profile in PROFILES if profile.name != "custom"]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
@settings(max_examples=25, deadline=None)
@given(answers=st.lists(ANSWERS, min_size=1, max_size=5))
def test_no_answer_is_too_strange_to_read_and_what_fails_is_not_ready(
    profile: Profile, answers: list[Answer]
) -> None:
    reading = round_of(profile, spec(profile.name, models=MODELS), Anything(answers))
    assert reading.sign in set(Sign)
    failing = [item for item in reading.models if item.required and item.sign is Sign.FAILS]
    assert not failing or reading.sign not in {Sign.SERVES, Sign.DEGRADED}
