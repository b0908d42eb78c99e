"""A scene: what is told before it, what is played, what was seen; and a story made of scenes."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from e2e.story.expect import Lines


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene; `play` raises StepError when what it awaits does not happen."""

    name: str
    title: str
    says: str
    play: Callable[[], Lines]


@dataclass(slots=True)
class Story:
    """Scenes in their order, each played once; a later one needs all before it."""

    scenes: tuple[Scene, ...]
    seen: dict[str, Lines] = field(default_factory=dict)
    failure: Exception | None = None

    def reach(self, name: str) -> Lines:
        """Play what is still to be played up to a scene; returns what was seen in it.

        Raises what a scene up to it raised, also when that was in an earlier call.
        """
        for scene in _up_to(name, self.scenes):
            if scene.name in self.seen:
                continue
            if self.failure is not None:
                raise self.failure
            try:
                self.seen[scene.name] = scene.play()
            except Exception as error:
                self.failure = error
                raise
        return self.seen[name]


def _up_to(name: str, scenes: Iterable[Scene]) -> Iterator[Scene]:
    for scene in scenes:
        yield scene
        if scene.name == name:
            return
    raise LookupError(f"no scene {name}")
