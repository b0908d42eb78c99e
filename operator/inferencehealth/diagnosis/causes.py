"""What may be wrong, in the order in which it is looked for, and what to do about each. Data.

The advice follows the troubleshooting of the ASR server and of Triton, and what was seen on real
servers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Cause(StrEnum):
    """Why a server does not serve, or NOTHING."""

    NOTHING = "Nothing"
    DNS = "Dns"
    NO_PODS = "NoPods"
    UNSCHEDULABLE = "Unschedulable"
    IMAGE = "Image"
    CRASH = "Crash"
    STARTING = "Starting"
    LOADING = "Loading"
    WRONG_PORT = "WrongPort"
    NOT_LISTENING = "NotListening"
    NETWORK = "Network"
    NETWORK_POLICY = "NetworkPolicy"
    TLS = "Tls"
    NOT_HTTP = "NotHttp"
    RESET = "Reset"
    SLOW = "SlowAnswer"
    HUNG = "Hung"
    DENIED = "AccessDenied"
    MODEL = "Model"
    COMPONENT = "Component"
    SERVER = "Server"
    BUSY = "Busy"
    ASLEEP = "Asleep"
    KUBELET = "KubeletDisagrees"
    OPERATOR = "OperatorDisagrees"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do, and which commands to type next; {pod}, {n}, {workload}, {port} are filled in."""

    do: str
    commands: tuple[str, ...] = ()


_DESCRIBE: Final = "kubectl describe pod {pod} -n {n}"
_LOGS: Final = "kubectl logs {pod} -n {n} -c {container}"
_BEFORE: Final = "kubectl logs {pod} -n {n} -c {container} --previous"

ADVICE: Final[Mapping[Cause, Advice]] = {
    Cause.NOTHING: Advice(
        "Where requests fail all the same, send one real request: a health endpoint can be "
        "green while every inference fails. Watch the rate of errors."
    ),
    Cause.DNS: Advice(
        "Correct the name. A Service's name (NAME.NAMESPACE.svc) resolves inside the cluster "
        "only: from outside, name the pod or the workload, or forward its port.",
        ("kubectl get services -A",),
    ),
    Cause.NO_PODS: Advice(
        "Scale it up, or see why none are made: a quota, or admission that refuses them.",
        ("kubectl describe {workload} -n {n}",),
    ),
    Cause.UNSCHEDULABLE: Advice(
        "Give the cluster a node that fits, or ask for less: GPUs, memory, node selectors "
        "and taints are the usual reasons.",
        (_DESCRIBE, "kubectl get nodes"),
    ),
    Cause.IMAGE: Advice(
        "Correct the image's name or tag, or the pull secret of its registry.", (_DESCRIBE,)
    ),
    Cause.CRASH: Advice(
        "Read the log of the process before. OOMKilled: raise the memory limit, or serve a "
        "smaller model. Killed while it loads: its liveness or startup probe has too "
        "little patience.",
        (_BEFORE, "ihp recommend {workload} -n {n}"),
    ),
    Cause.STARTING: Advice("Wait; describe tells what it waits for.", (_DESCRIBE,)),
    Cause.LOADING: Advice("Wait: loading is no failure. Its log tells how far it is.", (_LOGS,)),
    Cause.WRONG_PORT: Advice(
        "Name the right port, or the right server: spec.server.port and profile of the policy, or "
        "the URL and --profile. The HTTP port is meant, not those for gRPC or metrics."
    ),
    Cause.NOT_LISTENING: Advice(
        "The process runs without listening: it loads, it failed to start its server, or it "
        "listens on another port or on 127.0.0.1 only. Its log tells.",
        (_LOGS,),
    ),
    Cause.NETWORK: Advice(
        "Nothing answers at that address: is the machine up, is there a route, and does a "
        "firewall drop the packets?"
    ),
    Cause.NETWORK_POLICY: Advice(
        "Let the checker in: a NetworkPolicy that allows ingress to the server's port from "
        "the operator's namespace. The kubelet's probes pass such policies, so the pod "
        "looks ready meanwhile.",
        ("kubectl describe networkpolicy -n {n}",),
    ),
    Cause.TLS: Advice(
        "Say how the server's certificate is to be trusted: spec.server.tls of the policy, "
        "or --ca-file; --insecure shows whether it is the certificate at all."
    ),
    Cause.NOT_HTTP: Advice(
        "It speaks something else: TLS (spec.server.scheme: HTTPS, or https://), or it is "
        "the server's gRPC port."
    ),
    Cause.RESET: Advice(
        "A service mesh that demands mTLS does that, and a server that dies in the middle of "
        "an answer.",
        (_LOGS,),
    ),
    Cause.SLOW: Advice(
        "Raise the timeout of checks and probes (5 s at most), and find out what is slow: "
        "latency of the components behind it, too little CPU, too many requests.",
        ("kubectl top pod {pod} -n {n}",),
    ),
    Cause.HUNG: Advice(
        "A restart mends a hung process: the liveness probe does it, or delete the pod. Its "
        "log may tell what it waits for.",
        (_LOGS, "kubectl delete pod {pod} -n {n}"),
    ),
    Cause.DENIED: Advice(
        "It answers, but demands credentials: give checks an API key, or ask a path without one."
    ),
    Cause.MODEL: Advice(
        "Look why the model does not serve: its files, its memory, its name and version. "
        "Triton says it in its repository index and its log. A restart seldom helps.",
        (_LOGS,),
    ),
    Cause.COMPONENT: Advice(
        "Look at that component itself: its pods, its log, and whether this server's "
        "environment names its right address. A restart of this server mends nothing.",
        ("kubectl get pods -n {n}", _LOGS),
    ),
    Cause.SERVER: Advice("The server itself says that it does not serve. Its log tells.", (_LOGS,)),
    Cause.BUSY: Advice("It works at its limit: send it less, or add replicas."),
    Cause.ASLEEP: Advice("It was put to sleep on purpose; wake it where it is needed."),
    Cause.KUBELET: Advice(
        "Its startup or readiness probe asks the wrong path or port, or has too little "
        "patience: compare it with what fits this server.",
        (_DESCRIBE, "ihp recommend {workload} -n {n}"),
    ),
    Cause.OPERATOR: Advice(
        "The operator knows more than one look: its inference canaries and its history. "
        "Trust it, or wait for its next round.",
        ("ihp status -n {n}",),
    ),
    Cause.UNKNOWN: Advice("What was found does not tell; the steps above show how far it went."),
}
