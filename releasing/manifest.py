"""The one-file manifest: manifests/base with an image, for `kubectl apply --server-side -f`."""

import json
from pathlib import Path

from releasing import image, rendering
from releasing.project import BUILD, NAME, ROOT, version

_HEAD = """\
# {name} {version}: the operator for a whole cluster, made from manifests/base.
# kubectl apply --server-side -f {file}
"""


def write(file: Path, *, reference: str = "") -> Path:
    """Write it with this image in every Deployment (default: the one that manifests/ name).

    Raises RenderError, ClusterError.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    text = rendering.kustomized(_overlay(reference or image.name()))
    file.write_text(_HEAD.format(name=NAME, version=version(), file=file.name) + text, "utf-8")
    return file


def split(reference: str) -> dict[str, str]:
    """An image's reference as kustomize has it: newName, and newTag or digest.

    A registry's port is no tag: `registry.example:5000/x` has none.
    """
    name, _, digest = reference.partition("@")
    if digest:
        return {"newName": name, "digest": digest}
    before, _, last = name.rpartition(":")
    if before and "/" not in last:
        return {"newName": before, "newTag": last}
    return {"newName": name, "newTag": "latest"}


def _overlay(reference: str) -> Path:
    folder = BUILD / "overlay"
    folder.mkdir(parents=True, exist_ok=True)
    up = "../" * len(folder.relative_to(ROOT).parts)  # kustomize takes no absolute paths
    (folder / "kustomization.yaml").write_text(
        json.dumps(
            {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "resources": [f"{up}manifests/base"],
                "images": [{"name": NAME, **split(reference)}],
            }
        ),
        "utf-8",
    )
    return folder
