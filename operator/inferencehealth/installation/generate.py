"""Writes docs/rights.md and the manifests of rights and restraint, each from its one source."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import yaml

from inferencehealth.api.names import SYSTEM_NAMESPACE
from inferencehealth.installation import access, restraint
from inferencehealth.installation.access import Manifest, Program, Right, Where
from inferencehealth.kube.requests import Resource

_HEADER: Final = (
    "# Generated from operator/inferencehealth/installation/{source}.py by `make generate`.\n"
)

_HEAD: Final = """\
# Rights

<!-- Made by `make generate` from operator/inferencehealth/installation/access.py; do not edit. -->

What each program may do, and what needs it. `manifests/base/rbac/` grants exactly this, and
`manifests/overlays/namespaced/rbac/` the same within one namespace, without any right on the
cluster. A test runs the whole operator under these rights with the API server's audit log on: it
fails on a right that nothing uses, and on a request that is refused.

No program may read Secrets or ConfigMaps of users, make or delete pods, use `nodes/proxy` or
`pods/proxy`, or impersonate anyone. What the right to patch workloads and `pods/status` can be used
for is narrowed further by a [restraint](security.md#the-restraint).
"""

_STYLE: Final[dict[str, Any]] = {"sort_keys": False, "width": 100, "default_flow_style": None}
"""Lists of words on one line, as people write them."""

_TABLE: Final = "| where | group | resource | verbs | what for |\n| --- | --- | --- | --- | --- |\n"

_WHERE: Final = {
    Where.WATCHED: "watched namespaces",
    Where.SYSTEM: "its own namespace",
    Where.CLUSTER: "the cluster",
}

_INITIAL: Final = """
## Mode Initial without the webhook

On Kubernetes 1.36 and newer the controller can keep [mode Initial](initial-mode.md) as admission
policies. Whoever may write those may change any object of the cluster on its way in, so the right
is a component of its own, `manifests/components/initial-mode`, which you add or leave out.

"""

_BY_NAME: Final = """
## Secrets and ConfigMaps that a policy names

A canary's headers and a server's authorities are read by name, with a Role that you write in the
policy's namespace ([a key for the canary](checks.md#a-key-for-the-canary)). Without it the report
says which Role is missing; nothing else stops.
"""


def files() -> dict[str, str]:
    """The generated files by their path below manifests/."""
    found = {}
    for program in Program:
        wide = access.cluster_wide(program, system_namespace=SYSTEM_NAMESPACE)
        found[f"base/rbac/{program}.yaml"] = text(wide, "access")
        narrow = access.namespaced(
            program, namespace=SYSTEM_NAMESPACE, system_namespace=SYSTEM_NAMESPACE
        )
        found[f"overlays/namespaced/rbac/{program}.yaml"] = text(narrow, "access")
    initial = access.initial_mode(system_namespace=SYSTEM_NAMESPACE)
    found["components/initial-mode/rbac.yaml"] = text(initial, "access")
    found["base/restraint.yaml"] = text(restraint.documents(), "restraint")
    return found


def text(manifests: Iterable[Manifest], source: str) -> str:
    """The objects as one YAML file."""
    documents: str = yaml.dump_all(manifests, Dumper=_Dumper, **_STYLE)
    return _HEADER.format(source=source) + documents


def page() -> str:
    """docs/rights.md."""
    programs = "".join(
        f"\n## {program.value.capitalize()}\n\n{_table(access.RIGHTS[program])}"
        for program in Program
    )
    return f"{_HEAD}{programs}{_INITIAL}{_table(access.INITIAL_MODE)}{_BY_NAME}"


def _table(rights: Iterable[Right]) -> str:
    return _TABLE + "".join(
        f"| {_WHERE[right.where]} | {_group(right.resource)} | {_objects(right)} "
        f"| {', '.join(right.verbs)} | {right.why} |\n"
        for right in rights
    )


def _group(resource: Resource) -> str:
    return f"`{resource.group}`" if resource.group else "core"


def _objects(right: Right) -> str:
    names = ", ".join(f"`{name}`" for name in right.names)
    return f"`{right.target}`" + (f" named {names}" if names else "")


class _Dumper(yaml.SafeDumper):
    """Spells everything out: people read these files."""

    def ignore_aliases(self, data: Any) -> bool:
        """Never an alias."""
        del data
        return True


def write(manifests: Path, docs: Path) -> list[Path]:
    """Write all of them; returns the files."""
    contents = {manifests / path: content for path, content in files().items()}
    contents[docs / "rights.md"] = page()
    for path, content in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    return list(contents)


if __name__ == "__main__":
    for written in write(Path(sys.argv[1]), Path(sys.argv[2])):
        print(written)
