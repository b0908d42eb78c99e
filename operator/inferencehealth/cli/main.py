"""The `ihp` command. Programs are imported by the command that runs them: `ihp --help` is quick."""

import asyncio
import gc
import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from inferencehealth import __version__
from inferencehealth.api.names import SYSTEM_NAMESPACE
from inferencehealth.cli.logs import LogFormat, configure
from inferencehealth.kube.errors import KubeError
from inferencehealth.listening import Address, CannotListen, address

logger = logging.getLogger(__name__)

app = typer.Typer(
    name="ihp",
    help="Health of model servers on Kubernetes: probes that fit them, and whether they serve.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

USAGE = 2
"""Exit code of wrong usage, and of a cluster that can't be reached."""

Kubeconfig = Annotated[
    Path | None,
    typer.Option(
        help="kubeconfig file; default: $KUBECONFIG, the pod's own account, ~/.kube/config."
    ),
]
Namespace = Annotated[
    str, typer.Option("--namespace", "-n", help="Only this namespace; default: all of them.")
]
OfContext = Annotated[
    str, typer.Option("--namespace", "-n", help="Its namespace; default: the context's.")
]
SystemNamespace = Annotated[
    str, typer.Option(help="Namespace of the operator's own Leases; it must exist.")
]
Files = Annotated[
    list[str], typer.Option("--file", "-f", help="Manifest, folder, or - for standard input.")
]
Sources = Annotated[
    list[str] | None,
    typer.Argument(help="Manifests, folders, or - for standard input.", show_default=False),
]
MoreSources = Annotated[
    list[str] | None, typer.Option("--file", "-f", help="The same, as an option.")
]
PolicyFiles = Annotated[
    list[Path] | None,
    typer.Option("--policy", help="File with policies; default: one that fits everything."),
]
Style = Annotated[LogFormat, typer.Option("--log-format", help="How log lines look.")]
Transport = Annotated[
    Literal["auto", "direct", "proxy"],
    typer.Option(
        help="How pods are asked: at their addresses, or through the API server's proxy; "
        "auto: outside the cluster, the way that reaches them."
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log details, too.")]


@app.command()
def run(
    *,
    kubeconfig: Kubeconfig = None,
    namespace: Namespace = "",
    system_namespace: SystemNamespace = SYSTEM_NAMESPACE,
    transport: Transport = "auto",
    log_format: Style = LogFormat.TEXT,
    verbose: Verbose = False,
) -> None:
    """Run the operator from here: controller and checker, each in a process of its own."""
    from inferencehealth.cli import preflight, supervise  # noqa: PLC0415

    configure("run", log_format, verbose=verbose)
    asyncio.run(preflight.check(kubeconfig, namespace=namespace, system_namespace=system_namespace))
    logger.info("controller and checker start; stop them with Ctrl-C")
    arguments = ["--system-namespace", system_namespace, "--log-format", log_format.value]
    arguments += ["--kubeconfig", str(kubeconfig)] if kubeconfig else []
    arguments += ["--namespace", namespace] if namespace else []
    arguments += ["--verbose"] if verbose else []
    raise typer.Exit(supervise.run(arguments, ["--transport", transport]))


@app.command()
def controller(
    *,
    kubeconfig: Kubeconfig = None,
    namespace: Namespace = "",
    system_namespace: SystemNamespace = SYSTEM_NAMESPACE,
    listen: Annotated[
        str,
        typer.Option(
            help="HOST:PORT to serve /metrics, /livez, /readyz and /health/NAMESPACE/POLICY at; "
            "default: none."
        ),
    ] = "",
    health_token_file: Annotated[
        Path | None,
        typer.Option(
            help="File with the token that callers of /health send as Authorization: Bearer. "
            "Without it /health is open inside a cluster, and off outside."
        ),
    ] = None,
    log_format: Style = LogFormat.JSON,
    verbose: Verbose = False,
) -> None:
    """Run the controller: plans, probes, reports and the status of policies."""
    from inferencehealth.controller import main as program  # noqa: PLC0415
    from inferencehealth.controller.served import Listening  # noqa: PLC0415
    from inferencehealth.kube.config import is_inside  # noqa: PLC0415

    configure("controller", log_format, verbose=verbose)
    _use(kubeconfig)
    where = _address(listen)
    if where is None and health_token_file is not None:
        raise typer.BadParameter("it needs --listen", param_hint="--health-token-file")
    chosen = program.Settings(
        namespace=namespace,
        system_namespace=system_namespace,
        listening=Listening(where, health_token_file, is_inside()) if where else None,
    )
    raise typer.Exit(program.run(chosen))


@app.command()
def checker(
    *,
    kubeconfig: Kubeconfig = None,
    namespace: Namespace = "",
    system_namespace: SystemNamespace = SYSTEM_NAMESPACE,
    identity: Annotated[
        str, typer.Option(help="Name of this checker; default: the host's name.")
    ] = "",
    listen: Annotated[
        str, typer.Option(help="HOST:PORT to serve /metrics, /livez and /readyz at; default: none.")
    ] = "",
    transport: Transport = "auto",
    log_format: Style = LogFormat.JSON,
    verbose: Verbose = False,
) -> None:
    """Run a checker: it asks the pods themselves and reports what they serve."""
    from inferencehealth.checker import main as program  # noqa: PLC0415
    from inferencehealth.checker.ways import Choice  # noqa: PLC0415

    configure("checker", log_format, verbose=verbose)
    _use(kubeconfig)
    chosen = program.CheckerSettings(
        namespace=namespace or None,
        system_namespace=system_namespace,
        identity=identity or os.uname().nodename,
        listen=_address(listen),
        transport=Choice(transport),
    )
    raise typer.Exit(program.run_checker(chosen))


@app.command()
def webhook(
    *,
    kubeconfig: Kubeconfig = None,
    namespace: Namespace = "",
    system_namespace: SystemNamespace = SYSTEM_NAMESPACE,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "0.0.0.0",  # noqa: S104
    port: Annotated[int, typer.Option(help="Port to listen on; 0: any.")] = 9443,
    name: Annotated[
        list[str] | None,
        typer.Option(
            help="Host name or address by which the API server calls; default: the Service's names."
        ),
    ] = None,
    configuration: Annotated[
        str, typer.Option(help="MutatingWebhookConfiguration that is to trust the certificate.")
    ] = "inferencehealth-webhook",
    cert_dir: Annotated[
        Path | None,
        typer.Option(
            help="Folder with tls.crt and tls.key, from cert-manager for instance; "
            "default: certificates of our own."
        ),
    ] = None,
    log_format: Style = LogFormat.JSON,
    verbose: Verbose = False,
) -> None:
    """Run the admission webhook of mode Initial, for API servers before Kubernetes 1.36."""
    from inferencehealth.admission import main as program  # noqa: PLC0415

    configure("webhook", log_format, verbose=verbose)
    _use(kubeconfig)
    chosen = program.WebhookSettings(
        namespace=namespace,
        system_namespace=system_namespace,
        host=host,
        port=port,
        names=tuple(name or ()),
        configuration=configuration,
        certificates=cert_dir,
    )
    raise typer.Exit(program.run(chosen))


@app.command()
def check(
    *,
    target: Annotated[
        str,
        typer.Argument(
            help="http://HOST:PORT or https://HOST:PORT, or in a cluster pod/NAME, "
            "deployment/NAME or statefulset/NAME."
        ),
    ],
    profile: Annotated[
        str,
        typer.Option(help="Which server is at the URL, such as asr or triton."),
    ] = "",
    model: Annotated[
        list[str] | None, typer.Option(help="Model that has to serve: NAME or NAME@VERSION.")
    ] = None,
    component: Annotated[
        list[str] | None, typer.Option(help="Component that has to be up; default: the profile's.")
    ] = None,
    timeout: Annotated[
        str, typer.Option(help="Time one request may take; default: the policy's, or 5s.")
    ] = "",
    ca_file: Annotated[
        Path | None, typer.Option(help="Authorities that sign its certificate, in PEM form.")
    ] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Take any certificate.")] = False,
    kubeconfig: Kubeconfig = None,
    namespace: OfContext = "",
    transport: Transport = "auto",
    output: Annotated[
        Literal["text", "json", "yaml"], typer.Option("--output", "-o", help="How to print it.")
    ] = "text",
) -> None:
    """Ask a server once whether it really serves; a URL needs no cluster.

    Of a workload each pod is asked what its policy asks, or what fits the server recognised.

    Exit code: 0 Ready or Degraded, 1 Broken, 3 Loading, Busy or Asleep, 4 Unknown, 2 wrong usage.
    """
    from inferencehealth.cli import check as program  # noqa: PLC0415
    from inferencehealth.cli.address import is_url  # noqa: PLC0415

    form = program.Output(output)
    if not is_url(target) and "/" in target:
        from inferencehealth.checker.ways import Choice  # noqa: PLC0415
        from inferencehealth.cli import podcheck  # noqa: PLC0415

        if profile or model or component or ca_file or insecure:
            told = "what is asked of pods is the policy's to say; these options are for URLs"
            raise typer.BadParameter(told, param_hint="--profile, --model, --component, TLS")
        seconds = program.seconds(timeout) if timeout else 0.0
        pods = podcheck.Target(target, kubeconfig, namespace, seconds, Choice(transport))
        raise typer.Exit(podcheck.check_in_cluster(pods, form))
    question = program.Question(
        profile=profile,
        models=model or [],
        components=component or [],
        timeout=program.seconds(timeout or program.PATIENCE),
        ca_file=ca_file,
        insecure=insecure,
    )
    raise typer.Exit(program.check_address(target, question, form))


@app.command()
def wait(
    *,
    target: Annotated[
        str,
        typer.Argument(help="A policy's name, deployment/NAME, statefulset/NAME or a URL."),
    ],
    goal: Annotated[
        str,
        typer.Option(
            "--for", help="Condition of a policy, verdict on the rest; Ready takes Degraded, too."
        ),
    ] = "Ready",
    tries: Annotated[
        int | None, typer.Option(min=1, help="Looks at most; default: 30, or as --timeout allows.")
    ] = None,
    interval: Annotated[str, typer.Option(help="Time between two tries.")] = "10s",
    timeout: Annotated[
        str, typer.Option(help="Time in all; default: as long as the tries take.")
    ] = "",
    kubeconfig: Kubeconfig = None,
    namespace: OfContext = "",
    system_namespace: SystemNamespace = SYSTEM_NAMESPACE,
    profile: Annotated[str, typer.Option(help="Which server is at the URL.")] = "",
    model: Annotated[
        list[str] | None, typer.Option(help="Model that has to serve at the URL.")
    ] = None,
    component: Annotated[
        list[str] | None, typer.Option(help="Component that has to be up at the URL.")
    ] = None,
    request_timeout: Annotated[
        str, typer.Option(help="Time one request to the URL may take.")
    ] = "5s",
    ca_file: Annotated[
        Path | None, typer.Option(help="Authorities that sign the URL's certificate.")
    ] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Take any certificate.")] = False,
    output: Annotated[
        Literal["text", "json", "yaml"], typer.Option("--output", "-o", help="How to print it.")
    ] = "text",
) -> None:
    """Wait until a policy, a workload or a server is ready: for pipelines.

    Progress goes to standard error. Exit code: 0 reached, 1 not within the time, 2 wrong usage.
    """
    from inferencehealth.cli import check as checking  # noqa: PLC0415
    from inferencehealth.cli import wait as program  # noqa: PLC0415

    question = checking.Question(
        profile=profile,
        models=model or [],
        components=component or [],
        timeout=checking.seconds(request_timeout, "'--request-timeout'"),
        ca_file=ca_file,
        insecure=insecure,
    )
    patience = program.Patience(
        tries=tries or (None if timeout else program.TRIES),
        interval=checking.seconds(interval, "'--interval'"),
        timeout=checking.seconds(timeout) if timeout else None,
    )
    code = program.wait(
        target,
        goal,
        patience,
        place=program.Place(kubeconfig, namespace, system_namespace),
        question=question,
        output=checking.Output(output),
    )
    raise typer.Exit(code)


@app.command()
def detect(
    *,
    file: Files,
    output: Annotated[
        Literal["table", "json", "yaml"], typer.Option("--output", "-o", help="How to print it.")
    ] = "table",
) -> None:
    """Say which model server each workload of some manifests runs, and why. Needs no cluster."""
    from inferencehealth.cli import detect as program  # noqa: PLC0415

    program.show(list(program.rows(file)), program.Output(output))


@app.command()
def render(
    *,
    files: Sources = None,
    file: MoreSources = None,
    policy: PolicyFiles = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Let the authors' own probes give way, too.")
    ] = False,
    output: Annotated[
        Literal["yaml", "strategic", "json-patch"],
        typer.Option(
            "--output",
            "-o",
            help="yaml: the manifests; strategic: strategic merge patches; json-patch: patches of "
            "a kustomization.",
        ),
    ] = "yaml",
) -> None:
    """Write fitting probes into manifests: whole files in, the same files with probes out.

    Comments and everything else stay as they are. Without a policy every missing probe is added.
    Standard input may be a KRM ResourceList, as kustomize calls its functions. Needs no cluster.
    """
    from inferencehealth.cli import render as program  # noqa: PLC0415

    sources = [*(files or []), *(file or [])]
    code = program.render(sources, policy or [], replace=replace, output=program.Output(output))
    raise typer.Exit(code)


@app.command()
def lint(
    *,
    files: Sources = None,
    file: MoreSources = None,
    policy: PolicyFiles = None,
    severity: Annotated[
        Literal["error", "warning", "info"],
        typer.Option("--severity", help="Show findings of this severity and worse."),
    ] = "info",
    output: Annotated[
        Literal["text", "json", "sarif", "junit"],
        typer.Option("--output", "-o", help="How to print it."),
    ] = "text",
    live: Annotated[
        bool, typer.Option("--live", "--cluster", help="Look at a cluster's workloads instead.")
    ] = False,
    kubeconfig: Kubeconfig = None,
    namespace: Namespace = "",
) -> None:
    """Find what is wrong with the probes of model servers, in manifests or in a cluster.

    Manifests are judged as they stand or, where a policy selects a workload, as they will be with
    it. Exit code 1: there is a finding of severity error; 2: wrong usage, or nothing to read.
    """
    from inferencehealth.cli import lint as program  # noqa: PLC0415

    sources, form = [*(files or ()), *(file or ())], program.Output(output)
    if live == bool(sources):
        raise typer.BadParameter("name files, folders or -, or give --live", param_hint="'FILES'")
    if live:
        from inferencehealth.cli import livelint  # noqa: PLC0415

        found = livelint.lint_cluster(kubeconfig, policy or [], namespace=namespace)
        raise typer.Exit(program.show(asyncio.run(found), severity=severity, output=form))
    raise typer.Exit(program.lint_files(sources, policy or [], severity=severity, output=form))


@app.command()
def gates(
    *,
    kubeconfig: Kubeconfig = None,
    namespace: Namespace = "",
    remove: Annotated[
        bool,
        typer.Option(
            "--remove",
            help="Take the gate out of every pod template, which rolls its pods, and open it for "
            "the pods that wait.",
        ),
    ] = False,
) -> None:
    """List the workloads whose pods wait for the operator's readiness gate.

    Nothing is printed where there is none: then the operator can be uninstalled safely.
    """
    from inferencehealth.cli import gates as program  # noqa: PLC0415

    found = program.gates(kubeconfig, namespace=namespace, remove=remove)
    raise typer.Exit(asyncio.run(found))


@app.command()
def recommend(
    *,
    workload: Annotated[str, typer.Argument(help="deployment/NAME or statefulset/NAME.")],
    kubeconfig: Kubeconfig = None,
    namespace: OfContext = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Also in place of the author's own probes.")
    ] = False,
    output: Annotated[
        Literal["diff", "yaml", "patch"],
        typer.Option(
            "--output",
            "-o",
            help="diff: what would change; yaml: to paste into the container; patch: for kubectl "
            "patch.",
        ),
    ] = "diff",
) -> None:
    """Show the probes a running workload should have, with the reason for every number."""
    from inferencehealth.cli import recommend as program  # noqa: PLC0415

    chosen = program.Output(output)
    raise typer.Exit(
        asyncio.run(
            program.recommend(
                workload, kubeconfig, namespace=namespace, replace=replace, output=chosen
            )
        )
    )


@app.command()
def status(
    *,
    policy: Annotated[str, typer.Argument(help="Only this policy.", show_default=False)] = "",
    kubeconfig: Kubeconfig = None,
    namespace: OfContext = "",
    everywhere: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="All namespaces.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Go on showing it, until Ctrl-C.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also the pods and models that serve.")
    ] = False,
    system_namespace: SystemNamespace = SYSTEM_NAMESPACE,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 if anything is Broken.")
    ] = False,
    output: Annotated[
        Literal["text", "json", "yaml"], typer.Option("--output", "-o", help="How to print it.")
    ] = "text",
) -> None:
    """Show policies, their workloads, pods and models: what serves, what does not, and why.

    Below whatever is in trouble stands the next command to type.
    """
    if not watch:
        gc.disable()  # a fifth of the time, and the process ends before it would matter
    from inferencehealth.cli import status as program  # noqa: PLC0415

    wanted = program.Wanted(
        policy=policy,
        namespace=namespace,
        everywhere=everywhere,
        everything=everything,
        system=system_namespace,
        output=program.Output(output),
        exit_code=exit_code,
    )
    raise typer.Exit(program.status(kubeconfig, wanted, watch=watch))


@app.command()
def dashboard(
    *,
    kubeconfig: Kubeconfig = None,
    namespace: Namespace = "",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on this machine; 0: any that is free.")
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the page's address.")
    ] = False,
    system_namespace: SystemNamespace = SYSTEM_NAMESPACE,
) -> None:
    """Serve a web page of policies and what serves, to you alone and with your own rights.

    It listens on this machine only, and its address holds a secret: whoever has it can read along.
    """
    from inferencehealth.cli import dashboard as program  # noqa: PLC0415

    wanted = program.Wanted(
        namespace=namespace, system=system_namespace, port=port, browser=not no_browser
    )
    program.dashboard(kubeconfig, wanted)


@app.command()
def export(
    *,
    form: Annotated[
        Literal[
            "compose",
            "lb",
            "gke",
            "aws",
            "prometheus",
            "podmonitor",
            "probe",
            "blackbox",
            "uptime",
            "github",
        ],
        typer.Argument(metavar="FORMAT", help="The system that is to check the server."),
    ],
    workload: Annotated[
        str, typer.Argument(help="deployment/NAME or statefulset/NAME.", show_default=False)
    ] = "",
    profile: Annotated[str, typer.Option(help="Which server it is, such as asr or triton.")] = "",
    model: Annotated[
        list[str] | None, typer.Option(help="Model that has to serve: NAME or NAME@VERSION.")
    ] = None,
    host: Annotated[str, typer.Option(help="Name by which the system reaches the server.")] = "",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the server; 0: its usual one.")
    ] = 0,
    file: MoreSources = None,
    kubeconfig: Kubeconfig = None,
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="Its namespace; default: the context's.")
    ] = "",
) -> None:
    """Print a server's health check for other systems: load balancers, monitors, pipelines.

    compose: Docker Compose; lb: any load balancer; gke: GKE Gateway; aws: AWS load balancer;
    prometheus, podmonitor: its own metrics; probe, blackbox: Prometheus asks it from outside;
    uptime: an uptime monitor; github: a step that waits. Exit code 1: this server has no such.
    """
    from inferencehealth.cli import export as program  # noqa: PLC0415

    if sum(map(bool, (workload, profile, file))) != 1:
        raise typer.BadParameter("give a workload, --profile or -f", param_hint="'WORKLOAD'")
    if (model or port) and not profile:
        raise typer.BadParameter("--model and --port go with --profile", param_hint="'--profile'")
    if profile:
        about = program.About(profile, model or (), host, port)
        raise typer.Exit(program.export_profile(form, about))
    if file:
        raise typer.Exit(program.export_files(form, file, host=host))
    found = program.export_workload(form, workload, kubeconfig, namespace=namespace, host=host)
    raise typer.Exit(asyncio.run(found))


@app.command()
def diagnose(
    *,
    target: Annotated[
        str,
        typer.Argument(
            help="http://HOST:PORT, https://HOST:PORT, pod/NAME, deployment/NAME or "
            "statefulset/NAME."
        ),
    ],
    profile: Annotated[str, typer.Option(help="Which server is at the URL.")] = "",
    model: Annotated[
        list[str] | None, typer.Option(help="Model that has to serve at the URL.")
    ] = None,
    component: Annotated[
        list[str] | None, typer.Option(help="Component that has to be up at the URL.")
    ] = None,
    timeout: Annotated[str, typer.Option(help="Time one request may take.")] = "5s",
    ca_file: Annotated[
        Path | None, typer.Option(help="Authorities that sign the URL's certificate.")
    ] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Take any certificate.")] = False,
    kubeconfig: Kubeconfig = None,
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="Its namespace; default: the context's.")
    ] = "",
    system_namespace: SystemNamespace = SYSTEM_NAMESPACE,
    output: Annotated[
        Literal["text", "json", "yaml"], typer.Option("--output", "-o", help="How to print it.")
    ] = "text",
) -> None:
    """Find out why a server does not serve: question by question, with what to do about it.

    Of a workload the worst pod is looked at. Exit code as of check: 0 it serves, 1 Broken,
    3 Loading, Busy or Asleep, 4 Unknown, 2 wrong usage.
    """
    from inferencehealth.cli import check as checking  # noqa: PLC0415
    from inferencehealth.cli import diagnose as program  # noqa: PLC0415

    question = checking.Question(
        profile=profile,
        models=model or [],
        components=component or [],
        timeout=checking.seconds(timeout),
        ca_file=ca_file,
        insecure=insecure,
    )
    place = program.Place(kubeconfig, namespace, system_namespace)
    form = checking.Output(output)
    raise typer.Exit(program.diagnose_target(target, question, place, form))


@app.command()
def drill(
    *,
    workload: Annotated[str, typer.Argument(help="deployment/NAME or statefulset/NAME.")],
    kubeconfig: Kubeconfig = None,
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="Its namespace; default: the context's.")
    ] = "",
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Delete the pod without asking.")
    ] = False,
    timeout: Annotated[
        str,
        typer.Option(help="Time for the new pod to serve; default: as long as it may load."),
    ] = "",
    transport: Transport = "auto",
    output: Annotated[
        Literal["text", "json", "yaml"], typer.Option("--output", "-o", help="How to print it.")
    ] = "text",
) -> None:
    """Exercise a failure: delete one pod, and see that traffic leaves it and a new pod serves.

    It asks before it deletes anything. Exit code: 0 all followed, 1 something did not, 2 wrong
    usage.
    """
    from inferencehealth.checker.ways import Choice  # noqa: PLC0415
    from inferencehealth.cli import drill as program  # noqa: PLC0415
    from inferencehealth.cli.check import seconds  # noqa: PLC0415

    asked = program.Drill(
        target=workload,
        kubeconfig=kubeconfig,
        namespace=namespace,
        yes=yes,
        timeout=seconds(timeout) if timeout else None,
        transport=Choice(transport),
        output=program.Output(output),
    )
    raise typer.Exit(program.drill(asked))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def _address(text: str) -> Address | None:
    try:
        return address(text) if text else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--listen") from error


def _use(kubeconfig: Path | None) -> None:
    """Kopf finds its cluster by the environment, so that is where the choice goes."""
    if kubeconfig is not None:
        os.environ["KUBECONFIG"] = str(kubeconfig)


def main() -> None:
    """Entry point: trouble that a person can mend is one line, never a traceback."""
    try:
        app()
    except (KubeError, CannotListen) as error:
        typer.echo(f"ihp: {error}", err=True)
        sys.exit(USAGE)
