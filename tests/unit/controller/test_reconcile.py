"""When the status of a policy may be told from its reports alone."""

from typing import Any

import pytest

from inferencehealth.controller.admission import AdmissionPolicies
from inferencehealth.controller.reconcile import Reconciler
from inferencehealth.controller.views import Silence
from inferencehealth.kube.client import Listing


class Api:
    """One policy, and no reports."""

    def __init__(self, generation: int, observed: int) -> None:
        self.policy: dict[str, Any] = {
            "apiVersion": "inferencehealth.dev/v1alpha1",
            "kind": "InferenceHealthPolicy",
            "metadata": {"name": "p", "namespace": "ml", "uid": "u", "generation": generation},
            "spec": {"target": {"selector": {"matchLabels": {"a": "b"}}}},
            "status": {"observedGeneration": observed},
        }
        self.written: list[dict[str, Any]] = []

    async def get(self, *_: Any, **__: Any) -> dict[str, Any]:
        return self.policy

    async def list(self, *_: Any, **__: Any) -> Listing[Any]:
        return Listing((), "1")

    async def apply(self, _resource: Any, _name: str, body: dict[str, Any], **_: Any) -> None:
        self.written.append(body)


@pytest.mark.parametrize(("observed", "planned_anew"), [(1, True), (2, False)])
async def test_reports_of_an_older_spec_say_nothing_of_a_policy(
    monkeypatch: pytest.MonkeyPatch, observed: int, planned_anew: bool
) -> None:
    planned: list[str] = []

    async def plan_anew(_self: Reconciler, namespace: str) -> None:
        planned.append(namespace)

    monkeypatch.setattr(Reconciler, "namespace", plan_anew)
    api = Api(generation=2, observed=observed)
    subject = Reconciler(
        client=api,  # type: ignore[arg-type]
        events=None,  # type: ignore[arg-type]
        silence_of=lambda _lease: Silence(0.0, ""),
        now=lambda: "2026-01-01T00:00:00Z",
        admission=AdmissionPolicies(api),  # type: ignore[arg-type]
    )
    subject.lost["ml", "p"] = ()
    await subject.status("ml", "p")
    assert planned == (["ml"] if planned_anew else [])
    assert bool(api.written) is not planned_anew
