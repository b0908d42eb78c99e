"""Writes docs/metrics.md from the programs' own registries, so that page and numbers agree."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from prometheus_client.core import Metric

from inferencehealth.api.report import Health, ItemHealth, Report, Startup
from inferencehealth.api.status import PolicyStatus, VerdictCounts
from inferencehealth.checker.engine import Engine
from inferencehealth.checker.metrics import families as of_checker
from inferencehealth.checker.tally import Ended
from inferencehealth.checks import transports
from inferencehealth.controller.aggregate import invalid_status
from inferencehealth.controller.board import Board
from inferencehealth.controller.metrics import MAX_MODELS, MAX_WORKLOADS, OTHERS
from inferencehealth.controller.metrics import families as of_controller
from inferencehealth.controller.runs import Runs
from inferencehealth.controller.views import View

_HEAD: Final = f"""\
# Metrics

<!-- Made by `make generate` from operator/inferencehealth/monitoring; do not edit. -->

`ihp checker --listen :9080` and `ihp controller --listen :9081` serve /metrics, /livez and /readyz.
`manifests/monitoring` has a ServiceMonitor, a PodMonitor, alerts with
[runbooks](runbooks/README.md), and a Grafana dashboard to import (`dashboard.json`).

Names of namespaces, policies, workloads and models are labels of the controller's metrics only, and
bounded: {MAX_WORKLOADS:,} workloads have series of their own (`inferencehealth_workloads_omitted`
counts the rest), and {MAX_MODELS} models of each; what goes beyond is the model `{OTHERS}`. A state
is one series with the value 1: while a workload is Broken, its other verdicts are absent. Both
programs also have the `process_` metrics of the Prometheus client.

Scrape with `honorLabels: true`, as the manifests here do. Otherwise Prometheus puts the operator's
own namespace in place of the workload's.
"""

_RESTARTS: Final = """
## Restarts prevented and caused

Neither can be known for sure; this is what the numbers mean:

- **Prevented** (`inferencehealth_restarts_prevented_total`): a server that carries a startup or
  liveness probe of ours was Loading or Busy for more than 30 s and then served, in the same start
  of its container. A liveness probe with Kubernetes' defaults (every 10 s, three failures), as
  people copy it from a web server, would have killed it, provided that the server did not answer
  that probe meanwhile.
- **Caused** (`inferencehealth_restarts_total{cause="signal",probes="ours"}`): the container of such
  a server was started anew after its process ended by SIGTERM or SIGKILL. A failed probe of ours
  does that, and so does a person or the node. It is the most that our probes can have caused. Ends
  for lack of memory are `cause="memory"`, and those of the server's own doing `cause="exit"`.

Both are counted by the checker from what it sees, and start at 0 with it.
"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    parts += ["\n## Checker\n\n", *_table(_checker())]
    parts += ["\n## Controller\n\n", *_table(_controller()), _RESTARTS]
    return "".join(parts)


def _table(families: Iterator[Metric]) -> Iterator[str]:
    yield "| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n"
    for family in families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label: None for sample in family.samples for label in sample.labels}
        shown = ", ".join(label for label in labels if label != "le")
        yield f"| `{name}` | {family.type} | {shown} | {family.documentation} |\n"


def _checker() -> Iterator[Metric]:
    engine = Engine(
        ask=transports.ask, identity="", concurrency=1, mark=lambda _: None, told=lambda _: None
    )
    engine.canaries.counted["vllm"].add(Ended.GOOD)
    return of_checker(engine, lambda: 0, {"Lease": 0})


def _controller() -> Iterator[Metric]:
    board = Board()
    board.post(("ml", "asr"), _status(), [_view()])
    return of_controller(board, Runs(), {"Lease": 0}, lambda: 0.0, lambda: True)


def _status() -> PolicyStatus:
    return invalid_status(1, "an example", PolicyStatus(), "2026-01-01T00:00:00Z")


def _view() -> View:
    """A workload with one model that was seen to load."""
    report = {
        "metadata": {"name": "deployment-asr", "namespace": "ml"},
        "spec": {"policy": "asr", "workload": {"kind": "Deployment", "name": "asr", "uid": "1"}},
    }
    health = Health(
        counts=VerdictCounts(total=1, ready=1),
        models=(ItemHealth(name="small", ready=1, total=1),),
        startups=(Startup(image="asr:1", count=1, p50=60.0, p90=60.0, max=60.0),),
    )
    return View(Report.model_validate(report), health)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), "utf-8")
