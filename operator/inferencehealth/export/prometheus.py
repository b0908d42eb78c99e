"""Prometheus: the server's own metrics where it has them, else probes from outside.

Formats: Prometheus 2.42 configuration (checked by its promtool); Prometheus Operator
monitoring.coreos.com/v1 PodMonitor and Probe (API reference; `portNumber` since 0.79); blackbox
exporter 0.23 configuration.
"""

import re

from inferencehealth.export.subject import Grpc, Metrics, Subject
from inferencehealth.export.text import comment, head, quoted, title
from inferencehealth.problems import Problem

HEALTHY_BODIES = {"asr": r'"status"\s*:\s*"healthy"'}
"""What stands in the body of a server that serves, by profile; a regular expression (RE2)."""
DOCUMENTED_SCRAPES = {
    "asr": " Its documentation has Prometheus scrape /health, but that is JSON and no metrics "
    "format: such a scrape always fails."
}
"""What documentation tells people to scrape in vain, by profile."""
SCRAPE = 15
"""Seconds between two scrapes: metrics are read, no model is asked."""


def scrape(subject: Subject) -> str | Problem:
    """A scrape configuration for the server's own metrics."""
    metrics = subject.metrics
    if metrics is None:
        return no_metrics(subject)
    found = _discovered(subject, metrics) if subject.labels else _static(subject, metrics)
    scheme = f"    scheme: https\n{_UNVERIFIED}" if subject.https else ""
    return f"""\
{comment(title(subject, "Scrape configuration of Prometheus"))}
scrape_configs:
  - job_name: {quoted(subject.name)}
    scrape_interval: {SCRAPE}s
    metrics_path: {quoted(metrics.path)}
{scheme}{found}"""


_UNVERIFIED = "    tls_config:\n      insecure_skip_verify: true # or ca_file and server_name\n"


def _static(subject: Subject, metrics: Metrics) -> str:
    target = quoted(f"{subject.host}:{metrics.port}")
    return f"    static_configs:\n      - targets: [{target}]\n"


def _discovered(subject: Subject, metrics: Metrics) -> str:
    labels = ",".join(f"{key}={value}" for key, value in (subject.labels or {}).items())
    space = f"        namespaces: {{names: [{quoted(subject.namespace)}]}}\n"
    return f"""\
    kubernetes_sd_configs:
      - role: pod
{space if subject.namespace else ""}\
        selectors: [{{role: pod, label: {quoted(labels)}}}]
    relabel_configs:
{comment("The port need not be declared; targets that become the same are scraped once.", 6)}
      - source_labels: [__meta_kubernetes_pod_ip]
        target_label: __address__
        replacement: "$1:{metrics.port}"
      - source_labels: [__meta_kubernetes_namespace]
        target_label: namespace
      - source_labels: [__meta_kubernetes_pod_name]
        target_label: pod
"""


def pod_monitor(subject: Subject) -> str | Problem:
    """A PodMonitor for the server's own metrics."""
    metrics = subject.metrics
    if metrics is None:
        return no_metrics(subject)
    labels = subject.labels or {"app": subject.name}
    lines = "\n".join(f"      {quoted(key)}: {quoted(value)}" for key, value in labels.items())
    port = (
        f"port: {quoted(metrics.port_name)}"
        if metrics.port_name
        else f"portNumber: {metrics.port} # must be declared; Prometheus Operator 0.79 and newer"
    )
    tls = "      scheme: https\n      tlsConfig: {insecureSkipVerify: true}\n"
    return f"""\
{comment(title(subject, "Scraping by the Prometheus Operator"))}
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
{_metadata(subject)}\
spec:
  selector:
    matchLabels:
{lines}
  podMetricsEndpoints:
    - {port}
      path: {quoted(metrics.path)}
      interval: {SCRAPE}s
{tls if subject.https else ""}"""


def probe(subject: Subject) -> str:
    """A Probe for the Prometheus Operator, which asks by the blackbox exporter's module."""
    rounds = subject.schedule.balancer
    module = module_name(subject)
    return f"""\
{head(subject, "Probing by the Prometheus Operator and the blackbox exporter")}
{comment(f"Its module {module} is what `ihp export blackbox` prints.")}
apiVersion: monitoring.coreos.com/v1
kind: Probe
{_metadata(subject)}\
spec:
  jobName: {quoted(subject.name)}
  interval: {max(rounds.interval, SCRAPE)}s
  scrapeTimeout: {rounds.timeout}s
  module: {quoted(module)}
  prober:
{comment("Where the blackbox exporter runs; correct it.", 4)}
    url: "prometheus-blackbox-exporter.monitoring.svc:9115"
  targets:
    staticConfig:
{comment("A Service answers for any of its pods; the operator asks each pod.", 6)}
      static: [{quoted(subject.url)}]
"""


def blackbox(subject: Subject) -> str:
    """The module of the blackbox exporter."""
    rounds = subject.schedule.balancer
    return f"""\
{head(subject, "A module of the blackbox exporter")}
modules:
  {quoted(module_name(subject))}:
{_prober(subject, rounds.timeout)}"""


def module_name(subject: Subject) -> str:
    """The module's name: letters, digits and underscores."""
    return re.sub(r"\W", "_", f"inferencehealth_{subject.name}")


def _prober(subject: Subject, timeout: int) -> str:
    asked = subject.question
    tls = "      tls_config: {insecure_skip_verify: true} # or ca_file and server_name\n"
    if isinstance(asked, Grpc):
        service = f"      service: {quoted(asked.service)}\n" if asked.service else ""
        return f"""\
    prober: grpc
    timeout: {timeout}s
    grpc:
      tls: {quoted(subject.https)}
{service}{tls if subject.https else ""}"""
    body = HEALTHY_BODIES.get(subject.profile.name, "")
    trap = comment("With its quotes: the word alone also stands in unhealthy.", 6)
    expected = f"{trap}\n      fail_if_body_not_matches_regexp: [{quoted(body)}]\n"
    return f"""\
    prober: http
    timeout: {timeout}s
    http:
      method: GET
      valid_status_codes: [200]
      follow_redirects: false
{expected if body else ""}{tls if subject.https else ""}"""


def no_metrics(subject: Subject) -> Problem:
    """Why there is nothing to scrape, and what to do instead."""
    why = DOCUMENTED_SCRAPES.get(subject.profile.name, "")
    return Problem(
        "NoMetrics",
        f"{subject.profile.title} has no metrics that the operator knows of.{why} Take the "
        "formats probe and blackbox, which ask it from outside.",
    )


def _metadata(subject: Subject) -> str:
    space = f"  namespace: {quoted(subject.namespace)}\n" if subject.namespace else ""
    return f"metadata:\n  name: {quoted(subject.name)}\n{space}"
