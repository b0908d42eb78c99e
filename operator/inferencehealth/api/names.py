"""The names by which this operator is known to Kubernetes; every other module takes them here."""

from typing import Final

GROUP: Final = "inferencehealth.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
CATEGORY: Final = "inference"

POLICY_KIND: Final = "InferenceHealthPolicy"
POLICY_PLURAL: Final = "inferencehealthpolicies"
REPORT_KIND: Final = "InferenceHealthReport"
REPORT_PLURAL: Final = "inferencehealthreports"

FIELD_MANAGER: Final = "inferencehealth"
"""Owner of the probe fields we write to a user's workload; nothing else is written with it."""

CONTROLLER_MANAGER: Final = "inferencehealth-controller"
"""Owner of policy status, report spec and the probe half of report status."""

WEBHOOK_MANAGER: Final = "inferencehealth-webhook"
"""Owner of the webhook's Secret and of the bundle in its configuration."""

CHECKER_MANAGER: Final = "inferencehealth-checker"
"""Owner of the health half of report status."""

POLICY_LABEL: Final = f"{GROUP}/policy"
"""On a report: the policy that it answers to."""

NAMESPACE_LABEL: Final = f"{GROUP}/namespace"
"""On an admission policy of ours, which has no namespace: that of the policy it comes from."""

CHECKER_LEASE_LABEL: Final = f"{GROUP}/member"
"""On a Lease: a running checker's sign of life (value `checker`)."""

CHECKER_SCOPE_LABEL: Final = f"{GROUP}/scope"
"""On a checker's Lease: the only namespace that it checks; empty: all. Checkers share their work
with those of the same scope."""

READINESS_GATE: Final = f"{GROUP}/models-ready"
"""Type of the pod condition by which a pod's gate is open or closed."""

SYSTEM_NAMESPACE: Final = "inferencehealth-system"
"""Where the operator itself lives, and its Leases, unless told otherwise."""
