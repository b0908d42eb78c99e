"""A scene of the demo: what is told before it, what is played, what was seen."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from e2e.demo.narrator import Narrator
from e2e.story.expect import Lines


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene; `play` raises StepError when what it awaits does not happen."""

    title: str
    says: str
    play: Callable[[], Lines]


def play(scenes: Iterable[Scene], narrator: Narrator) -> None:
    """Play scenes in their order, each told before and after; stops at the first that fails."""
    for scene in scenes:
        narrator.scene(scene.title, scene.says)
        narrator.saw(scene.play())
