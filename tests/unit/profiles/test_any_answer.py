"""Whatever a server sends, every reader of every profile makes a reading of it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferencehealth.checks.steps import Answer, Outcome, Sign
from inferencehealth.profiles.profile import Profile
from inferencehealth.profiles.registry import PROFILES
from tests.unit.profiles.given import round_of, spec

MODELS = {"required": [{"name": "m", "version": "1"}, {"name": "n"}], "discover": True}
WORDS = ("models", "m", "status", "state", "workers", "model_version_status", "applications")
KEYS = st.sampled_from((*WORDS, "name", "version", "data", "id", "components", "ready"))
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(WORDS)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
BODIES = st.binary(max_size=50) | DOCUMENTS.map(lambda document: json.dumps(document).encode())
STATUSES = st.sampled_from([0, 2, 200, 204, 301, 400, 401, 404, 429, 500, 503])
ANSWERS = st.builds(Answer, st.sampled_from(Outcome), STATUSES, BODIES) | st.builds(
    Answer, st.just(Outcome.ANSWERED), st.just(200), BODIES
)


class Anything(dict[str, Answer]):
    """Gives each step the next of some answers, the last one for ever."""

    def __init__(self, answers: list[Answer]) -> None:
        super().__init__()
        self._answers = answers

    def __missing__(self, _step: str) -> Answer:
        return self._answers.pop() if len(self._answers) > 1 else self._answers[0]


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
