"""Commands that ask servers whether they serve; each imports its program when it runs."""

from typing import Annotated

import typer

from inferencehealth.api.names import SYSTEM_NAMESPACE
from inferencehealth.cli.options import (
    CaFile,
    ComponentsOfUrl,
    Form,
    Insecure,
    Kubeconfig,
    ModelsOfUrl,
    OfContext,
    ProfileOfUrl,
    SystemNamespace,
    Transport,
)


def check(
    *,
    target: Annotated[
        str,
        typer.Argument(
            help="http://HOST:PORT or https://HOST:PORT, or in a cluster pod/NAME, "
            "deployment/NAME, statefulset/NAME or lws/NAME."
        ),
    ],
    profile: ProfileOfUrl = "",
    model: ModelsOfUrl = None,
    component: ComponentsOfUrl = None,
    timeout: Annotated[
        str, typer.Option(help="Time one request may take; default: the policy's, or 5s.")
    ] = "",
    canary: Annotated[
        bool,
        typer.Option(
            "--canary",
            help="Also send the smallest real request: the policy's canary, or the server's own.",
        ),
    ] = False,
    ca_file: CaFile = None,
    insecure: Insecure = False,
    kubeconfig: Kubeconfig = None,
    namespace: OfContext = "",
    transport: Transport = "auto",
    output: Form = "text",
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
        pods = podcheck.Target(target, kubeconfig, namespace, seconds, Choice(transport), canary)
        raise typer.Exit(podcheck.check_in_cluster(pods, form))
    question = program.Question(
        profile=profile,
        models=model or [],
        components=component or [],
        timeout=program.seconds(timeout or program.PATIENCE),
        ca_file=ca_file,
        insecure=insecure,
        canary=canary,
    )
    raise typer.Exit(program.check_address(target, question, form))


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
    profile: ProfileOfUrl = "",
    model: ModelsOfUrl = None,
    component: ComponentsOfUrl = None,
    request_timeout: Annotated[
        str, typer.Option(help="Time one request to the URL may take.")
    ] = "5s",
    ca_file: CaFile = None,
    insecure: Insecure = False,
    output: Form = "text",
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


def diagnose(
    *,
    target: Annotated[
        str,
        typer.Argument(
            help="http://HOST:PORT, https://HOST:PORT, pod/NAME, deployment/NAME, "
            "statefulset/NAME or lws/NAME."
        ),
    ],
    profile: ProfileOfUrl = "",
    model: ModelsOfUrl = None,
    component: ComponentsOfUrl = None,
    timeout: Annotated[str, typer.Option(help="Time one request may take.")] = "5s",
    ca_file: CaFile = None,
    insecure: Insecure = False,
    kubeconfig: Kubeconfig = None,
    namespace: OfContext = "",
    system_namespace: SystemNamespace = SYSTEM_NAMESPACE,
    output: Form = "text",
) -> None:
    """Find out why a server does not serve: question by question, with what to do about it.

    Of a workload the worst pod is looked at. Exit code as of check: 0 it serves, 1 Broken,
    3 Loading, Busy or Asleep, 4 Unknown, 2 wrong usage.
    """
    from inferencehealth.cli import check as checking  # noqa: PLC0415
    from inferencehealth.cli import diagnose as program  # noqa: PLC0415
    from inferencehealth.cli.facts.cluster import Place  # noqa: PLC0415

    question = checking.Question(
        profile=profile,
        models=model or [],
        components=component or [],
        timeout=checking.seconds(timeout),
        ca_file=ca_file,
        insecure=insecure,
    )
    place = Place(kubeconfig, namespace, system_namespace)
    form = checking.Output(output)
    raise typer.Exit(program.diagnose_target(target, question, place, form))
