"""The operator's own programs; each command imports its program when it runs."""

import asyncio
import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from inferencehealth.api.names import SYSTEM_NAMESPACE
from inferencehealth.cli.logs import LogFormat, configure
from inferencehealth.cli.options import (
    Canaries,
    Kubeconfig,
    Namespace,
    Style,
    SystemNamespace,
    Transport,
    Verbose,
)
from inferencehealth.listening import Address, address

logger = logging.getLogger(__name__)


def run(
    *,
    kubeconfig: Kubeconfig = None,
    namespace: Namespace = "",
    system_namespace: SystemNamespace = SYSTEM_NAMESPACE,
    transport: Transport = "auto",
    canaries: Canaries = True,
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
    checking = ["--transport", transport] + ([] if canaries else ["--no-canaries"])
    raise typer.Exit(supervise.run(arguments, checking))


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
    leader_elect: Annotated[
        bool | None,
        typer.Option(
            "--leader-elect/--no-leader-elect",
            help="Act only while holding the Lease inferencehealth-controller, so that several "
            "copies may run; default: inside a cluster, yes.",
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
        elect=is_inside() if leader_elect is None else leader_elect,
    )
    raise typer.Exit(program.run(chosen))


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
    canaries: Canaries = True,
    loopback: Annotated[
        bool | None,
        typer.Option(
            help="Also ask pods whose address is a loopback one; default: only outside a cluster."
        ),
    ] = None,
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
        canaries=canaries,
        loopback=loopback,
    )
    raise typer.Exit(program.run_checker(chosen))


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


def _address(text: str) -> Address | None:
    try:
        return address(text) if text else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--listen") from error


def _use(kubeconfig: Path | None) -> None:
    """Kopf finds its cluster by the environment, so that is where the choice goes."""
    if kubeconfig is not None:
        os.environ["KUBECONFIG"] = str(kubeconfig)
