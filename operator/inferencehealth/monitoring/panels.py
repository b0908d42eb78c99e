"""What the dashboard shows, as data: rows of panels, each with the queries that fill it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Query:
    """One query; `legend` names its series, as Grafana fills it in."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: `kind` as Grafana calls it, `unit` as its units are called."""

    title: str
    kind: str
    queries: tuple[Query, ...]
    what: str
    width: int = 12
    unit: str = "short"
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row of panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


_IN: Final = 'namespace=~"$namespace"'
_OURS: Final = "and on (job, instance) (inferencehealth_pods or inferencehealth_workloads)"
"""Only the series of our programs."""
_RATE: Final = "$__rate_interval"


def _quantiles(name: str) -> tuple[Query, ...]:
    rate = f"sum by (le) (rate(inferencehealth_{name}_seconds_bucket[{_RATE}]))"
    return tuple(
        Query(f"histogram_quantile({share}, {rate})", f"p{round(share * 100)}")
        for share in (0.5, 0.99)
    )


def _rate(name: str, label: str) -> tuple[Query, ...]:
    expression = f"sum by ({label}) (rate(inferencehealth_{name}_total[{_RATE}]))"
    return (Query(expression, f"{{{{{label}}}}}"),)


ROWS: Final = (
    Row(
        "Fleet",
        (
            Panel(
                "Policies not ready",
                "stat",
                (
                    Query(
                        f'count(inferencehealth_policy_condition{{{_IN},type="Ready",'
                        'status!="True"}) or vector(0)'
                    ),
                ),
                "Policies whose condition Ready is False or Unknown.",
                width=4,
            ),
            Panel(
                "Workloads broken",
                "stat",
                (
                    Query(
                        f'count(inferencehealth_workload_verdict{{{_IN},verdict="Broken"}}) '
                        "or vector(0)"
                    ),
                ),
                "Workloads of which a pod does not serve what is required.",
                width=4,
            ),
            Panel(
                "Pods serving",
                "stat",
                (
                    Query(f"sum(inferencehealth_workload_pods_serving{{{_IN}}})", "serving"),
                    Query(f"sum(inferencehealth_workload_pods_wanted{{{_IN}}})", "wanted"),
                ),
                "Pods that serve, and that should.",
                width=8,
            ),
            Panel(
                "Models not everywhere",
                "stat",
                (
                    Query(
                        f"count(inferencehealth_model_pods_serving{{{_IN}}} "
                        f"< inferencehealth_model_pods_asked{{{_IN}}}) or vector(0)"
                    ),
                ),
                "Models that serve on fewer pods of their workload than were asked.",
                width=4,
            ),
            Panel(
                "Restarts prevented",
                "stat",
                (Query("sum(inferencehealth_restarts_prevented_total)"),),
                "Servers that our probes gave more than 30 s to load, and that came to serve.",
                width=4,
            ),
            Panel(
                "Workloads by verdict",
                "timeseries",
                (
                    Query(
                        f"count by (verdict) (inferencehealth_workload_verdict{{{_IN}}})",
                        "{{verdict}}",
                    ),
                ),
                "Each workload by the worst verdict on any of its pods.",
                stacked=True,
            ),
            Panel(
                "Pods by verdict",
                "timeseries",
                (Query("sum by (verdict) (inferencehealth_verdicts)", "{{verdict}}"),),
                "All pods of all checkers; not narrowed by namespace.",
                stacked=True,
            ),
            Panel(
                "Workloads that do not serve everywhere",
                "table",
                (
                    Query(
                        f"inferencehealth_workload_pods_wanted{{{_IN}}} - "
                        f"inferencehealth_workload_pods_serving{{{_IN}}} > 0"
                    ),
                ),
                "How many pods each of them is short of.",
            ),
            Panel(
                "Models that do not serve everywhere",
                "table",
                (
                    Query(
                        f"inferencehealth_model_pods_asked{{{_IN}}} - "
                        f"inferencehealth_model_pods_serving{{{_IN}}} > 0"
                    ),
                ),
                "On how many pods each of them is missing.",
            ),
            Panel(
                "Learned startup",
                "bargauge",
                (
                    Query(
                        f"topk(10, inferencehealth_learned_startup_seconds{{{_IN}}})",
                        "{{namespace}}/{{workload}}",
                    ),
                ),
                "Time within which nine of ten pods loaded: the ten slowest workloads.",
                unit="s",
            ),
            Panel(
                "Restarts of servers",
                "timeseries",
                (
                    Query(
                        "sum by (cause, probes) (increase(inferencehealth_restarts_total[1h]))",
                        "{{cause}}, probes: {{probes}}",
                    ),
                ),
                "In an hour. By signal under our probes: most likely killed by one of them.",
            ),
            Panel(
                "Changes of verdicts",
                "timeseries",
                _rate("transitions", "verdict"),
                "Per second, by the new verdict.",
            ),
            Panel(
                "Kubelet says otherwise",
                "timeseries",
                (Query("sum by (finding) (inferencehealth_kubelet_differences)", "{{finding}}"),),
                "Pods about which the kubelet and the checks have long disagreed.",
            ),
        ),
    ),
    Row(
        "Checkers",
        (
            Panel(
                "Checks",
                "timeseries",
                _rate("checks", "outcome"),
                "Per second, by what they came to.",
                stacked=True,
            ),
            Panel(
                "Duration of checks",
                "timeseries",
                _quantiles("check_duration"),
                "From the first connection to the last answer.",
                unit="s",
            ),
            Panel(
                "Lateness of checks",
                "timeseries",
                _quantiles("check_lateness"),
                "How long after their time checks start; over a second the checker lacks CPU.",
                unit="s",
            ),
            Panel(
                "Turns lost",
                "timeseries",
                (Query(f"sum by (instance) (rate(inferencehealth_checks_shed_total[{_RATE}]))"),),
                "Checks per second that were left out because the checker was late.",
            ),
            Panel(
                "Canaries",
                "timeseries",
                _rate("canaries", "outcome"),
                "Per second: sent, and made needless by real traffic.",
            ),
            Panel(
                "Writes to the API server",
                "timeseries",
                _rate("api_writes", "kind"),
                "Per second, by kind of object. A steady fleet causes Leases only.",
            ),
            Panel(
                "CPU",
                "timeseries",
                (
                    Query(
                        f"rate(process_cpu_seconds_total[{_RATE}]) {_OURS}",
                        "{{job}} {{instance}}",
                    ),
                ),
                "Cores used by each checker and by the controller.",
            ),
            Panel(
                "Memory",
                "timeseries",
                (
                    Query(
                        f"process_resident_memory_bytes {_OURS}",
                        "{{job}} {{instance}}",
                    ),
                ),
                "Resident memory of each checker and of the controller.",
                unit="bytes",
            ),
            Panel(
                "Pods by checker",
                "timeseries",
                (Query("inferencehealth_pods", "{{instance}}"),),
                "How the work is shared.",
                stacked=True,
            ),
            Panel(
                "Checkers in doubt",
                "timeseries",
                (Query("inferencehealth_suspect", "{{instance}}"),),
                "1 while a checker suspects its own network and withholds verdicts.",
            ),
        ),
    ),
    Row(
        "Controller",
        (
            Panel(
                "Runs",
                "timeseries",
                _rate("runs", "result"),
                "Per second: a namespace, or a policy's status, brought in line.",
                width=8,
            ),
            Panel(
                "Duration of runs",
                "timeseries",
                _quantiles("run_duration"),
                "How long a run takes.",
                width=8,
                unit="s",
            ),
            Panel(
                "Runs waiting",
                "timeseries",
                (Query("inferencehealth_runs_waiting", "{{instance}}"),),
                "Runs that are due, or will be.",
                width=8,
            ),
        ),
    ),
)


def queries(rows: Sequence[Row] = ROWS) -> tuple[str, ...]:
    """Every query of the dashboard, with Grafana's variables still in it."""
    return tuple(q.expression for row in rows for panel in row.panels for q in panel.queries)
