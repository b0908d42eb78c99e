"""`ihp export`: the health check of a server, in the formats of other systems."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer
from pydantic import ValidationError

from inferencehealth.api.names import API_VERSION, POLICY_KIND
from inferencehealth.api.policy import Policy
from inferencehealth.api.problems import explain
from inferencehealth.api.server import ProfileName
from inferencehealth.cli.recommend import policy_of
from inferencehealth.cli.sources import tell, texts
from inferencehealth.cli.targets import parse_workload
from inferencehealth.export.formats import FORMATS
from inferencehealth.export.subject import subject
from inferencehealth.kube import config
from inferencehealth.kube.client import connect
from inferencehealth.manifests import workloads_in
from inferencehealth.plan import plan
from inferencehealth.plan.default import default_policy
from inferencehealth.problems import Problem
from inferencehealth.workloads import Workload, workload

NOTHING: Final = 1
"""Exit code where this server has nothing in that format."""
NOT_NAMED: Final = frozenset({ProfileName.AUTO, ProfileName.CUSTOM})
"""Profiles that need a workload or a policy to say more."""


@dataclass(frozen=True, slots=True)
class About:
    """A server by its profile alone. `host` empty: this machine; `port` 0: the usual one."""

    profile: str
    models: Sequence[str] = ()
    host: str = ""
    port: int = 0


def export_profile(form: str, about: About) -> int:
    """Print the format for a server of a profile; returns the exit code.

    Raises typer.BadParameter for what is not known or not given.
    """
    known = [name.value for name in ProfileName if name not in NOT_NAMED]
    if about.profile not in known:
        told = f"no {about.profile!r}. Give one of: {', '.join(known)}"
        raise typer.BadParameter(told, param_hint="'--profile'")
    return _print(form, _policy(about), _bare(about), about.host or "localhost")


def export_files(form: str, sources: Sequence[str], *, host: str) -> int:
    """Print the format for the one model server in manifests; returns the exit code.

    Raises typer.BadParameter where there are none or several.
    """
    found = [each for _, text in texts(sources) for each in workloads_in(text)[0]]
    policy = default_policy()
    servers = [each for each in found if not plan(policy, each, advised=False).problems]
    if len(servers) != 1:
        names = ", ".join(each.ref for each in servers)
        told = f"these have several model servers: {names}; give a file with one of them"
        none = "no model server is recognised in these manifests; name it with --profile"
        raise typer.BadParameter(told if servers else none, param_hint="'-f'")
    return _print(form, policy, servers[0], host or _service(servers[0]))


async def export_workload(
    form: str, target: str, kubeconfig: Path | None, *, namespace: str, host: str
) -> int:
    """Print the format for a running workload, as its policy has it; returns the exit code.

    Raises KubeError where the cluster can't be asked or has no such workload.
    """
    resource, name = parse_workload(target)
    access = await config.load(kubeconfig)
    space = namespace or access.namespace or "default"
    async with connect(access) as client:
        raw = await client.get(resource, name, namespace=space)
        found = workload({**raw, "kind": resource.kind, "apiVersion": resource.api_version})
        policy = await policy_of(client, found) or default_policy(space)
    return _print(form, policy, found, host or _service(found))


def _print(form: str, policy: Policy, target: Workload, host: str) -> int:
    found = subject(plan(policy, target, advised=False), target, host=host)
    made = found if isinstance(found, Problem) else FORMATS[form](found)
    if isinstance(made, Problem):
        tell(made.message)
        return NOTHING
    sys.stdout.write(made)
    return 0


def _service(target: Workload) -> str:
    """The usual name of a workload's Service, which is a guess: the formats say so."""
    return f"{target.name}.{target.namespace}.svc" if target.namespace else target.name


def _policy(about: About) -> Policy:
    required = []
    for text in about.models:
        name, _, version = text.partition("@")
        required.append({"name": name, "version": version})
    server = {"profile": about.profile, "models": {"required": required}}
    try:
        return Policy.model_validate(
            {
                "apiVersion": API_VERSION,
                "kind": POLICY_KIND,
                "metadata": {"name": "export"},
                "spec": {
                    "target": {"selector": {}},
                    "server": {**server, **({"port": about.port} if about.port else {})},
                },
            }
        )
    except ValidationError as error:
        raise typer.BadParameter(explain(error)) from error


def _bare(about: About) -> Workload:
    """A workload of which nothing is known but its profile."""
    pod = {"containers": [{"name": about.profile, "image": about.profile}]}
    raw = {
        "kind": "Deployment",
        "metadata": {"name": about.profile},
        "spec": {"template": {"spec": pod}},
    }
    made = workload(raw)
    if not about.port and plan(_policy(about), made, advised=False).problems:
        told = f"a server of profile {about.profile} has no usual port: give --port"
        raise typer.BadParameter(told, param_hint="'--port'")
    return made
