"""What `ihp export` gives other systems: the documented numbers to the digit, in valid formats."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from inferencehealth.api.policy import Policy
from inferencehealth.export.formats import FORMATS
from inferencehealth.export.schedule import LEAST_INTERVAL, LEAST_TIMEOUT, derived
from inferencehealth.export.subject import Subject, subject
from inferencehealth.kubelet import Numbers
from inferencehealth.plan import plan
from inferencehealth.plan.default import default_policy
from inferencehealth.problems import Problem
from inferencehealth.profiles.registry import PROFILES
from inferencehealth.workloads import workload

PROFILES_WITH_PORTS = [p.name for p in PROFILES if p.name not in {"custom", "grpc", "ovms"}]
HAVE_METRICS = {"triton", "vllm", "sglang", "tgi", "nim", "llamacpp", "tensorrt-llm", "dynamo"}


def about(profile: str, *, name: str = "", server: dict[str, Any] | None = None) -> Subject:
    """The subject of a Deployment of that profile."""
    raw = {
        "kind": "Deployment",
        "metadata": {"name": name or profile, "namespace": "ml"},
        "spec": {
            "selector": {"matchLabels": {"app": name or profile}},
            "template": {"spec": {"containers": [{"name": "server", "image": "x"}]}},
        },
    }
    policy = default_policy("ml").model_dump(mode="json", by_alias=True, exclude_unset=True)
    policy["spec"]["server"] = {"profile": profile, **(server or {})}
    planned = plan(Policy.model_validate(policy), workload(raw), advised=False)
    found = subject(planned, workload(raw), host=f"{name or profile}.ml.svc")
    assert isinstance(found, Subject), found
    return found


def text(form: str, of: Subject) -> str:
    made = FORMATS[form](of)
    assert isinstance(made, str), made
    return made


def load(form: str, of: Subject) -> Any:
    return yaml.safe_load(text(form, of))


def test_the_asr_has_its_documented_load_balancer_numbers() -> None:
    found = load("lb", about("asr"))
    assert (found["path"], found["port"], found["protocol"]) == ("/health", 7100, "HTTP")
    assert (found["interval_seconds"], found["timeout_seconds"]) == (30, 5)
    assert (found["healthy_threshold"], found["unhealthy_threshold"]) == (2, 3)


def test_the_asr_has_its_documented_compose_numbers() -> None:
    check = load("compose", about("asr"))["services"]["asr"]["healthcheck"]
    assert check.pop("test")[-1] == "http://127.0.0.1:7100/health"
    assert check == {"interval": "30s", "timeout": "10s", "retries": 3, "start_period": "40s"}


def test_the_asr_is_watched_every_five_minutes_by_a_keyword_that_unhealthy_has_not() -> None:
    found = load("uptime", about("asr"))
    assert found["interval_seconds"] == 300
    assert found["keyword"] in '{"status":"healthy"}'
    assert found["keyword"] not in '{"status":"unhealthy","reason":"No ASR workers available"}'


def test_the_module_of_the_asr_takes_no_unhealthy_body() -> None:
    module = load("blackbox", about("asr"))["modules"]["inferencehealth_asr"]
    (pattern,) = module["http"]["fail_if_body_not_matches_regexp"]
    assert re.search(pattern, '{"status": "healthy"}')
    assert not re.search(pattern, '{"status":"unhealthy"}')


@pytest.mark.parametrize("form", ["prometheus", "podmonitor"])
def test_what_the_documentation_scrapes_of_the_asr_is_refused_with_the_way_out(form: str) -> None:
    made = FORMATS[form](about("asr"))
    assert isinstance(made, Problem)
    assert "/health, but that is JSON and no metrics format" in made.message
    assert "probe and blackbox" in made.message


def test_metrics_are_scraped_where_the_server_has_them() -> None:
    (job,) = load("prometheus", about("triton"))["scrape_configs"]
    assert job["metrics_path"] == "/metrics"
    assert job["relabel_configs"][0]["replacement"] == "$1:8002"
    assert job["kubernetes_sd_configs"][0]["selectors"] == [{"role": "pod", "label": "app=triton"}]
    (endpoint,) = load("podmonitor", about("triton"))["spec"]["podMetricsEndpoints"]
    assert (endpoint["portNumber"], endpoint["path"]) == (8002, "/metrics")


def test_gke_asks_the_pods_port_of_the_service_in_the_same_namespace() -> None:
    found = load("gke", about("asr"))
    assert found["metadata"] == {"name": "asr", "namespace": "ml"}
    assert found["spec"]["targetRef"] == {"group": "", "kind": "Service", "name": "asr"}
    given = found["spec"]["default"]
    assert (given["checkIntervalSec"], given["timeoutSec"]) == (30, 5)
    assert given["config"] == {
        "type": "HTTP",
        "httpHealthCheck": {
            "portSpecification": "USE_FIXED_PORT",
            "port": 7100,
            "requestPath": "/health",
        },
    }


def test_annotations_are_all_strings_as_kubernetes_demands() -> None:
    found = load("aws", about("asr"))["metadata"]["annotations"]
    assert all(isinstance(value, str) for value in found.values())
    assert found["alb.ingress.kubernetes.io/healthcheck-interval-seconds"] == "30"
    assert found["alb.ingress.kubernetes.io/success-codes"] == "200"


def test_a_grpc_server_is_asked_by_the_health_protocol() -> None:
    riva = about("riva")
    assert load("gke", riva)["spec"]["default"]["config"]["type"] == "GRPC"
    annotations = load("aws", riva)["metadata"]["annotations"]
    assert annotations["alb.ingress.kubernetes.io/backend-protocol-version"] == "GRPC"
    assert annotations["alb.ingress.kubernetes.io/success-codes"] == "0"
    test = load("compose", riva)["services"]["riva"]["healthcheck"]["test"]
    assert test[:3] == ["CMD", "grpc_health_probe", "-addr=127.0.0.1:50051"]
    assert load("blackbox", riva)["modules"]["inferencehealth_riva"]["prober"] == "grpc"


def test_required_models_are_asked_for_where_the_server_has_a_path_for_them() -> None:
    one = about("triton", server={"models": {"required": [{"name": "resnet50", "version": "2"}]}})
    assert load("lb", one)["path"] == "/v2/models/resnet50/versions/2/ready"
    assert "--model resnet50@2" in load("github", one)[0]["run"]


@pytest.mark.parametrize("profile", PROFILES_WITH_PORTS)
@pytest.mark.parametrize("form", FORMATS)
def test_every_format_of_every_profile_is_yaml_or_says_why_not(profile: str, form: str) -> None:
    made = FORMATS[form](about(profile))
    if isinstance(made, Problem):
        assert form in {"prometheus", "podmonitor"}
        assert profile not in HAVE_METRICS
    else:
        assert yaml.safe_load(made)


@pytest.mark.parametrize("profile", PROFILES_WITH_PORTS)
def test_load_balancers_take_every_number(profile: str) -> None:
    rounds = about(profile).schedule.balancer
    assert LEAST_INTERVAL <= rounds.interval <= 300
    assert LEAST_TIMEOUT <= rounds.timeout < rounds.interval
    assert 2 <= rounds.successes <= 10
    assert 2 <= rounds.failures <= 10


def test_derived_numbers_follow_the_readiness_probe_and_the_load() -> None:
    found = derived(Numbers(initial_delay=0, period=10, timeout=1, failures=1), startup=95.0)
    assert (found.balancer.interval, found.balancer.timeout) == (10, LEAST_TIMEOUT)
    assert found.balancer.failures == 2
    assert (found.grace, found.tries, found.pause) == (95, 10, 10)


def test_no_name_breaks_out_of_its_place() -> None:
    path = '/$HOME/"\n  x: 1 #'
    odd = about("asr")
    wild = Subject(
        name='on"\nx: 1',
        host="h",
        profile=odd.profile,
        question=type(odd.question)(path, 1),
        port=1,
        schedule=odd.schedule,
    )
    service = load("compose", wild)["services"]
    ((name, found),) = service.items()
    assert name == wild.name
    # Compose reads $$ as $.
    assert found["healthcheck"]["test"][-1].replace("$$", "$") == f"http://127.0.0.1:1{path}"
    assert load("lb", wild)["path"] == path
    assert load("gke", wild)["metadata"]["name"] == wild.name


def test_the_compose_test_fails_where_nobody_listens() -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    words = load("compose", about("asr"))["services"]["asr"]["healthcheck"]["test"]
    assert words[0] == "CMD"
    # Port 1 refuses: the exit code is not 0, whatever curl prints.
    refused = [word.replace(":7100", ":1") for word in words[1:]]
    done = subprocess.run(refused, check=False, capture_output=True, timeout=30)
    assert done.returncode != 0


def test_a_pipeline_waits_as_long_as_is_documented() -> None:
    (step,) = load("github", about("asr"))
    words = shlex.split(step["run"])
    assert words[:3] == ["ihp", "wait", "http://asr.ml.svc:7100"]
    options = dict(zip(words[3::2], words[4::2], strict=True))
    assert options == {
        "--profile": "asr",
        "--tries": "30",
        "--interval": "10s",
        "--request-timeout": "5s",
    }


@pytest.mark.parametrize("profile", ["triton", "vllm"])
def test_prometheus_takes_the_scrape_configuration(tmp_path: Path, profile: str) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here (Debian package prometheus)")
    found = load("prometheus", about(profile))
    # Debian's build knows no service discovery of Kubernetes; the rest is checked.
    del found["scrape_configs"][0]["kubernetes_sd_configs"]
    file = tmp_path / "prometheus.yaml"
    file.write_text(yaml.safe_dump(found))
    done = subprocess.run(
        [promtool, "check", "config", str(file)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("profile", ["asr", "triton", "riva"])
def test_the_blackbox_exporter_takes_its_module(tmp_path: Path, profile: str) -> None:
    exporter = shutil.which("prometheus-blackbox-exporter")
    if exporter is None:
        pytest.skip("no blackbox exporter here (Debian package prometheus-blackbox-exporter)")
    file = tmp_path / "blackbox.yaml"
    file.write_text(text("blackbox", about(profile)))
    done = subprocess.run(
        [exporter, "--config.check", f"--config.file={file}"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
