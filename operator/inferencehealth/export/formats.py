"""All formats by the name that `ihp export` takes."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from inferencehealth.export import balancers, compose, monitors, prometheus
from inferencehealth.export.subject import Subject
from inferencehealth.problems import Problem

FORMATS: Final[Mapping[str, Callable[[Subject], str | Problem]]] = MappingProxyType(
    {
        "compose": compose.compose,
        "lb": balancers.generic,
        "gke": balancers.gke,
        "aws": balancers.aws,
        "prometheus": prometheus.scrape,
        "podmonitor": prometheus.pod_monitor,
        "probe": prometheus.probe,
        "blackbox": prometheus.blackbox,
        "uptime": monitors.uptime,
        "github": monitors.github,
    }
)
"""Each gives the text of a file, or the problem why there is none for this server."""
