"""The readers' building blocks: no bytes hurt, nothing of a server leaks, the worst decides."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.api.server import Components
from inferencehealth.checks.steps import Answer, Item, Outcome, Reading, Sign
from inferencehealth.profiles.reading import (
    MAX_DEPTH,
    MAX_SERVER_WORDS,
    ORDER,
    merge_items,
    named,
    parse_json,
    server_words,
    unanswered,
    worst_of,
)
from tests.unit.profiles.given import answered, requiring, spec

OUTCOMES = {
    Outcome.REFUSED: ("Silent", "ConnectionRefused"),
    Outcome.RESET: ("Silent", "ConnectionReset"),
    Outcome.NO_ANSWER: ("Silent", "NoAnswer"),
    Outcome.UNFINISHED: ("Silent", "NoAnswer"),
    Outcome.TLS: ("Unknown", "TlsFailed"),
    Outcome.CONNECT_TIMEOUT: ("Unknown", "ConnectTimeout"),
    Outcome.UNREACHABLE: ("Unknown", "Unreachable"),
    Outcome.TOO_LARGE: ("Fails", "AnswerTooLarge"),
    Outcome.MALFORMED: ("Fails", "NotHttp"),
}


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.ANSWERED])
def test_every_way_of_not_answering_has_a_reading_of_its_own(outcome: Outcome) -> None:
    reading = unanswered(Answer(outcome))
    assert reading is not None
    assert (reading.sign, reading.reason) == OUTCOMES[outcome]


@pytest.mark.parametrize("status", [401, 403, 407])
def test_being_denied_says_nothing_about_the_server(status: int) -> None:
    reading = unanswered(answered(status))
    assert reading is not None
    assert reading.sign is Sign.UNKNOWN


@pytest.mark.parametrize(
    "answer",
    [
        answered(502),
        answered(504),
        answered(503, b"upstream connect error or disconnect/reset before headers. reset reason"),
        answered(503, b"no healthy upstream"),
    ],
)
def test_a_meshs_proxy_that_answers_instead_is_not_taken_for_the_server(answer: Answer) -> None:
    reading = unanswered(answer)
    assert reading is not None
    assert (reading.sign, reading.reason) == (Sign.SILENT, "NotReachedByProxy")


@pytest.mark.parametrize("status", [200, 400, 404, 429, 500, 503])
def test_any_other_status_is_left_to_the_profile(status: int) -> None:
    assert unanswered(answered(status)) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"healthy",
        b"{",
        b"\xff\xfe",
        b"NaN",
        b'{"a": Infinity}',
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b"9" * 5000,
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    ],
)
def test_what_is_no_sane_json_reads_as_nothing(body: bytes) -> None:
    assert parse_json(body) is None


def test_json_as_deep_as_allowed_is_read() -> None:
    nested = "[" * (MAX_DEPTH - 1) + "1" + "]" * (MAX_DEPTH - 1)
    assert parse_json(nested.encode()) == json.loads(nested)


@given(st.text())
def test_a_servers_words_are_one_printable_line_of_bounded_length(text: str) -> None:
    words = server_words(text)
    assert words.isprintable()
    assert len(words) <= MAX_SERVER_WORDS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CUDA\n\tOOM  at 20 GiB\n", "CUDA OOM at 20 GiB"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("a\u202eb\x00c", "abc"),
        ("x" * 500, "x" * 199 + "…"),
        (None, ""),
        (["a"], ""),
    ],
)
def test_a_servers_words_are_cleaned(text: object, words: str) -> None:
    assert server_words(text) == words


def test_names_are_sorted_quoted_and_cut() -> None:
    assert named(["b", "a", "b"]) == '"a", "b"'
    assert named([]) == "none"
    assert named(f"m{n:02}" for n in range(13)).endswith('"m09" and 3 more')


def reading(sign: Sign, reason: str = "") -> Reading:
    return Reading(sign, reason, f"because of {reason}")


@given(st.lists(st.sampled_from(list(Sign)), min_size=1))
def test_the_worst_reading_decides(signs: list[Sign]) -> None:
    readings = {f"step{n}": reading(sign, f"R{n}") for n, sign in enumerate(signs)}
    folded = worst_of(spec(), readings)
    worst = min(signs, key=ORDER.index)
    assert (folded.sign, folded.reason) == (worst, f"R{signs.index(worst)}")


def test_every_sign_has_its_place_in_the_order() -> None:
    assert sorted(ORDER) == sorted(Sign)


def test_a_hint_never_decides() -> None:
    readings = {"ready": reading(Sign.SERVES), "index": reading(Sign.FAILS, "IndexBroken")}
    assert worst_of(spec(), readings, hints=frozenset({"index"})).sign is Sign.SERVES


def test_a_round_without_readings_says_nothing_about_the_server() -> None:
    assert worst_of(spec(), {}).sign is Sign.UNKNOWN


def test_items_of_all_readings_are_merged_and_the_one_that_says_more_wins() -> None:
    vague = Item("a", Sign.UNKNOWN)
    plain = Item("a", Sign.FAILS)
    told = Item("a", Sign.FAILS, required=False, reason="R", message="because")
    needed = Item("a", Sign.UNKNOWN, required=True)
    other = Item("a", Sign.SERVES, version="2")
    merged = merge_items([vague, plain, told, needed, other])
    assert merged == (
        Item("a", Sign.FAILS, required=True, reason="R", message="because"),
        other,
    )


def test_a_required_model_that_no_step_asks_about_is_never_said_to_serve() -> None:
    folded = worst_of(requiring("a"), {"ready": reading(Sign.SERVES)})
    assert [(i.name, i.sign, i.required) for i in folded.models] == [("a", Sign.UNKNOWN, True)]


def test_required_components_fall_back_to_the_profiles_own() -> None:
    own = Components(required=("api",))
    silent = {"live": reading(Sign.SILENT, "ConnectionRefused")}
    by_profile = worst_of(spec(), silent, components=own)
    by_policy = worst_of(spec(components={"required": ["db"]}), silent, components=own)
    assert [(i.name, i.sign) for i in by_profile.components] == [("api", Sign.SILENT)]
    assert [i.name for i in by_policy.components] == ["db"]
