"""The policies a user would copy, accepted by the real API server as they stand."""

from pathlib import Path

import pytest
import yaml

from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import POLICIES

pytestmark = pytest.mark.integration

CHECKOUT = Path(__file__).parents[3]
FILES = sorted(
    [*(CHECKOUT / "examples").glob("*.yaml"), *(CHECKOUT / "e2e/story/policies").glob("*.yaml")]
)
POLICY_OF = {f"{path.parent.name}-{path.stem}": yaml.safe_load(path.read_text()) for path in FILES}


@pytest.mark.parametrize("name", POLICY_OF)
async def test_the_api_server_takes_an_example_and_keeps_all_of_it(
    client: Client, namespace: str, name: str
) -> None:
    wanted = POLICY_OF[name]
    created = await client.create(POLICIES, wanted, namespace=namespace)
    assert _covers(created["spec"], wanted["spec"])


def _covers(has: object, wanted: object) -> bool:
    """Whether everything wanted is there; defaults may have been added."""
    if isinstance(wanted, dict):
        return isinstance(has, dict) and all(
            key in has and _covers(has[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(has, list)
            and len(has) == len(wanted)
            and all(_covers(one, other) for one, other in zip(has, wanted, strict=True))
        )
    return has == wanted
