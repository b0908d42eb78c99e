import pytest
from pydantic import ValidationError

from inferencehealth.api.policy import PolicySpec

MINIMAL = {"target": {"selector": {"matchLabels": {"tier": "inference"}}}}


def test_the_smallest_policy_recommends_and_touches_nothing() -> None:
    spec = PolicySpec.model_validate(MINIMAL)
    assert spec.probes.mode == "Recommend"
    assert spec.probes.existing == "Keep"
    assert spec.server.profile == "auto"
    assert spec.checks.interval == 10


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"server": {"profile": "trition"}}, "server.profile"),
        ({"probes": {"mode": "apply"}}, "probes.mode"),
        ({"probes": {"budgets": {"maxStartup": "10 minutes"}}}, "budgets.maxStartup"),
        ({"checks": {"intervall": "10s"}}, "checks.intervall"),
        ({"server": {"endpoints": {"ready": {"path": "http://evil/"}}}}, "endpoints.ready.path"),
    ],
)
def test_nonsense_is_refused_by_the_name_of_its_field(
    change: dict[str, object], named: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        PolicySpec.model_validate(MINIMAL | change)
    assert named in ".".join(map(str, caught.value.errors()[0]["loc"]))


def test_a_spec_survives_the_way_to_the_api_server_and_back() -> None:
    spec = PolicySpec.model_validate(
        MINIMAL
        | {
            "server": {"port": "http", "models": {"required": [{"name": "resnet50"}]}},
            "probes": {"budgets": {"maxStartup": "10m"}, "liveness": {"strategy": "Process"}},
        }
    )
    assert PolicySpec.model_validate(spec.manifest()) == spec
    assert spec.manifest()["probes"]["budgets"] == {"maxStartup": "10m"}
