"""What observed loads do to the startup budget, and what they never do."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.api.report import ProbesReport, Startup
from inferencehealth.kubelet import numbers_of, startup_allowance
from inferencehealth.plan import Action, Plan, plan
from inferencehealth.probes.learned import observed_load, repository, standing_budget
from inferencehealth.workloads import Workload
from tests.unit.plan.given import ASR, TRITON, a_policy, deployment, owned

DEFAULT = 600
"""Seconds that Triton's profile allows."""


def seen(p90: float, *, count: int = 6, image: str = TRITON, node: str = "") -> Startup:
    return Startup(image=image, node_type=node, count=count, p50=p90, p90=p90, max=p90)


def policy(**probes: Any) -> Any:
    return a_policy(probes={"mode": "Apply", **probes})


def startup(planned: Plan) -> dict[str, Any]:
    wanted = planned.probes[0].wanted
    assert wanted is not None
    return wanted


def allowed(planned: Plan) -> float:
    return startup_allowance(numbers_of(startup(planned)))


def in_place(planned: Plan, image: str = TRITON) -> Workload:
    """The workload once the plan's startup probe is in place."""
    return deployment(
        {"image": image, "startupProbe": startup(planned)}, managed=[owned("startupProbe")]
    )


FRESH = deployment({"image": TRITON})


def test_a_slow_load_raises_the_budget_and_says_why() -> None:
    planned = plan(policy(), FRESH, observed=[seen(560)])
    assert allowed(planned) == 840
    assert planned.probes[0].reason.startswith(
        "startup 14m: p90 of 6 observed loads is 9m20s × 1.5; not restarted during the first 14m"
    )
    assert planned.check is not None
    assert planned.check.startup_budget == 840


@pytest.mark.parametrize(
    ("why", "probes", "observed"),
    [
        ("nothing was seen", {}, []),
        ("too little was seen", {}, [seen(3000, count=2)]),
        ("it was quicker than the default", {}, [seen(60)]),
        ("it was another image", {}, [seen(3000, image="vllm/vllm-openai:v1")]),
        ("the policy does not learn", {"learnStartup": False}, [seen(3000)]),
        ("the policy says how long", {"budgets": {"maxStartup": "10m"}}, [seen(3000)]),
        ("the policy counts itself", {"startup": {"failureThreshold": 61}}, [seen(3000)]),
    ],
)
def test_the_default_stays_where(why: str, probes: dict[str, Any], observed: list[Startup]) -> None:
    assert allowed(plan(policy(**probes), FRESH, observed=observed)) == DEFAULT, why


def test_the_slowest_kind_of_node_and_every_tag_of_the_image_count() -> None:
    observed = [seen(100, node="h100"), seen(700, node="t4", image=TRITON + "-old")]
    found = observed_load(observed, TRITON)
    assert found is not None
    assert found.p90 == 700


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("triton", "triton"),
        ("triton:24.10", "triton"),
        ("registry:5000/a/triton", "registry:5000/a/triton"),
        ("registry:5000/a/triton:1@sha256:abc", "registry:5000/a/triton"),
        ("", ""),
    ],
)
def test_an_image_is_known_by_its_repository(image: str, name: str) -> None:
    assert repository(image) == name


def test_a_server_without_a_documented_startup_probe_gets_one_when_it_loads_too_slowly() -> None:
    workload = deployment({"image": ASR})
    assert plan(policy(), workload).probes[0].wanted is None
    assert plan(policy(), workload, observed=[seen(30, image=ASR)]).probes[0].wanted is None
    slow = plan(policy(), workload, observed=[seen(200, image=ASR)])
    assert allowed(slow) == 300


def test_another_budget_in_the_policy_is_followed_down_as_well() -> None:
    long = in_place(plan(policy(budgets={"maxStartup": "1h"}), FRESH))
    shorter = plan(policy(budgets={"maxStartup": "20m"}), long, observed=[seen(700)])
    assert allowed(shorter) == 1200


def test_without_learning_the_default_takes_the_place_of_a_longer_one() -> None:
    long = in_place(plan(policy(budgets={"maxStartup": "1h"}), FRESH))
    assert allowed(plan(policy(learnStartup=False), long)) == DEFAULT


def test_an_authors_long_startup_probe_is_no_measure_of_ours() -> None:
    mine = {**startup(plan(policy(), FRESH)), "failureThreshold": 400}
    workload = deployment({"image": TRITON, "startupProbe": mine})
    assert allowed(plan(policy(existing="Replace"), workload)) == DEFAULT


def test_what_admission_gave_is_kept_like_what_we_wrote() -> None:
    given = startup(plan(policy(), FRESH, observed=[seen(560)]))
    workload = deployment(
        {"image": TRITON, "startupProbe": given}, managed=[owned(manager="kubectl")]
    )
    told = ProbesReport.model_validate(
        {"startup": {"state": "Injected", "wanted": given, "reason": ""}}
    )
    assert allowed(plan(policy(), workload, told, [seen(570)])) == 840


loads = st.integers(1, 20_000)


@given(first=loads, then=st.lists(loads, max_size=10))
def test_a_learned_budget_is_only_raised_and_never_by_less_than_a_quarter(
    first: int, then: list[int]
) -> None:
    planned = plan(policy(), FRESH, observed=[seen(first)])
    for p90 in then:
        before = startup(planned)
        planned = plan(policy(), in_place(planned), observed=[seen(p90)])
        was, now = startup_allowance(numbers_of(before)), allowed(planned)
        assert now >= max(DEFAULT, 1.2 * p90)
        if was >= max(DEFAULT, 1.2 * p90):
            assert planned.probes[0].action is Action.IN_PLACE
        else:
            assert now >= 1.25 * was


@given(budget=st.integers(1, 20_000), delay=st.integers(0, 60))
def test_what_is_in_place_compiles_to_itself(budget: int, delay: int) -> None:
    probes: dict[str, Any] = {"startup": {"initialDelaySeconds": delay}}
    asked = policy(**probes, budgets={"maxStartup": f"{budget}s", "restartAfter": "5m"})
    numbers = numbers_of(startup(plan(asked, FRESH)))
    timeout = numbers.timeout
    kept = plan(policy(**probes), in_place(plan(asked, FRESH)))
    if standing_budget(numbers, timeout, asked.spec.probes.startup) >= DEFAULT:
        assert kept.probes[0].action is Action.IN_PLACE
    else:
        assert allowed(kept) >= DEFAULT


@pytest.mark.parametrize(
    ("why", "readiness", "lag"),
    [
        ("without a readiness probe the kubelet is never behind", None, 0.0),
        ("by the time it takes to notice", {"periodSeconds": 10, "failureThreshold": 3}, 31.0),
        (
            "or by the successes that it waits for",
            {"periodSeconds": 20, "failureThreshold": 1, "successThreshold": 5},
            100.0,
        ),
    ],
)
def test_checkers_know_how_far_the_kubelet_is_behind(
    why: str, readiness: dict[str, Any] | None, lag: float
) -> None:
    probe = {"readinessProbe": {"tcpSocket": {"port": 1}, **readiness}} if readiness else {}
    planned = plan(a_policy(probes={"mode": "Off"}), deployment({"image": TRITON, **probe}))
    assert planned.check is not None
    assert planned.check.kubelet_lag == lag, why
