"""At which lines of a file a workload and its containers stand."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from inferencehealth.manifests import Document, Path

_FIELDS: Final = frozenset({"containers", "initContainers"})


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of one workload: where it begins, and where each of its containers does."""

    workload: int
    containers: Mapping[str, int]

    def of(self, container: str) -> int:
        """The line of that container; the workload's where there is none of that name."""
        return self.containers.get(container, self.workload)


def lines(document: Document, at: Path) -> Lines:
    """The lines of the object at that place of a document that has been read before."""
    node = _below(yaml.compose(document.text, Loader=_LOADER), at)
    if node is None:
        return Lines(document.line, {})
    containers = {name: _line(document, each) for name, each in _containers(node)}
    return Lines(_line(document, node), containers)


def _line(document: Document, node: yaml.Node) -> int:
    return document.line + int(node.start_mark.line)


def _below(node: yaml.Node | None, path: Path) -> yaml.Node | None:
    for step in path:
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == step), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step] if step < len(node.value) else None
    return node


def _containers(node: yaml.Node) -> Iterator[tuple[str, yaml.Node]]:
    """Every container below a node by its name, the first of a name last."""
    if isinstance(node, yaml.SequenceNode):
        for each in reversed(node.value):
            yield from _containers(each)
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in reversed(node.value):
        yield from _containers(value)
        if key.value in _FIELDS and isinstance(value, yaml.SequenceNode):
            for each in reversed(value.value):
                if name := _name(each):
                    yield name, each


def _name(node: yaml.Node) -> str:
    if not isinstance(node, yaml.MappingNode):
        return ""
    found = (value.value for key, value in node.value if key.value == "name")
    return str(next(found, ""))


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
