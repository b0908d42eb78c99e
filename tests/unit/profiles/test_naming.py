"""Names of models are taken from flags as servers' parsers take them."""

import pytest

from inferencehealth.profiles.naming import plain, positional, values


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (("--name", "a"), ("a",)),
        (("--name=a",), ("a",)),
        (("--name=a", "b"), ("a",)),
        (("--name", "a", "b", "--x", "c"), ("a", "b")),
        (("--name", "a", "--x", "c", "--name", "b"), ("a", "b")),
        (("--name", "a", ";", "b"), ("a",)),
        (("--name",), ()),
        (("--name", "--x"), ()),
        (("--served_name", "a"), ("a",)),
        (("--names", "a"), ()),
        (("a", "--x", "b"), ()),
    ],
)
def test_every_value_of_a_flag_is_found(said: tuple[str, ...], found: tuple[str, ...]) -> None:
    assert values(said, "--name", "--served-name") == found


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (("vllm", "serve", "a"), "a"),
        (("/usr/bin/vllm", "serve", "a", "b"), "a"),
        (("vllm", "serve", "--port", "1"), ""),
        (("vllm", "serve", ";", "a"), ""),
        (("vllm", "serve"), ""),
        (("vllm", "bench", "a"), ""),
        ((), ""),
    ],
)
def test_the_positional_model_is_the_word_after_the_command(
    said: tuple[str, ...], found: str
) -> None:
    assert positional(said, "vllm", "serve") == found


def test_only_names_that_can_be_asked_for_are_kept_each_once() -> None:
    names = ["a", "", "$(B)", "${C}", "d e", "a", "f/g:h", "x" * 254, "`i`"]
    assert plain(names) == ("a", "f/g:h")
