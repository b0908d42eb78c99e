"""Where a cluster comes from."""

import pytest

from e2e.cluster.choice import Surroundings, choose
from e2e.cluster.model import ClusterError, ProviderName, Tier

BARE = Surroundings()
DOCKER = Surroundings(engine="docker")
NO_IMAGE = Surroundings(engine="docker", image_problem="docker cannot pull it")
ASSETS = Surroundings(engine="docker", assets=True)
NAMED = Surroundings(existing_kubeconfig="/somewhere/kubeconfig")


@pytest.mark.parametrize(
    ("tier", "around", "expected"),
    [
        (Tier.NODE, DOCKER, ProviderName.KIND),
        (Tier.INTEGRATION, DOCKER, ProviderName.KIND),
        (Tier.NODE, BARE, ProviderName.SOURCE),
        (Tier.NODE, NO_IMAGE, ProviderName.SOURCE),
        (Tier.SCALE, DOCKER, ProviderName.SOURCE),
        (Tier.INTEGRATION, ASSETS, ProviderName.SOURCE),
        (Tier.NODE, ASSETS, ProviderName.KIND),
    ],
)
def test_the_first_provider_that_can_is_taken_when_none_is_named(
    tier: Tier, around: Surroundings, expected: ProviderName
) -> None:
    assert choose(None, tier, around).provider is expected


@pytest.mark.parametrize("tier", list(Tier))
def test_an_existing_cluster_is_never_taken_unless_it_is_named(tier: Tier) -> None:
    assert choose("", tier, NAMED).provider is ProviderName.SOURCE


def test_a_named_existing_cluster_is_taken() -> None:
    assert choose("existing", Tier.NODE, NAMED).provider is ProviderName.EXISTING


def test_a_named_source_wins_over_a_container_engine() -> None:
    assert choose("source", Tier.NODE, DOCKER).provider is ProviderName.SOURCE


@pytest.mark.parametrize(
    ("asked", "tier", "around", "said"),
    [
        ("existing", Tier.NODE, BARE, "CLUSTER_KUBECONFIG"),
        ("existing", Tier.SCALE, NAMED, "CLUSTER=source"),
        ("kind", Tier.NODE, BARE, "no container engine answers"),
        ("kind", Tier.NODE, NO_IMAGE, "cannot pull"),
        ("kind", Tier.SCALE, DOCKER, "fake nodes"),
        ("minikube", Tier.NODE, DOCKER, "kind, source, existing"),
    ],
)
def test_a_named_provider_that_cannot_is_refused_with_the_reason(
    asked: str, tier: Tier, around: Surroundings, said: str
) -> None:
    with pytest.raises(ClusterError, match=said):
        choose(asked, tier, around)
