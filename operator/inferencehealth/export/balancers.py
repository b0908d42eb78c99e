"""Load balancers: what decides whether they send a server traffic, in their own words.

Formats: GKE Gateway `HealthCheckPolicy` (networking.gke.io/v1; GKE documentation, "Configure
Gateway resources using Policies"); AWS Load Balancer Controller 2.x annotations of an Ingress or
Service (its documentation, "Ingress annotations").
"""

from inferencehealth.export.subject import Grpc, Subject
from inferencehealth.export.text import comment, head, quoted

GRPC_PATH = "/grpc.health.v1.Health/Check"
"""The method that every gRPC server with the standard health service answers."""


def generic(subject: Subject) -> str:
    """The values for whatever load balancer there is."""
    rounds = subject.schedule.balancer
    asked = subject.question
    if isinstance(asked, Grpc):
        what = f"protocol: gRPC\npath: {quoted(GRPC_PATH)}\nservice: {quoted(asked.service)}"
        good = "success_codes: [0] # gRPC status OK"
    else:
        scheme = "HTTPS" if subject.https else "HTTP"
        what = f"protocol: {scheme}\nmethod: GET\npath: {quoted(asked.path)}"
        good = "success_codes: [200] # a redirect or any other 2xx is no proof"
    return f"""\
{head(subject, "Health check of a load balancer")}
{what}
port: {asked.port}
{good}
interval_seconds: {rounds.interval}
timeout_seconds: {rounds.timeout}
healthy_threshold: {rounds.successes}
unhealthy_threshold: {rounds.failures}
"""


def gke(subject: Subject) -> str:
    """A HealthCheckPolicy for GKE Gateway, attached to the Service of the server's name."""
    rounds = subject.schedule.balancer
    asked = subject.question
    if isinstance(asked, Grpc):
        kind, config = "GRPC", "grpcHealthCheck"
        what = f"        grpcServiceName: {quoted(asked.service)}\n" if asked.service else ""
    else:
        kind = "HTTPS" if subject.https else "HTTP"
        config = "httpsHealthCheck" if subject.https else "httpHealthCheck"
        what = f"        requestPath: {quoted(asked.path)}\n"
    space = f"  namespace: {quoted(subject.namespace)}\n" if subject.namespace else ""
    return f"""\
{head(subject, "Health check of a GKE Gateway")}
apiVersion: networking.gke.io/v1
kind: HealthCheckPolicy
metadata:
  name: {quoted(subject.name)}
{space}\
spec:
  targetRef:
    group: ""
    kind: Service
{comment("The Service in front of the server; correct it if it has another name.", 4)}
    name: {quoted(subject.name)}
  default:
    checkIntervalSec: {rounds.interval}
    timeoutSec: {rounds.timeout}
    healthyThreshold: {rounds.successes}
    unhealthyThreshold: {rounds.failures}
    config:
      type: {kind}
      {config}:
        portSpecification: USE_FIXED_PORT
{comment("The container's port: the load balancer asks the pods themselves.", 8)}
        port: {asked.port}
{what}"""


def aws(subject: Subject) -> str:
    """Annotations for an Ingress of the AWS Load Balancer Controller, or the Service behind it."""
    rounds = subject.schedule.balancer
    asked = subject.question
    values: dict[str, object] = {}
    if isinstance(asked, Grpc):
        values["backend-protocol-version"] = "GRPC"
        values["healthcheck-path"], codes = GRPC_PATH, "0"
    else:
        values["healthcheck-protocol"] = "HTTPS" if subject.https else "HTTP"
        values["healthcheck-path"], codes = asked.path, "200"
    values |= {
        "healthcheck-port": asked.port,
        "healthcheck-interval-seconds": rounds.interval,
        "healthcheck-timeout-seconds": rounds.timeout,
        "healthy-threshold-count": rounds.successes,
        "unhealthy-threshold-count": rounds.failures,
        "success-codes": codes,
    }
    lines = "\n".join(
        f"    alb.ingress.kubernetes.io/{name}: {quoted(str(value))}"
        for name, value in values.items()
    )
    where = (
        "For an Ingress, or for the Service where an Ingress has several. With target-type ip the "
        "port is the container's, as here; with target-type instance put the node port."
    )
    return f"""\
{head(subject, "Health check of an AWS Application Load Balancer")}
{comment(where)}
metadata:
  annotations:
{lines}
"""
