from typing import Any

from inferencehealth.controller.reading import read_policies, read_reports


def raw(name: str, spec: dict[str, Any], **meta: Any) -> dict[str, Any]:
    return {
        "apiVersion": "inferencehealth.dev/v1alpha1",
        "kind": "InferenceHealthPolicy",
        "metadata": {"name": name, "namespace": "ml", "generation": 2, **meta},
        "spec": spec,
    }


GOOD = {"target": {"selector": {"matchLabels": {"a": "b"}}}}


def test_one_unreadable_policy_does_not_hide_the_others() -> None:
    good, bad = read_policies([raw("good", GOOD), raw("bad", GOOD | {"server": {"profile": "x"}})])
    assert [p.metadata.name for p in good] == ["good"]
    assert [(b.metadata.name, b.metadata.generation) for b in bad] == [("bad", 2)]
    assert bad[0].message.startswith("spec.server.profile: Input should be 'auto'")


def test_a_policy_that_is_being_deleted_asks_for_nothing() -> None:
    assert read_policies([raw("p", GOOD, deletionTimestamp="2026-01-01T00:00:00Z")]) == ((), ())


def test_a_status_of_another_version_does_not_make_a_policy_unreadable_for_ever() -> None:
    strange = raw("p", {"target": {}}) | {"status": {"phase": "Running"}}
    _, bad = read_policies([strange])
    assert bad[0].status.conditions == ()


def test_many_errors_are_a_bounded_message() -> None:
    spec = GOOD | {"checks": {f"x{i}": 1 for i in range(9)}}
    _, bad = read_policies([raw("p", spec)])
    assert bad[0].message.endswith("; and 4 more")


def test_an_unreadable_report_is_known_by_name_so_that_it_is_written_anew() -> None:
    assert read_reports([{"metadata": {"name": "r"}, "spec": {"old": True}}]) == {"r": None}
