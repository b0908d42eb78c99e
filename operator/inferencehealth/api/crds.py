"""The two CustomResourceDefinitions as manifests: names, columns and the schemas of the models.

`python -m inferencehealth.api.crds DIRECTORY` writes them; a test fails when crds/ is stale.
"""

import sys
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from inferencehealth.api.names import (
    CATEGORY,
    GROUP,
    POLICY_KIND,
    POLICY_PLURAL,
    REPORT_KIND,
    REPORT_PLURAL,
    VERSION,
)
from inferencehealth.api.policy import PolicySpec
from inferencehealth.api.report import ReportSpec, ReportStatus
from inferencehealth.api.schema import structural_schema, without_defaults
from inferencehealth.api.status import UNSEEN, PolicyStatus

Manifest = dict[str, Any]


def _column(
    name: str, path: str, description: str, kind: str = "string", wide: int = 0
) -> Manifest:
    return {"name": name, "type": kind, "jsonPath": path, "description": description} | (
        {"priority": wide} if wide else {}
    )


_READY = ".status.conditions[?(@.type=='Ready')]"
_AGE = _column("Age", ".metadata.creationTimestamp", "Time since it was created.", "date")

POLICY_COLUMNS = (
    _column("Profile", ".status.summary.profile", "Servers recognised."),
    _column("Workloads", ".status.summary.workloads", "Workloads held.", "integer"),
    _column("Pods", ".status.summary.pods", "Pods that serve, of all."),
    _column("Models", ".status.summary.models", "Models that enough pods serve, of all."),
    _column("Mode", ".spec.probes.mode", "How far the operator goes with probes."),
    _column("Verdict", ".status.summary.verdict", "Worst verdict on any pod."),
    _column("Ready", f"{_READY}.status", "Whether everything required serves."),
    # Not only in the wide rows: with -w, two rows that look alike would be one too many.
    _column("Reason", f"{_READY}.reason", "Why, in one word."),
    _column("Message", f"{_READY}.message", "Why, in a sentence.", wide=1),
    _AGE,
)

REPORT_COLUMNS = (
    _column("Profile", ".spec.check.profile", "Server recognised."),
    _column("Pods", ".status.health.podsServing", "Pods that serve, of all."),
    _column("Models", ".status.health.modelsServing", "Models that enough pods serve, of all."),
    _column("Verdict", ".status.health.verdict", "Worst verdict on any pod."),
    _column("Reason", ".status.health.reason", "Why, in one word."),
    _column("Probes", ".status.probes.state", "Whether the probes are in place."),
    _column("Policy", ".spec.policy", "Policy that claims the workload.", wide=1),
    _column("Message", ".status.health.message", "Why, in a sentence.", wide=1),
    _AGE,
)


def policy_crd() -> Manifest:
    """The CustomResourceDefinition of InferenceHealthPolicy."""
    return _crd(
        kind=POLICY_KIND,
        plural=POLICY_PLURAL,
        short="ihp",
        description="Asks for the health of the model servers it selects: probes that fit them, "
        "checks whether their models really serve, and one status about it all.",
        spec=PolicySpec,
        status=PolicyStatus,
        columns=POLICY_COLUMNS,
        status_default={"observedGeneration": UNSEEN},
    )


def report_crd() -> Manifest:
    """The CustomResourceDefinition of InferenceHealthReport."""
    return _crd(
        kind=REPORT_KIND,
        plural=REPORT_PLURAL,
        short="ihr",
        description="What was found about one workload: its server, its probes, its pods and "
        "models. Written by the operator; nobody else needs to.",
        spec=ReportSpec,
        status=ReportStatus,
        columns=REPORT_COLUMNS,
    )


def _crd(
    *,
    kind: str,
    plural: str,
    short: str,
    description: str,
    spec: type[BaseModel],
    status: type[BaseModel],
    columns: tuple[Manifest, ...],
    status_default: Manifest | None = None,
) -> Manifest:
    schema: Manifest = {
        "type": "object",
        "description": description,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}."},
            "kind": {"type": "string", "description": f"{kind}."},
            "metadata": {"type": "object"},
            "spec": structural_schema(spec),
            "status": without_defaults(structural_schema(status))
            | ({"default": status_default} if status_default else {}),
        },
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short],
                "categories": [CATEGORY],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": list(columns),
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


class _Dumper(yaml.SafeDumper):
    """YAML 1.1 as kubectl reads it: a bare Off would be false there, so it is quoted."""

    def ignore_aliases(self, data: Any) -> bool:
        """Spell everything out: people read these files."""
        del data
        return True


def text(manifest: Manifest) -> str:
    """The manifest as a YAML file."""
    header = "# Generated from operator/inferencehealth/api by `make generate`.\n"
    return header + yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, width=100)


def write(directory: Path) -> list[Path]:
    """Write both definitions as YAML into the directory; returns the files."""
    written = []
    for manifest in (policy_crd(), report_crd()):
        path = directory / f"{manifest['metadata']['name']}.yaml"
        path.write_text(text(manifest), encoding="utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    for path in write(Path(sys.argv[1])):
        print(path)
