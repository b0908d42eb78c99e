"""Text of the Common Expression Language, as the API server evaluates it. Pure.

Values become literals whose parts are wrapped in dyn(): without it the type checker refuses lists
and maps of mixed types. Written for the libraries of Kubernetes 1.36: optionals, two-variable
comprehensions, strings (k8s.io/apiserver pkg/cel/environment/base.go).
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from inferencehealth.api.target import Operator, Requirement, Selector


def literal(value: Any) -> str:
    """A JSON value. Raises TypeError for anything that JSON can't say, and for fractions."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        return _braced(f"{text(str(key))}: dyn({literal(v)})" for key, v in value.items())
    if isinstance(value, list | tuple):
        return f"[{', '.join(f'dyn({literal(each)})' for each in value)}]"
    raise TypeError(f"no CEL literal for {type(value).__name__}")


def text(value: str) -> str:
    """A string. JSON's escapes are CEL's, except for pairs of surrogates, which are not made."""
    return json.dumps(value, ensure_ascii=False)


def texts(values: Iterable[str]) -> str:
    """A list of strings."""
    return f"[{', '.join(map(text, values))}]"


def texts_by_name(named: Mapping[str, Iterable[str]]) -> str:
    """A map of lists of strings."""
    return _braced(f"{text(name)}: {texts(values)}" for name, values in named.items())


def everything(conditions: Iterable[str]) -> str:
    """The conjunction; true where there is nothing to demand."""
    return " && ".join(f"({each})" for each in conditions) or "true"


def selected(selector: Selector, labels: str) -> str:
    """Whether the labels, given as an expression of an optional map, match the selector."""
    wanted = [_equals(labels, key, value) for key, value in sorted(selector.match_labels.items())]
    return everything([*wanted, *(_meets(labels, each) for each in selector.match_expressions)])


def _equals(labels: str, key: str, value: str) -> str:
    return f"{labels}[?{text(key)}] == optional.of({text(value)})"


def _meets(labels: str, requirement: Requirement) -> str:
    found = f"{labels}[?{text(requirement.key)}]"
    among = f"{found}.hasValue() && {found}.value() in {texts(requirement.values)}"
    match requirement.operator:
        case Operator.IN:
            return among
        case Operator.NOT_IN:
            return f"!({among})"
        case Operator.EXISTS:
            return f"{found}.hasValue()"
        case Operator.DOES_NOT_EXIST:
            return f"!{found}.hasValue()"


def _braced(entries: Iterable[str]) -> str:
    return "{" + ", ".join(entries) + "}"
