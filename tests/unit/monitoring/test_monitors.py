"""How Prometheus Operator is told to scrape."""

from pathlib import Path

import yaml

MONITORS = Path(__file__).parents[3] / "manifests" / "monitoring" / "monitors.yaml"


def test_names_of_workloads_survive_the_scrape() -> None:
    service, pods = yaml.safe_load_all(MONITORS.read_text())
    assert (service["kind"], pods["kind"]) == ("ServiceMonitor", "PodMonitor")
    (of_controller,), (of_checkers,) = (
        service["spec"]["endpoints"],
        pods["spec"]["podMetricsEndpoints"],
    )
    for endpoint in (of_controller, of_checkers):
        assert endpoint["honorLabels"] is True, "else the namespace becomes exported_namespace"
        assert endpoint["path"] == "/metrics"
