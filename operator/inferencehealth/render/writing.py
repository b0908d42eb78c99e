"""YAML as a person would write it: in the given order, no anchors, long texts as blocks. Pure."""

from typing import Any, Final

import yaml

_WIDE: Final = 10_000
"""Columns of a line: commands in probes are not folded."""


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def as_yaml(*documents: Any) -> str:
    """The documents as block YAML."""
    text: str = yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=False, width=_WIDE, allow_unicode=True
    )
    return text
