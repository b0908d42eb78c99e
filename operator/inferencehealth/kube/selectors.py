"""Label selectors: as a test on labels, and as the text the API server filters by."""

from collections.abc import Callable, Mapping

from inferencehealth.api.target import Operator, Requirement, Selector

Matcher = Callable[[Mapping[str, str]], bool]


def matcher(selector: Selector) -> Matcher:
    """The selector as a test, for use on many labels. An empty selector matches everything.

    As in Kubernetes (metav1.LabelSelector), NotIn also matches where the key is absent.
    """
    wanted = selector.match_labels.items()
    tests = tuple(_test(requirement) for requirement in selector.match_expressions)

    def matches_labels(labels: Mapping[str, str]) -> bool:
        return wanted <= labels.items() and all(test(labels) for test in tests)

    return matches_labels


def matches(selector: Selector, labels: Mapping[str, str]) -> bool:
    """Whether the selector selects an object with these labels."""
    return matcher(selector)(labels)


def query(selector: Selector) -> str:
    """The selector as the `labelSelector` parameter of a list or watch."""
    equal = [f"{key}={value}" for key, value in sorted(selector.match_labels.items())]
    return ",".join(equal + [_term(requirement) for requirement in selector.match_expressions])


def _test(requirement: Requirement) -> Matcher:
    key, values = requirement.key, frozenset(requirement.values)
    match requirement.operator:
        case Operator.IN:
            return lambda labels: labels.get(key) in values
        case Operator.NOT_IN:
            return lambda labels: labels.get(key) not in values
        case Operator.EXISTS:
            return lambda labels: key in labels
        case Operator.DOES_NOT_EXIST:
            return lambda labels: key not in labels


def _term(requirement: Requirement) -> str:
    key, values = requirement.key, ",".join(requirement.values)
    match requirement.operator:
        case Operator.IN:
            return f"{key} in ({values})"
        case Operator.NOT_IN:
            return f"{key} notin ({values})"
        case Operator.EXISTS:
            return key
        case Operator.DOES_NOT_EXIST:
            return f"!{key}"
