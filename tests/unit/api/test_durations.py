import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.api.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10m", 600), ("1.5s", 1.5), ("250ms", 0.25), ("1h30m", 5400), ("1m0.5s", 60.5), ("0s", 0)],
)
def test_durations_are_read_as_kubernetes_writes_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "10", "ten minutes", "-5s", "5 s", "5S", "1d", "s", "9" * 40 + "s"]
)
def test_what_is_no_duration_is_refused_with_the_accepted_form(text: str) -> None:
    with pytest.raises(ValueError, match='write it like "10m"'):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(600, "10m"), (5400, "1h30m"), (1.5, "1.5s"), (0.25, "250ms"), (0, "0s"), (61, "1m1s")],
)
def test_durations_are_written_in_their_shortest_form(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(min_value=1, max_value=10**9))
def test_every_whole_millisecond_survives_writing_and_reading(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=0.0005)
