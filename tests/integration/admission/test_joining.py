"""Probes that join a rollout, through either door: by the controller's policies, by the webhook."""

import json

import pytest

from inferencehealth.api.names import FIELD_MANAGER
from inferencehealth.api.policy import Policy
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import DEPLOYMENTS, POLICIES, REPORTS, STATEFUL_SETS
from inferencehealth.kubelet import same_probe
from inferencehealth.plan import plan
from inferencehealth.workloads import OWNED_KINDS, workload
from tests.integration.admission.doors import (
    Done,
    Door,
    Raw,
    attempt,
    initial,
    kubectl,
    open_for,
    probed,
    until_kubectl,
    with_policy,
)
from tests.integration.awaiting import condition, message, until
from tests.integration.objects import container, deployment

pytestmark = [pytest.mark.integration]

OWN_LIVENESS = {"exec": {"command": ["/bin/alive"]}, "initialDelaySeconds": 7}
RESTART = {"spec": {"template": {"metadata": {"annotations": {"restartedAt": "now"}}}}}


def state(report: Raw) -> str:
    found: str = report.get("status", {}).get("probes", {}).get("state", "")
    return found


def owned_probes(raw: Raw) -> str:
    """What anybody owns of the probes, as text."""
    return " ".join(
        json.dumps(entry["fieldsV1"])
        for entry in raw["metadata"]["managedFields"]
        if "Probe" in json.dumps(entry["fieldsV1"])
    )


async def created(client: Client, namespace: str, body: Raw) -> Raw:
    return await client.create(DEPLOYMENTS, body, namespace=namespace, manager="author")


async def rolled(client: Client, namespace: str, name: str, patch: Raw = RESTART) -> Raw:
    return await client.merge_patch(DEPLOYMENTS, name, patch, namespace=namespace, manager="author")


async def known_by_admission(client: Client, namespace: str, name: str) -> None:
    """Return once the plan of a workload that was there before would join its next rollout."""
    current = await client.get(DEPLOYMENTS, name, namespace=namespace)
    body = {
        "metadata": {"name": name},
        "spec": {
            "template": {"metadata": {"annotations": {"attempt": current["metadata"]["uid"]}}}
        },
    }
    await open_for(client, namespace, probed, body)


async def test_a_new_workload_has_its_probes_at_once_and_nobody_owns_them(
    door: Door, client: Client, namespace: str
) -> None:
    made = await with_policy(client, namespace)
    raw = await created(client, namespace, deployment())
    assert raw["metadata"]["generation"] == 1
    assert owned_probes(raw) == ""
    value = workload({**raw, "kind": "Deployment"})
    for probe in plan(Policy.model_validate(made), value).probes:
        assert same_probe(container(raw)[probe.kind], probe.wanted)
    report = await until(
        client, REPORTS, namespace, "deployment-triton", lambda r: state(r) == "Injected"
    )
    assert report["status"]["probes"].get("message", "") == ""
    await until(
        client, POLICIES, namespace, "p", lambda p: condition(p, "ProbesInjected")[0] == "True"
    )


async def test_who_waits_until_nothing_is_under_way_gets_workloads_with_probes(
    door: Door, client: Client, namespace: str
) -> None:
    """As a sync wave or `kubectl wait` does, with nobody else looking whether the rule is known."""
    if door.name == "webhook":
        pytest.skip("a webhook is asked as soon as it knows the policy; nothing else has to learn")
    await client.create(POLICIES, initial(), namespace=namespace, manager="author")
    await until(
        client, POLICIES, namespace, "p", lambda p: condition(p, "Reconciling")[0] == "False"
    )
    assert probed(await created(client, namespace, deployment()))


async def test_applying_the_same_manifest_again_changes_nothing(
    door: Door, client: Client, namespace: str
) -> None:
    await with_policy(client, namespace)
    body = {"apiVersion": "apps/v1", "kind": "Deployment", **deployment()}
    words = ["apply", "--namespace", namespace, "-f", "-"]
    assert "created" in kubectl(door.cluster, *words, stdin=body)
    first = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
    assert probed(first)
    assert "unchanged" in kubectl(door.cluster, *words, stdin=body)
    kubectl(door.cluster, *words, "--server-side", "--force-conflicts", stdin=body)
    kubectl(door.cluster, *words, "--server-side", stdin=body)
    # A client that writes the whole object sends it without the probes.
    replace = ["replace", "--namespace", namespace, "-f", "-"]
    # Until the controller has met the workload, which is new.
    until_kubectl(_is_probed, door.cluster, *replace, "--dry-run=server", "-o", "json", stdin=body)
    kubectl(door.cluster, *replace, stdin=body)
    after = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
    assert after["spec"]["template"] == first["spec"]["template"]
    assert owned_probes(after) == ""


async def test_a_restart_brings_probes_to_a_workload_that_was_there_and_scaling_does_not(
    door: Door, client: Client, namespace: str
) -> None:
    before = await created(client, namespace, deployment())
    # Here the server has to be recognised: with a look, which the workload allows once it is there.
    body = initial()
    body["spec"]["server"] = {}
    await client.create(POLICIES, body, namespace=namespace, manager="author")
    report = await until(
        client, REPORTS, namespace, "deployment-triton", lambda r: state(r) == "Recommended"
    )
    assert "join the next rollout" in report["status"]["probes"]["message"]
    found = await until(
        client, POLICIES, namespace, "p", lambda p: condition(p, "ProbesInjected")[0] == "False"
    )
    assert "next rollout" in message(found, "ProbesInjected")
    await known_by_admission(client, namespace, "triton")
    kubectl(door.cluster, "scale", "-n", namespace, "deployment/triton", "--replicas=3")
    kubectl(door.cluster, "label", "-n", namespace, "deployment/triton", "some=label")
    scaled = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
    assert scaled["spec"]["template"] == before["spec"]["template"]
    kubectl(door.cluster, "rollout", "restart", "-n", namespace, "deployment/triton")
    after = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
    assert all(kind in container(after) for kind in OWNED_KINDS)
    assert owned_probes(after) == ""
    assert after["metadata"]["generation"] == scaled["metadata"]["generation"] + 1


async def test_an_authors_probe_is_kept_and_the_missing_ones_join(
    door: Door, client: Client, namespace: str
) -> None:
    await with_policy(client, namespace)
    raw = await created(client, namespace, deployment(livenessProbe=OWN_LIVENESS))
    assert container(raw)["livenessProbe"]["exec"] == OWN_LIVENESS["exec"]
    assert container(raw)["readinessProbe"]["httpGet"]["path"] == "/v2/health/ready"


async def test_an_author_who_comes_with_a_probe_of_another_kind_later_is_not_in_our_way(
    door: Door, client: Client, namespace: str
) -> None:
    """His apply adds a handler to the probe that admission gave him; two would be refused."""
    await with_policy(client, namespace)
    body = {"apiVersion": "apps/v1", "kind": "Deployment", **deployment()}
    words = ["apply", "--namespace", namespace, "-f", "-"]
    kubectl(door.cluster, *words, stdin=body)
    await until(client, REPORTS, namespace, "deployment-triton", lambda r: state(r) == "Injected")
    own = {**body, **deployment(livenessProbe=OWN_LIVENESS, args=["--another=flag"])}
    # Until what is known of the workload is compiled, both handlers are refused.
    until_kubectl(_is_accepted, door.cluster, *words, "--dry-run=server", stdin=own)
    kubectl(door.cluster, *words, stdin=own)
    after = container(await client.get(DEPLOYMENTS, "triton", namespace=namespace))
    assert after["livenessProbe"]["exec"] == OWN_LIVENESS["exec"]
    assert "httpGet" not in after["livenessProbe"]
    assert "httpGet" in after["readinessProbe"]


def _is_probed(done: Done) -> bool:
    return probed(json.loads(done.stdout))


def _is_accepted(done: Done) -> bool:
    if done.returncode != 0:
        assert "may not specify more than 1 handler type" in done.stderr
    return done.returncode == 0


async def test_what_the_operator_itself_takes_out_stays_out(
    door: Door, client: Client, namespace: str
) -> None:
    await with_policy(client, namespace)
    await created(client, namespace, deployment())
    remove = [{"op": "remove", "path": "/spec/template/spec/containers/0/livenessProbe"}]
    after = await client.json_patch(
        DEPLOYMENTS, "triton", remove, namespace=namespace, manager=FIELD_MANAGER
    )
    assert not probed(after)


async def test_replace_takes_the_authors_probe_as_a_whole(
    door: Door, client: Client, namespace: str
) -> None:
    await with_policy(client, namespace, probes={"existing": "Replace"})
    raw = await created(client, namespace, deployment(livenessProbe=OWN_LIVENESS))
    liveness = container(raw)["livenessProbe"]
    assert "exec" not in liveness
    assert "initialDelaySeconds" not in liveness
    assert liveness["httpGet"]["path"] == "/v2/health/live"


async def test_a_changed_policy_changes_the_probes_with_the_next_rollout(
    door: Door, client: Client, namespace: str
) -> None:
    await with_policy(client, namespace)
    raw = await created(client, namespace, deployment())
    period = container(raw)["livenessProbe"]["periodSeconds"]
    await until(client, REPORTS, namespace, "deployment-triton", lambda r: state(r) == "Injected")
    change = {"spec": {"probes": {"liveness": {"periodSeconds": 17}}}}
    await client.merge_patch(POLICIES, "p", change, namespace=namespace, manager="author")
    await until(
        client,
        REPORTS,
        namespace,
        "deployment-triton",
        lambda r: (
            r["status"]["probes"]["liveness"].get("former", {}).get("periodSeconds") == period
        ),
    )
    waiting = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
    assert container(waiting)["livenessProbe"]["periodSeconds"] == period
    body = {
        "metadata": {"name": "triton"},
        "spec": {"template": {"metadata": {"annotations": {"attempt": "1"}}}},
    }
    await open_for(
        client, namespace, lambda d: container(d)["livenessProbe"]["periodSeconds"] == 17, body
    )
    after = await rolled(client, namespace, "triton")
    assert container(after)["livenessProbe"]["periodSeconds"] == 17
    assert container(after)["readinessProbe"] == container(raw)["readinessProbe"]


async def test_a_deleted_policy_gives_nobody_probes_and_leaves_those_that_are_there(
    door: Door, client: Client, namespace: str
) -> None:
    await with_policy(client, namespace)
    await created(client, namespace, deployment())
    await client.delete(POLICIES, "p", namespace=namespace)
    await open_for(client, namespace, lambda d: not probed(d))
    after = await rolled(client, namespace, "triton")
    assert probed(after)
    other = await created(client, namespace, deployment("other"))
    assert not probed(other)


async def test_a_policy_that_changes_its_mode_gives_nobody_probes(
    door: Door, client: Client, namespace: str
) -> None:
    await with_policy(client, namespace)
    change = {"spec": {"probes": {"mode": "Recommend"}}}
    await client.merge_patch(POLICIES, "p", change, namespace=namespace, manager="author")
    await open_for(client, namespace, lambda d: not probed(d))


async def test_an_older_policy_keeps_what_it_selects_from_a_younger_one(
    door: Door, client: Client, namespace: str
) -> None:
    older = initial(probes={"mode": "Off"})
    older["metadata"]["name"] = "a-older"
    older["spec"]["target"]["selector"] = {"matchLabels": {"team": "a"}}
    await client.create(POLICIES, older, namespace=namespace, manager="author")
    younger = initial()
    younger["metadata"]["name"] = "b-younger"
    await client.create(POLICIES, younger, namespace=namespace, manager="author")
    await open_for(client, namespace, probed)
    theirs = deployment("theirs")
    theirs["metadata"]["labels"]["team"] = "a"
    assert not probed(await created(client, namespace, theirs))


async def test_a_dry_run_shows_the_probes_and_keeps_nothing(
    door: Door, client: Client, namespace: str
) -> None:
    await with_policy(client, namespace)
    assert probed(await attempt(client, namespace, deployment()))
    listed = await client.list(DEPLOYMENTS, project=lambda raw: raw, namespace=namespace)
    assert listed.items == ()


def several(*, init: list[Raw], containers: list[Raw]) -> Raw:
    body = deployment()
    body["spec"]["template"]["spec"] = {"initContainers": init, "containers": containers}
    return body


SERVER = {
    "name": "server",
    "image": "nvcr.io/nvidia/tritonserver:24.10-py3",
    "ports": [{"containerPort": 8000}],
}


async def test_only_the_servers_container_of_several_gets_probes(
    door: Door, client: Client, namespace: str
) -> None:
    await with_policy(client, namespace)
    body = several(
        init=[
            {"name": "fetch", "image": "curl"},
            {"name": "tunnel", "image": "tunnel", "restartPolicy": "Always"},
        ],
        containers=[{"name": "istio-proxy", "image": "proxyv2"}, SERVER],
    )
    raw = await created(client, namespace, body)
    spec = raw["spec"]["template"]["spec"]
    proxy, server = spec["containers"]
    assert all(kind in server for kind in OWNED_KINDS)
    for other in (proxy, *spec["initContainers"]):
        assert not set(OWNED_KINDS) & other.keys()


async def test_a_server_among_native_sidecars_gets_its_probes_with_its_next_rollout(
    door: Door, client: Client, namespace: str
) -> None:
    body = several(
        init=[{**SERVER, "restartPolicy": "Always"}], containers=[{"name": "job", "image": "job"}]
    )
    await created(client, namespace, body)
    policy = initial()
    policy["spec"]["target"]["container"] = "server"
    await client.create(POLICIES, policy, namespace=namespace, manager="author")
    attempt_body = {
        "metadata": {"name": "triton"},
        "spec": {"template": {"metadata": {"annotations": {"attempt": "1"}}}},
    }
    await open_for(
        client,
        namespace,
        lambda d: "livenessProbe" in d["spec"]["template"]["spec"]["initContainers"][0],
        attempt_body,
    )
    after = await rolled(client, namespace, "triton")
    assert "readinessProbe" in after["spec"]["template"]["spec"]["initContainers"][0]
    assert not probed(after)


async def test_a_stateful_set_is_met_as_a_deployment_is(
    door: Door, client: Client, namespace: str
) -> None:
    await with_policy(client, namespace)
    body = deployment()
    body["spec"]["serviceName"] = "triton"
    await open_for(client, namespace, probed, body, STATEFUL_SETS)
    raw = await client.create(STATEFUL_SETS, body, namespace=namespace, manager="author")
    assert probed(raw)
    assert owned_probes(raw) == ""


async def test_what_another_controller_makes_is_left_alone(
    door: Door, client: Client, namespace: str
) -> None:
    await with_policy(client, namespace)
    body = deployment()
    body["metadata"]["ownerReferences"] = [
        {"apiVersion": "x/v1", "kind": "Maker", "name": "m", "uid": "u", "controller": True}
    ]
    assert not probed(await attempt(client, namespace, body))


async def test_a_readiness_gate_joins_beside_those_of_others(
    door: Door, client: Client, namespace: str
) -> None:
    await with_policy(client, namespace, checks={"readinessGate": True})
    body = deployment()
    body["spec"]["template"]["spec"]["readinessGates"] = [{"conditionType": "example.com/other"}]
    raw = await created(client, namespace, body)
    gates = [g["conditionType"] for g in raw["spec"]["template"]["spec"]["readinessGates"]]
    assert gates == ["example.com/other", "inferencehealth.dev/models-ready"]
    plain = await created(client, namespace, deployment("plain"))
    (gate,) = plain["spec"]["template"]["spec"]["readinessGates"]
    assert gate["conditionType"] == "inferencehealth.dev/models-ready"


async def test_no_right_of_ours_is_needed_by_whoever_writes(
    door: Door, client: Client, namespace: str
) -> None:
    """The author's own rights are enough: admission changes his write, it makes none of its own."""
    await with_policy(client, namespace)
    raw = await created(client, namespace, deployment())
    managers = {entry["manager"] for entry in raw["metadata"]["managedFields"]}
    assert managers == {"author"}
