"""Commands that show or change what is in a cluster; each imports its program when it runs."""

import asyncio
import gc
from typing import Annotated, Literal

import typer

from inferencehealth.api.names import SYSTEM_NAMESPACE
from inferencehealth.cli.options import (
    Form,
    Kubeconfig,
    Namespace,
    OfContext,
    SystemNamespace,
    Transport,
)


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
    output: Form = "text",
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


def recommend(
    *,
    workload: Annotated[str, typer.Argument(help="deployment/NAME, statefulset/NAME or lws/NAME.")],
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


def drill(
    *,
    workload: Annotated[str, typer.Argument(help="deployment/NAME, statefulset/NAME or lws/NAME.")],
    kubeconfig: Kubeconfig = None,
    namespace: OfContext = "",
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Delete the pod without asking.")
    ] = False,
    timeout: Annotated[
        str,
        typer.Option(help="Time for the new pod to serve; default: as long as it may load."),
    ] = "",
    transport: Transport = "auto",
    output: Form = "text",
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
