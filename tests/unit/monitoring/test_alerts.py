"""Alerts fire when they should and not before, judged by Prometheus' own promtool."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
RULES = ROOT / "manifests" / "monitoring" / "prometheusrule.yaml"
RUNBOOKS = ROOT / "docs" / "runbooks"
LONG = 60
"""Minutes of samples, more than any alert waits."""

CONTROLLER = 'job="controller",instance="a:1"'
CHECKER = 'job="checker",instance="b:1"'
WORKLOAD = f'{CONTROLLER},namespace="ml",kind="Deployment",workload="asr"'
MODEL = f'{WORKLOAD},model="small"'
POLICY = f'{CONTROLLER},namespace="ml",policy="p"'


@dataclass(frozen=True)
class Case:
    """An alert, the series (without prefix) that make it fire, and those that must not."""

    alert: str
    fires: dict[str, str]
    quiet: dict[str, str]


def one(verdict: str) -> dict[str, str]:
    return {f'workload_verdict{{{WORKLOAD},verdict="{verdict}"}}': "1"}


def said(condition: str, status: str) -> dict[str, str]:
    return {f'policy_condition{{{POLICY},type="{condition}",status="{status}"}}': "1"}


def late(quick: str, slow: str) -> dict[str, str]:
    """Checks of which so many a minute begin within a second, and within ten."""
    name = f"check_lateness_seconds_bucket{{{CHECKER}"
    return {
        f'{name},le="1"}}': f"0+{quick}x{LONG}",
        f'{name},le="10"}}': f"0+{slow}x{LONG}",
        f'{name},le="+Inf"}}': f"0+{slow}x{LONG}",
    }


def killed(cause: str, probes: str, each_minute: str) -> dict[str, str]:
    labels = f'{CHECKER},cause="{cause}",probes="{probes}"'
    return {f"restarts_total{{{labels}}}": f"0+{each_minute}x{LONG}"}


def flapping(each_minute: str) -> dict[str, str]:
    return {
        f'transitions_total{{{CHECKER},verdict="Broken"}}': f"0+{each_minute}x{LONG}",
        f"pods{{{CHECKER}}}": "100",
    }


def failing(result: str) -> dict[str, str]:
    return {f'runs_total{{{CONTROLLER},result="{result}"}}': f"0+1x{LONG}"}


CASES = (
    Case("WorkloadBroken", one("Broken"), one("Loading")),
    Case("VerdictUnknown", one("Unknown"), one("Ready")),
    Case(
        "ModelDown",
        {f"model_pods_asked{{{MODEL}}}": "2", f"model_pods_serving{{{MODEL}}}": "0"},
        {f"model_pods_asked{{{MODEL}}}": "2", f"model_pods_serving{{{MODEL}}}": "1"},
    ),
    Case("PolicyNotReady", said("Ready", "False"), said("Ready", "Unknown")),
    Case("PolicyStalled", said("Stalled", "True"), said("Stalled", "False")),
    Case("ProbesConflicted", said("ProbesConflicted", "True"), said("ProbesConflicted", "False")),
    Case("RestartsByProbes", killed("signal", "ours", "1"), killed("memory", "ours", "1")),
    Case("RestartsByProbes", killed("signal", "ours", "1"), killed("signal", "others", "1")),
    Case(
        "KubeletDisagrees",
        {f'kubelet_differences{{{CHECKER},finding="KubeletReadyButBroken"}}': "2"},
        {f'kubelet_differences{{{CHECKER},finding="KubeletReadyButBroken"}}': "0"},
    ),
    Case("CheckerMissing", {f"workloads{{{CONTROLLER}}}": "1"}, {f"pods{{{CHECKER}}}": "0"}),
    Case("ControllerMissing", {f"pods{{{CHECKER}}}": "1"}, {f"workloads{{{CONTROLLER}}}": "0"}),
    Case("CheckerSuspectsItself", {f"suspect{{{CHECKER}}}": "1"}, {f"suspect{{{CHECKER}}}": "0"}),
    Case("ChecksLate", late("90", "100"), late("100", "100")),
    Case(
        "ChecksShed",
        {f"checks_shed_total{{{CHECKER}}}": f"0+1x{LONG}"},
        {f"checks_shed_total{{{CHECKER}}}": f"7+0x{LONG}"},
    ),
    Case("VerdictsFlap", flapping("120"), flapping("30")),
    Case("ControllerFailing", failing("failed"), failing("done")),
    Case(
        "ControllerDeaf",
        {f"api_silence_seconds{{{CONTROLLER}}}": "61"},
        {f"api_silence_seconds{{{CONTROLLER}}}": "0"},
    ),
    Case(
        "ControllerBehind",
        {f"runs_waiting{{{CONTROLLER}}}": "21"},
        {f"runs_waiting{{{CONTROLLER}}}": "20"},
    ),
)


def spec() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(RULES.read_text())["spec"]
    return found


def rules() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for group in spec()["groups"] for rule in group["rules"]}


def scenario(alert: str, series: dict[str, str], firing: tuple[tuple[int, bool], ...]) -> Any:
    """Whether the alert fires at those minutes, as promtool's test has it."""
    asked = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})'
    return {
        "interval": "1m",
        "input_series": [
            {
                "series": f"inferencehealth_{name}",
                "values": values if "+" in values else f"{values}x{LONG}",
            }
            for name, values in series.items()
        ],
        "promql_expr_test": [
            {
                "expr": asked,
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
            }
            for minute, fires in firing
        ],
    }


def promtool(tests: list[Any], folder: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is missing; `make setup-system` installs it")
    (folder / "rules.yaml").write_text(yaml.safe_dump(spec()))
    document = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}
    (folder / "tests.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    ran = subprocess.run(
        ["promtool", "test", "rules", "tests.yaml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_alert_fires_when_its_time_is_over_and_never_for_what_is_well(
    tmp_path: Path,
) -> None:
    tests = []
    for case in CASES:
        name = f"InferenceHealth{case.alert}"
        waits = int(re.sub(r"m$", "", rules()[name]["for"]))
        tests += [
            scenario(name, case.fires, ((waits - 1, False), (LONG - 5, True))),
            scenario(name, case.quiet, ((LONG - 5, False),)),
        ]
    promtool(tests, tmp_path)


def test_an_alert_names_the_workload_and_its_page(tmp_path: Path) -> None:
    told = scenario("InferenceHealthWorkloadBroken", one("Broken"), ())
    told["alert_rule_test"] = [
        {
            "alertname": "InferenceHealthWorkloadBroken",
            "eval_time": "5m",
            "exp_alerts": [
                {
                    "exp_labels": {
                        "severity": "critical",
                        "verdict": "Broken",
                        "job": "controller",
                        "instance": "a:1",
                        "namespace": "ml",
                        "kind": "Deployment",
                        "workload": "asr",
                    },
                    "exp_annotations": {
                        "summary": "Deployment ml/asr does not serve what it should",
                        "description": "At least one of its pods answers, or should, and a "
                        "required model, component or canary fails.",
                        "runbook_url": "docs/runbooks/InferenceHealthWorkloadBroken.md",
                    },
                }
            ],
        }
    ]
    promtool([told], tmp_path)


def test_every_alert_is_tested_and_has_a_page_and_no_page_is_left_over() -> None:
    assert {f"InferenceHealth{case.alert}" for case in CASES} == set(rules())
    for name, rule in rules().items():
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{name}.md"
        page = (RUNBOOKS / f"{name}.md").read_text()
        assert rule["expr"] in page
        assert f"Severity {rule['labels']['severity']}, after {rule['for']}" in page
        assert f"[{name}]({name}.md)" in (RUNBOOKS / "README.md").read_text()
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"} == set(rules())
