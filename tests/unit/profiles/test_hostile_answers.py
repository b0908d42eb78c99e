"""Every hostile answer by name, through the transport's reader, every profile and the verdict."""

import pytest

from inferencehealth.checks.steps import Outcome, Sign
from tests.fuzz.exchange import CHECKS, STEPS, answer_of, bodies, exchange, seeds
from tests.fuzz.hostile import HOSTILE


def test_no_hostile_answer_breaks_anything() -> None:
    for data in (*seeds().values(), *bodies().values()):
        exchange(data)


GOOD = {"healthy", "a triton index", "a list of models", "a model's state", "HTTP/1.0",
        "100-continue", "many interim answers"}  # fmt: skip
READ = GOOD | {
    "wrong types", "unhashable names", "a length too short", "huge JSON", "a huge number",
    "a huge exponent", "NaN", "deep lists", "deep objects", "half a document", "NULs",
    "escaped NULs", "invalid UTF-8", "lone surrogates", "UTF-16", "a byte order mark",
    "one key often", "control characters", "Envoy", "a redirect", "an impossible status",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_whole_answer_is_none(name: str) -> None:
    answered = answer_of(HOSTILE[name], 0).outcome is Outcome.ANSWERED
    assert answered == (name in READ)


@pytest.mark.parametrize("name", sorted(set(HOSTILE) - GOOD - READ))
def test_nothing_broken_is_ever_taken_for_serving(name: str) -> None:
    answer = answer_of(HOSTILE[name], 0)
    for (profile, spec), steps in zip(CHECKS, STEPS, strict=True):
        whole = profile.fold(spec, {step.name: step.read(answer) for step in steps})
        assert whole.sign not in {Sign.SERVES, Sign.DEGRADED}, profile.name
