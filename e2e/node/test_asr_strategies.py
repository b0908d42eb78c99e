"""The ASR server without its workers: what its documented probes do, and what ours do instead."""

import pytest

from e2e.cluster.model import Cluster
from e2e.story import expect, faults, seen, workloads
from e2e.story.stage import Stage

pytestmark = pytest.mark.node

HEALTH = {"httpGet": {"path": "/health", "port": 7100, "scheme": "HTTP"}}
DOCUMENTED = {
    "livenessProbe": {
        **HEALTH,
        "initialDelaySeconds": 30,
        "periodSeconds": 10,
        "timeoutSeconds": 5,
        "failureThreshold": 3,
        "successThreshold": 1,
    },
    "readinessProbe": {
        **HEALTH,
        "initialDelaySeconds": 10,
        "periodSeconds": 5,
        "timeoutSeconds": 3,
        "failureThreshold": 3,
        "successThreshold": 1,
    },
}


@pytest.fixture(scope="module")
def by_the_book(operated: Cluster) -> Stage:
    """An ASR stack whose policy asks for strategy Profile and no budgets."""
    return _stack(workloads.fresh_namespace(operated, "asr-profile"), "Profile")


@pytest.fixture(scope="module")
def by_process(stage: Stage) -> Stage:
    """An ASR stack whose policy asks for strategy Process and no budgets."""
    return _stack(stage, "Process")


def test_without_workers_the_documented_probe_restarts_the_server_and_process_does_not(
    by_the_book: Stage, by_process: Stage
) -> None:
    expect.injected(by_the_book, "api-server", fields=list(DOCUMENTED))
    assert seen.probes(by_the_book, "api-server") == DOCUMENTED
    expect.injected(by_process, "api-server")
    stages = (by_the_book, by_process)
    restarted, spared = (expect.rolled_out(each, "api-server") for each in stages)
    for each in stages:
        expect.ready(each, "asr")
    for each in stages:
        expect.rollout_over(each, "api-server")
        faults.scale(each, "lightning-asr", 0)
    for each in stages:
        expect.broken(each, "asr", reason="ComponentDown", words="lightning_asr")
    expect.out_of_traffic(by_process, "api-server", spared)
    # That the other one has been restarted meanwhile is what makes this one's zero mean something.
    expect.restarted(by_the_book, restarted)
    expect.not_restarted(by_process, spared)


def test_the_documented_probe_is_said_to_restart_what_a_restart_cannot_mend(
    by_the_book: Stage,
) -> None:
    expect.injected(by_the_book, "api-server", fields=list(DOCUMENTED))
    findings = seen.report(by_the_book, "api-server").status.findings
    assert "DependencyInLiveness" in {finding.id for finding in findings}


def _stack(stage: Stage, strategy: str) -> Stage:
    workloads.deploy(stage, "asr")
    workloads.apply_policy(
        stage,
        workloads.POLICIES / "asr.yaml",
        workloads.spec_of_policy(
            ("probes",), {"mode": "Apply", "liveness": {"strategy": strategy}}
        ),
    )
    return stage
