"""The command line: python -m e2e.cluster up | build | down | status | env | prerequisites."""

import argparse
import os
import shlex
import signal
import sys
from types import FrameType

from e2e.cluster import api, builds, prerequisites
from e2e.cluster.choice import choose, look_around
from e2e.cluster.model import Cluster, ClusterError, ProviderName, Tier
from e2e.cluster.progress import to_stderr

SOURCE = ProviderName.SOURCE


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    # Taken like Ctrl-C: what a start has made so far is removed.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        status = int(options.run(options))
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read us has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ClusterError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: everything that was started is removed\n")
        return 130
    return status


def _up(options: argparse.Namespace) -> int:
    cluster = api.up(Tier(options.tier), name=options.name, audit=options.audit)
    sys.stdout.write(f"export KUBECONFIG={shlex.quote(str(cluster.kubeconfig))}\n")
    return 0


def _build(options: argparse.Namespace) -> int:
    wanted = [Tier(options.tier)] if options.tier else list(Tier)
    progress = to_stderr()
    for tier in wanted:
        if (
            choose(os.environ.get("CLUSTER"), tier, look_around(os.environ, tier)).provider
            is SOURCE
        ):
            builds.ensure(builds.PROGRAMS[tier], progress)
            if tier is Tier.INTEGRATION:
                builds.ensure((*builds.JUDGES, *builds.OTHER_APISERVERS.values()), progress)
    return 0


def _down(options: argparse.Namespace) -> int:
    wanted = list(api.names()) if options.all else [options.name]
    removed = [name for name in wanted if api.down_by_name(name)]
    sys.stderr.write(f"taken down: {', '.join(removed) or 'nothing was up'}\n")
    return 0


def _status(options: argparse.Namespace) -> int:
    known = api.names()
    wanted = [options.name] if options.name else list(known)
    if not wanted:
        sys.stdout.write("no cluster is up\n")
    healthy = True
    for name in wanted:
        if known.get(name) == "starting":
            sys.stdout.write(f"{name}: starting, or its start was killed\n")
            continue
        cluster = api.find(name)
        sys.stdout.write(f"{name}: {cluster.tier} tier, from {cluster.provider}\n")
        for health in api.status(cluster):
            sys.stdout.write(f"  {health.component:<26}{health.pid or '':>8}  {health.health}\n")
            healthy = healthy and health.health == "well"
    return 0 if healthy else 1


def _env(options: argparse.Namespace) -> int:
    sys.stdout.write(exports(api.find(options.name)))
    return 0


def exports(cluster: Cluster) -> str:
    """Shell commands that make a shell use a cluster: eval "$(python -m e2e.cluster env)"."""
    return (
        f"export KUBECONFIG={shlex.quote(str(cluster.kubeconfig))}\n"
        f'export PATH={shlex.quote(str(cluster.kubectl.parent))}:"$PATH"\n'
    )


def _prerequisites(options: argparse.Namespace) -> int:
    absent = prerequisites.missing(prerequisites.REQUIREMENTS[Tier(options.tier)])
    for requirement in absent:
        sys.stdout.write(f"missing: {requirement.what} (package {requirement.package})\n")
    if not absent:
        sys.stdout.write("nothing is missing\n")
        return 0
    if options.install:
        prerequisites.install(absent)
        return 0
    sys.stdout.write(f"install: {' '.join(prerequisites.install_command(absent))}\n")
    return 1


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m e2e.cluster", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    tiers = [str(tier) for tier in Tier]

    up = commands.add_parser("up", help="bring a cluster up and wait until it can be used")
    up.add_argument("--tier", choices=tiers, default=str(Tier.INTEGRATION))
    up.add_argument("--name", default="default")
    up.add_argument("--audit", action="store_true", help="write the API server's audit log")
    up.set_defaults(run=_up)

    build = commands.add_parser("build", help="build what the clusters run, where that is needed")
    build.add_argument("--tier", choices=tiers, help="default: every tier")
    build.set_defaults(run=_build)

    down = commands.add_parser("down", help="take a cluster down, and all that belongs to it")
    down.add_argument("--name", default="default")
    down.add_argument("--all", action="store_true", help="every cluster of this user")
    down.set_defaults(run=_down)

    status = commands.add_parser("status", help="what runs, and whether it is well")
    status.add_argument("--name", default="")
    status.set_defaults(run=_status)

    env = commands.add_parser("env", help="print the exports that make a shell use a cluster")
    env.add_argument("--name", default="default")
    env.set_defaults(run=_env)

    need = commands.add_parser("prerequisites", help="what has to be installed on the machine")
    need.add_argument("--tier", choices=tiers, default=str(Tier.NODE))
    need.add_argument("--install", action="store_true", help="install it with apt-get")
    need.set_defaults(run=_prerequisites)
    return parser


if __name__ == "__main__":
    sys.exit(main())
