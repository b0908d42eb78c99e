"""The controllers, built from pinned Go modules into the user's cache, and the CRDs they come with.

As e2e.cluster.builds does: each has a module of its own below go/, because they pin different
versions of the same libraries.
"""

import json
import os
import subprocess
from pathlib import Path

from e2e.cluster import toolchain
from e2e.cluster.builds import Program, cache_key
from e2e.cluster.model import ClusterError
from e2e.cluster.paths import cache_home
from e2e.cluster.progress import Progress

GO = Path(__file__).parent / "go"
ARGOCD = Program("argocd", "argocd", "github.com/argoproj/argo-cd/v3/cmd", GO)
KSERVE = Program("kserve-manager", "kserve", "github.com/kserve/kserve/cmd/manager", GO)
LWS = Program("lws-manager", "lws", "sigs.k8s.io/lws/cmd", GO)
FLUX = Program("kustomize-controller", "flux", "github.com/fluxcd/kustomize-controller", GO)


def shipped(module: str, source: str, files: str, progress: Progress) -> list[Path]:
    """Files that the Go module `source` ships, at the version that go/`module` pins, by a glob.

    They are read where Go keeps sources, and fetched there if need be. Where they are is noted in
    the cache, so that a warm run needs no Go. Raises ClusterError when there are none.
    """
    texts = [(GO / module / name).read_text() for name in ("go.mod", "go.sum")]
    note = cache_home() / "sources" / f"{module}-{cache_key([source, *texts])}"
    folder = Path(note.read_text()) if note.exists() else None
    if folder is None or not folder.is_dir():
        folder = _fetched(module, source, texts[0], progress)
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(str(folder))
    if found := sorted(folder.glob(files)):
        return found
    raise ClusterError(f"{source} ships no {files}; remedy: look where this version keeps them")


def _fetched(module: str, source: str, go_mod: str, progress: Progress) -> Path:
    go = toolchain.find(toolchain.required_version([go_mod]), progress.say)
    result = subprocess.run(
        [str(go), "mod", "download", "-json", source],
        cwd=GO / module,
        env=os.environ | {"GOFLAGS": "-mod=readonly", "GOWORK": "off", "GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
        check=False,
    )
    told = json.loads(result.stdout) if result.stdout.strip() else {}
    if result.returncode != 0 or "Dir" not in told:
        raise ClusterError(
            f"fetching {source} failed: {told.get('Error') or result.stderr.strip()}\n"
            "remedy: the sources come through GOPROXY; check `go env GOPROXY` and the network"
        )
    return Path(told["Dir"])
