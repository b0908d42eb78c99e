"""What GitOps tools make of an object, by their own rules: Argo CD's Lua and Flux's kstatus."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lupa import lua51

from e2e.cluster import builds
from e2e.cluster.progress import to_stderr

UNKNOWN_LIBRARIES = ("coroutine", "debug", "io", "math", "string")
"""Those of Lua that Argo CD does not open for a health script (its util/lua/lua.go)."""
SCRIPTS = Path(__file__).parents[2] / "manifests/argocd"


@dataclass(frozen=True, slots=True)
class Judgement:
    """Status and message, in the tool's words."""

    status: str
    message: str


def argo(raw: dict[str, Any]) -> Judgement:
    """What Argo CD shows with our script. It runs Lua 5.1 with the object as `obj`."""
    lua = lua51.LuaRuntime(register_eval=False, register_builtins=False)
    for name in UNKNOWN_LIBRARIES:
        lua.globals()[name] = None
    lua.globals()["obj"] = lua.table_from(raw, recursive=True)
    answer = lua.execute((SCRIPTS / f"{raw['kind']}.lua").read_text())
    return Judgement(answer["status"], answer["message"])


def flux(raw: dict[str, Any]) -> Judgement:
    """What Flux waits for: the answer of its own library, built once."""
    program = builds.ensure([builds.KSTATUS], to_stderr())[builds.KSTATUS.name]
    done = subprocess.run(
        [str(program)], input=json.dumps(raw), capture_output=True, text=True, check=True
    )
    answer = json.loads(done.stdout)
    return Judgement(answer["status"], answer["message"])
