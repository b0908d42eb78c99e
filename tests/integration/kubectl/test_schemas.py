"""The schemas in CI: kubeconform reads them, for manifests and for objects off the API server."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from e2e.cluster import builds
from e2e.cluster.progress import to_stderr
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import POLICIES
from tests.gitops.states import POLICY_STATES

pytestmark = pytest.mark.integration

CHECKOUT = Path(__file__).parents[3]
LOCATION = "schemas/{{ .Group }}/{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json"


def kubeconform(
    *options: str, given: str = "", schemas: str = LOCATION, files: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    program = builds.ensure([builds.KUBECONFORM], to_stderr())["kubeconform"]
    asked = ["-strict", "-schema-location", schemas, "-output", "json", *options, *files]
    return subprocess.run(
        [str(program), *asked],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        cwd=CHECKOUT,
    )


def test_kubeconform_takes_the_examples_and_finds_a_typing_error() -> None:
    examples = [str(path) for path in sorted((CHECKOUT / "examples").glob("*.yaml"))]
    good = kubeconform("-summary", files=examples)
    assert good.returncode == 0, good.stdout
    assert json.loads(good.stdout)["summary"]["valid"] == len(examples)
    text = (CHECKOUT / "examples/triton.yaml").read_text()
    wrong = kubeconform(given=text.replace("maxStartup", "maxStartups"))
    assert wrong.returncode == 1
    assert "additional properties 'maxStartups' not allowed" in wrong.stdout


async def test_an_object_with_its_status_is_valid_as_the_api_server_gives_it(
    client: Client, namespace: str
) -> None:
    state = POLICY_STATES[-1]
    await client.create(POLICIES, state.policy(), namespace=namespace)
    status = {"status": state.status()}
    await client.apply(
        POLICIES, "p", status, namespace=namespace, manager="c", subresource="status"
    )
    live = await client.get(POLICIES, "p", namespace=namespace)
    told = kubeconform(given=json.dumps(live))
    assert told.returncode == 0, told.stdout
