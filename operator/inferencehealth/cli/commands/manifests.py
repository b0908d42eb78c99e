"""Commands on manifests, without a cluster; each imports its program when it runs."""

import asyncio
from typing import Annotated, Literal

import typer

from inferencehealth.cli.options import (
    Files,
    Kubeconfig,
    MoreSources,
    Namespace,
    OfContext,
    PolicyFiles,
    Sources,
)


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
        str,
        typer.Argument(help="deployment/NAME, statefulset/NAME or lws/NAME.", show_default=False),
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
    namespace: OfContext = "",
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
