"""The `ihp` command: which commands there are, and how trouble is told."""

import sys
from collections.abc import Callable
from typing import Final

import typer

from inferencehealth import __version__
from inferencehealth.cli.commands import asking, cluster, manifests, programs
from inferencehealth.kube.errors import KubeError
from inferencehealth.listening import CannotListen

app = typer.Typer(
    name="ihp",
    help="Health of model servers on Kubernetes: probes that fit them, and whether they serve.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

USAGE = 2
"""Exit code of wrong usage, and of a cluster that can't be reached."""

PANELS: Final[dict[str, tuple[Callable[..., None], ...]]] = {
    "Look": (cluster.status, asking.check, asking.wait, asking.diagnose, cluster.dashboard),
    "Probes": (manifests.lint, manifests.render, cluster.recommend, manifests.detect),
    "Do": (cluster.drill, manifests.export, cluster.gates),
    "Run the operator": (
        programs.run,
        programs.controller,
        programs.checker,
        programs.webhook,
    ),
}
"""Commands as `ihp --help` shows them."""

for panel, commands in PANELS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)


@app.command(rich_help_panel="Run the operator")
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """Entry point: trouble that a person can mend is one line, never a traceback."""
    try:
        app()
    except (KubeError, CannotListen) as error:
        typer.echo(f"ihp: {error}", err=True)
        sys.exit(USAGE)
