"""Lists of 10,000 models: bounded in what is kept, and never held against a pod."""

import json

import pytest

from inferencehealth.checks.steps import Answer, Outcome, Sign
from inferencehealth.profiles.listing import MAX_LISTED, read_models
from inferencehealth.profiles.registry import profile_named
from inferencehealth.profiles.triton_models import MAX_ENTRIES, read_index

from .given import answered, requiring, round_of

MANY = [f"m{number}" for number in range(10_000)]
LISTED = {"data": [{"id": name} for name in MANY]}
INDEX = [{"name": name, "version": "1", "state": "READY"} for name in MANY]
EMPTY = answered(200)


@pytest.mark.parametrize(
    ("required", "sign", "model"),
    [
        ("m7", Sign.SERVES, (Sign.SERVES, "")),
        ("m9999", Sign.SERVES, (Sign.UNKNOWN, "ModelsCut")),
        ("nobody", Sign.SERVES, (Sign.UNKNOWN, "ModelsCut")),
    ],
)
def test_what_may_stand_behind_the_end_of_a_list_is_held_against_nobody(
    required: str, sign: Sign, model: tuple[Sign, str]
) -> None:
    vllm = profile_named("vllm")
    check = requiring(required, profile="vllm", discover=False)
    steps = {step.name: EMPTY for step in vllm.steps(check)} | {"models": answered(200, LISTED)}
    reading = round_of(vllm, check, steps)
    assert reading.sign is sign
    (item,) = reading.models
    assert (item.sign, item.reason) == model


def test_no_more_of_a_list_is_kept_than_is_read() -> None:
    assert len(read_models(answered(200, LISTED)).models) == MAX_LISTED
    assert len(read_index(answered(200, INDEX)).models) <= MAX_ENTRIES


def test_a_list_that_is_too_long_to_read_says_nothing_about_the_models() -> None:
    vllm, check = profile_named("vllm"), requiring("m7", profile="vllm")
    too_large = Answer(Outcome.TOO_LARGE)
    steps = {step.name: EMPTY for step in vllm.steps(check)} | {"models": too_large}
    reading = round_of(vllm, check, steps)
    assert reading.sign is Sign.SERVES
    assert [item.sign for item in reading.models] == [Sign.UNKNOWN]


def test_a_triton_with_ten_thousand_models_serves_the_required_one() -> None:
    triton, check = profile_named("triton"), requiring("m9999")
    steps = {step.name: EMPTY for step in triton.steps(check)}
    reading = round_of(triton, check, steps | {"index": answered(200, INDEX)})
    assert reading.sign is Sign.SERVES
    assert len(json.dumps(LISTED)) < 256 * 1024, "the list is one that is read, not cut by bytes"
