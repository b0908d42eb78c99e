"""A process that stood still knows it before it believes what it finds."""

from inferencehealth.checker.attention import LAPSE, Attention


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_lapse_is_told_once_with_its_length() -> None:
    lapses: list[float] = []
    clock = Clock()
    attention = Attention(lapses.append, clock)
    attention.look()
    clock.now += 60
    attention.look()
    attention.look()
    assert lapses == [60.0]


def test_a_busy_moment_is_no_lapse() -> None:
    lapses: list[float] = []
    clock = Clock()
    attention = Attention(lapses.append, clock)
    for _ in range(10):
        attention.look()
        clock.now += LAPSE * 0.9
    assert lapses == []


def test_what_began_before_a_lapse_is_touched_by_it_and_what_began_after_is_not() -> None:
    clock = Clock()
    attention = Attention(lambda _seconds: None, clock)
    attention.look()
    began = attention.now()
    assert not attention.lapsed_since(began)
    clock.now += 60
    assert attention.lapsed_since(began)
    assert attention.lapsed_since(began)
    clock.now += 1
    assert not attention.lapsed_since(attention.now())
