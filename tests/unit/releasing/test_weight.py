"""What the programs load when they start: not the heavy half of what is installed with them."""

import json
import subprocess
import sys
from functools import cache

import pytest

# Not ru_maxrss: a process inherits it from the one that started it, here a large pytest.
LOADED = """
import importlib, json, sys
for module in sys.argv[1:]:
    importlib.import_module(module)
lines = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps([sorted(sys.modules), int(lines["VmHWM"].split()[0])]))
"""
MODULES = {
    "controller": "inferencehealth.controller.main",
    "checker": "inferencehealth.checker.main",
    "webhook": "inferencehealth.admission.main",
}
MEBIBYTES = 110
"""Resident memory after loading: 57 to 73 were seen; the client's models would be 45 more."""


@cache
def loaded(program: str) -> tuple[frozenset[str], float]:
    """The modules of a fresh process that has loaded the program, and its MiB."""
    command = [sys.executable, "-P", "-c", LOADED, "inferencehealth.cli.main", MODULES[program]]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    names, kibibytes = json.loads(told)
    return frozenset(names), kibibytes / 1024


@pytest.mark.parametrize("program", MODULES)
def test_the_models_of_the_kubernetes_client_stay_where_they_are(program: str) -> None:
    """Of 700 models Kopf takes three, and nobody any of the calls."""
    names, _ = loaded(program)
    heavy = ("kubernetes.client.models.", "kubernetes.client.api.", "kubernetes.aio.client.")
    assert len([name for name in names if name.startswith(heavy)]) <= 3


@pytest.mark.parametrize("program", ["checker", "webhook"])
@pytest.mark.parametrize("package", ["kopf", "kubernetes", "grpc", "pygments", "requests"])
def test_what_only_others_need_is_not_loaded(program: str, package: str) -> None:
    names, _ = loaded(program)
    assert package not in names


@pytest.mark.parametrize("program", MODULES)
def test_a_program_that_has_just_started_is_small(program: str) -> None:
    _, mebibytes = loaded(program)
    assert mebibytes < MEBIBYTES
