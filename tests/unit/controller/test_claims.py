from inferencehealth.api.policy import Policy
from inferencehealth.controller.claims import LostClaim, claim
from inferencehealth.controller.reading import read_policies
from inferencehealth.workloads import Workload, workload


def policy(name: str, created: str, kinds: tuple[str, ...] = ("Deployment",)) -> Policy:
    return Policy.model_validate(
        {
            "apiVersion": "inferencehealth.dev/v1alpha1",
            "kind": "InferenceHealthPolicy",
            "metadata": {"name": name, "namespace": "ml", "creationTimestamp": created},
            "spec": {"target": {"kinds": kinds, "selector": {"matchLabels": {"tier": "gpu"}}}},
        }
    )


def server(name: str, kind: str = "Deployment", **labels: str) -> Workload:
    return workload(
        {
            "kind": kind,
            "metadata": {"name": name, "namespace": "ml", "labels": labels or {"tier": "gpu"}},
            "spec": {"template": {"spec": {"containers": []}}},
        }
    )


def test_the_older_policy_wins_and_the_younger_learns_who_holds_it() -> None:
    young, old = policy("a", "2026-01-02T00:00:00Z"), policy("b", "2026-01-01T00:00:00Z")
    claims = claim([young, old], [server("triton")])
    assert [w.name for w in claims.held["b"]] == ["triton"]
    assert claims.held["a"] == ()
    assert claims.lost["a"] == (LostClaim("deployment/triton", "b"),)
    assert claims.lost["b"] == ()


def test_among_policies_of_one_second_the_name_decides_whatever_the_order() -> None:
    twins = [policy("b", "2026-01-01T00:00:00Z"), policy("a", "2026-01-01T00:00:00Z")]
    for order in (twins, twins[::-1]):
        assert [w.name for w in claim(order, [server("triton")]).held["a"]] == ["triton"]


def test_only_labels_and_kinds_of_the_target_are_claimed() -> None:
    only = policy("p", "2026-01-01T00:00:00Z")
    workloads = [server("yes"), server("no", other="x"), server("set", "StatefulSet")]
    assert [w.name for w in claim([only], workloads).held["p"]] == ["yes"]
    both = policy("p", "2026-01-01T00:00:00Z", ("Deployment", "StatefulSet"))
    assert [w.name for w in claim([both], workloads).held["p"]] == ["yes", "set"]


def test_a_namespace_without_policies_holds_nothing() -> None:
    claims = claim([], [server("triton")])
    assert dict(claims.held) == {}
    assert dict(claims.lost) == {}


def test_what_an_older_policy_selects_that_cannot_be_read_is_not_given_to_a_younger_one() -> None:
    raw = policy("old", "2026-01-01T00:00:00Z").model_dump(mode="json", by_alias=True)
    raw["spec"]["shiny"] = True
    _, unreadable = read_policies([raw])
    claims = claim([policy("young", "2026-01-02T00:00:00Z")], [server("triton")], unreadable)
    assert dict(claims.held) == {"young": ()}
    assert claims.lost["young"] == (LostClaim("deployment/triton", "old"),)


def test_a_policy_of_which_not_even_the_target_can_be_read_claims_nothing() -> None:
    raw = policy("old", "2026-01-01T00:00:00Z").model_dump(mode="json", by_alias=True)
    raw["spec"]["target"]["shiny"] = True
    _, unreadable = read_policies([raw])
    claims = claim([policy("young", "2026-01-02T00:00:00Z")], [server("triton")], unreadable)
    assert [w.name for w in claims.held["young"]] == ["triton"]
