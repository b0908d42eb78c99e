"""Options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from inferencehealth.cli.logs import LogFormat

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
Canaries = Annotated[
    bool,
    typer.Option(
        "--canaries/--no-canaries",
        help="Send canaries where policies ask for them, or none at all, whatever policies say.",
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log details, too.")]
ProfileOfUrl = Annotated[
    str, typer.Option("--profile", help="Which server is at the URL, such as asr or triton.")
]
ModelsOfUrl = Annotated[
    list[str] | None,
    typer.Option("--model", help="Model that has to serve at the URL: NAME or NAME@VERSION."),
]
ComponentsOfUrl = Annotated[
    list[str] | None,
    typer.Option(
        "--component", help="Component that has to be up at the URL; default: the profile's."
    ),
]
CaFile = Annotated[
    Path | None, typer.Option(help="Authorities that sign the URL's certificate, in PEM form.")
]
Insecure = Annotated[bool, typer.Option("--insecure", help="Take any certificate of the URL.")]
Form = Annotated[
    Literal["text", "json", "yaml"], typer.Option("--output", "-o", help="How to print it.")
]
