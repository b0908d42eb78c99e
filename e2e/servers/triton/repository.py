"""Model repositories for Triton: the folder tree it reads its models from."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from e2e.servers import cache

Model = Literal["good", "slow", "broken"]
"""`good` echoes, `slow` loads for SLOW_SECONDS (default 20), `broken` fails to load."""

MODELS: tuple[Model, ...] = ("good", "slow", "broken")
TEMPLATES = Path(__file__).parent / "models"
_WORKING = Path(__file__).parent / "working"


def write_repository(folder: Path, models: Iterable[Model] = MODELS) -> Path:
    """Write the models into the folder, made when absent, each under its own name; returns it."""
    for model in models:
        write_model(folder, model, name=model)
    return folder


def cached() -> Path:
    """A repository with all the models, made once, for an image to copy."""
    entry = f"triton-models-{cache.key(TEMPLATES)}"

    def build(target: Path) -> None:
        write_repository(target)

    return cache.obtain(entry, build)


def write_model(repository: Path, model: Model, *, name: str) -> None:
    """Write version 1 of one model into the repository, served under `name`."""
    version = repository / name / "1"
    version.mkdir(parents=True)
    shutil.copyfile(TEMPLATES / "config.pbtxt", repository / name / "config.pbtxt")
    shutil.copyfile(TEMPLATES / f"{model}.py", version / "model.py")


def write_working(repository: Path, name: str) -> None:
    """Write a model that works as long on a request as the first of its two numbers says."""
    version = repository / name / "1"
    version.mkdir(parents=True)
    shutil.copyfile(_WORKING / "config.pbtxt", repository / name / "config.pbtxt")
    shutil.copyfile(_WORKING / "model.py", version / "model.py")


def write_ensemble(repository: Path, name: str, *, of: str) -> None:
    """Write a model of another kind: one that Triton runs itself, by asking the model `of`."""
    (repository / name / "1").mkdir(parents=True)
    (repository / name / "config.pbtxt").write_text(_ENSEMBLE.replace("MODEL", of))


_ENSEMBLE = """\
platform: "ensemble"
max_batch_size: 0
input [ { name: "IN" data_type: TYPE_FP32 dims: [ 2 ] } ]
output [ { name: "OUT" data_type: TYPE_FP32 dims: [ 2 ] } ]
ensemble_scheduling { step [ {
  model_name: "MODEL"
  model_version: -1
  input_map { key: "IN" value: "IN" }
  output_map { key: "OUT" value: "OUT" }
} ] }
"""
