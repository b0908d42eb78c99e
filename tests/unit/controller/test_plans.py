from inferencehealth.api.report import ProbesReport, ProbeState, Startup
from inferencehealth.controller.plans import Plans
from inferencehealth.workloads import Workload, workload
from tests.unit.controller.given import a_policy, a_workload

NOTHING = ProbesReport()
LOADED = (Startup(image="triton:1", count=3, p50=60, p90=90, max=95),)


def at(version: str) -> Workload:
    raw = a_workload().raw
    return workload({**raw, "metadata": {**raw["metadata"], "resourceVersion": version}})


def test_a_plan_is_made_once_for_the_same_things() -> None:
    plans = Plans()
    first = plans.of(a_policy(), at("1"), NOTHING, ())
    assert plans.of(a_policy(), at("1"), NOTHING, ()) is first


def test_a_plan_is_made_anew_when_anything_that_it_is_made_from_has_changed() -> None:
    plans = Plans()
    first = plans.of(a_policy(), at("1"), NOTHING, ())
    for policy, target, previous, observed in (
        (a_policy(generation=2), at("1"), NOTHING, ()),
        (a_policy(), at("2"), NOTHING, ()),
        (a_policy(), at("1"), ProbesReport(state=ProbeState.KEPT), ()),
        (a_policy(), at("1"), NOTHING, LOADED),
    ):
        plans.of(a_policy(), at("1"), NOTHING, ())
        assert plans.of(policy, target, previous, observed) is not first


def test_without_a_version_nothing_is_remembered() -> None:
    plans = Plans()
    assert plans.of(a_policy(), a_workload(), NOTHING, ()) is not plans.of(
        a_policy(), a_workload(), NOTHING, ()
    )


def test_the_plan_of_a_workload_that_is_let_go_is_forgotten() -> None:
    plans = Plans()
    first = plans.of(a_policy(), at("1"), NOTHING, ())
    plans.forget(at("1").uid)
    assert plans.of(a_policy(), at("1"), NOTHING, ()) is not first
