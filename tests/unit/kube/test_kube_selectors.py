import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.api.target import Selector
from inferencehealth.kube.selectors import matcher, matches, query


def selector(*expressions: tuple[str, ...], **labels: str) -> Selector:
    return Selector.model_validate(
        {
            "matchLabels": labels,
            "matchExpressions": [
                {"key": key, "operator": operator, "values": values}
                for key, operator, *values in expressions
            ],
        }
    )


@pytest.mark.parametrize(
    ("asked", "labels", "expected"),
    [
        (selector(), {}, True),
        (selector(tier="inference"), {"tier": "inference", "app": "x"}, True),
        (selector(tier="inference"), {"tier": "web"}, False),
        (selector(tier="inference"), {}, False),
        (selector(a="1", b="2"), {"a": "1"}, False),
        (selector(("a", "In", "1", "2")), {"a": "2"}, True),
        (selector(("a", "In", "1", "2")), {"a": "3"}, False),
        (selector(("a", "In", "1", "2")), {}, False),
        (selector(("a", "NotIn", "1")), {"a": "2"}, True),
        (selector(("a", "NotIn", "1")), {"a": "1"}, False),
        (selector(("a", "NotIn", "1")), {}, True),
        (selector(("a", "Exists")), {"a": ""}, True),
        (selector(("a", "Exists")), {"b": ""}, False),
        (selector(("a", "DoesNotExist")), {"b": ""}, True),
        (selector(("a", "DoesNotExist")), {"a": ""}, False),
        (selector(("b", "Exists"), a="1"), {"a": "1"}, False),
        (selector(("b", "Exists"), a="1"), {"a": "1", "b": ""}, True),
    ],
)
def test_a_selector_selects_as_kubernetes_does(
    asked: Selector, labels: dict[str, str], expected: bool
) -> None:
    assert matches(asked, labels) is expected


def test_the_query_says_the_same_in_the_words_of_the_api_server() -> None:
    asked = selector(
        ("env", "In", "prod", "test"),
        ("gone", "DoesNotExist"),
        ("gpu", "Exists"),
        ("zone", "NotIn", "b"),
        tier="inference",
        app="triton",
    )
    assert query(asked) == "app=triton,tier=inference,env in (prod,test),!gone,gpu,zone notin (b)"


@given(st.dictionaries(st.sampled_from("abc"), st.sampled_from("123")))
def test_in_and_not_in_divide_all_labels(labels: dict[str, str]) -> None:
    inside, outside = selector(("a", "In", "1", "2")), selector(("a", "NotIn", "1", "2"))
    assert matcher(inside)(labels) is not matcher(outside)(labels)
