"""What is remembered of the last hour."""

from inferencehealth.dashboard.timeline import HOUR, MAX_MARKS, Mark, begun, noted

NOW = 1_790_000_000.0


def test_a_verdict_that_stays_is_no_news() -> None:
    first = begun("Ready", None, NOW)
    assert first == (Mark(NOW, "Ready"),)
    assert noted(first, "Ready", NOW + 60) is first


def test_a_verdict_first_seen_stands_since_it_was_told_to_but_not_since_tomorrow() -> None:
    assert begun("Ready", NOW - 600, NOW) == (Mark(NOW - 600, "Ready"),)
    assert begun("Ready", NOW + 600, NOW) == (Mark(NOW, "Ready"),)


def test_the_verdict_at_the_beginning_of_the_hour_is_kept() -> None:
    timeline = noted(begun("Ready", None, NOW), "Broken", NOW + 10)
    later = noted(timeline, "Ready", NOW + HOUR + 5)
    assert [mark.verdict for mark in later] == ["Ready", "Broken", "Ready"]
    later = noted(later, "Loading", NOW + HOUR + 15)
    assert [mark.verdict for mark in later] == ["Broken", "Ready", "Loading"]


def test_a_flapping_workload_takes_no_more_memory_than_others() -> None:
    timeline = begun("Loading", None, NOW)
    for second in range(MAX_MARKS * 3):
        timeline = noted(timeline, ("Ready", "Broken")[second % 2], NOW + second)
    assert len(timeline) == MAX_MARKS
    assert timeline[-1].at == NOW + MAX_MARKS * 3 - 1
