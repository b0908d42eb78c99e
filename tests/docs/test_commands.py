"""Every command that the pages tell people to type is typed here, on a real API server."""

import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from e2e.cluster.model import Cluster, Tier
from tests.docs.pages import Command, as_policy, blocks, commands, documents, pages
from tests.docs.world import PATIENCE, World, world

pytestmark = pytest.mark.integration

NOT_HERE = {
    "ihp run": "the fixture has it running",
    ".venv/bin/ihp run": "the fixture has it running",
    "ihp controller": "the fixture has it running",
    "kubeconform": "a program of others; tests/unit/gitops holds the schemas it would read",
    "ihp check https://asr.example.com": "a server of the reader's own",
    "kubectl wait -n inferencehealth-system": "pods have to run: e2e runs the operator in pods",
    "helm install": "the fixture's only plays; tests/integration/installation has a real one",
    "kubectl delete ihp --all --all-namespaces": "others' too; e2e uninstalls a whole operator",
    "kubectl delete -k manifests/base": "the same",
    "docker buildx": "for who has a registry",
    "ihp drill": "pods have to run: e2e/node/test_drill.py runs it on a real kubelet",
}
"""Commands that are not run, by how they begin, and why; of ours the options are looked at."""
INSTEAD = {
    "kubectl apply --server-side -k manifests/base": "kubectl apply --server-side --dry-run=server "
    "-k manifests/base",
    "kubectl apply --server-side -f build/install.yaml": "kubectl kustomize manifests/base | "
    "kubectl apply --server-side --dry-run=server -f -",
    "kubectl apply --server-side -k manifests/overlays/namespaced": "kubectl apply --server-side "
    "--dry-run=server -k manifests/overlays/namespaced",
    "kubectl apply --server-side -k manifests/overlays/ha": "kubectl apply --server-side "
    "--dry-run=server -k manifests/overlays/ha",
}
"""What is run instead, where the effect would reach other tests."""
FAILS = {
    "ihp lint": "the example has no probes, which is a finding of severity error",
    "helm template ./chart | ihp lint": "the same",
    "kustomize build . | ihp lint": "the same",
}
"""Commands that end with exit code 1 on what the pages show them, and why."""
CHANGES = re.compile(r"\b(apply|patch|delete|replace|scale|rollout)\b")
COMMENT = re.compile(r"\s+#.*$")
GOES_ON = re.compile(r"\bihp dashboard\b|\bihp status\b.* -w\b|\bkubectl get\b.* -w\b")
"""Commands that go on until Ctrl-C."""
POD = re.compile(r"\bPOD\b|\btriton-7d9c5b6f4-x2x9q\b")
"""How the pages name a pod that the reader has to fill in."""


@pytest.fixture(scope="module")
def shell(
    cluster_of: Callable[[Tier], Cluster], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    with world(cluster_of(Tier.INTEGRATION), tmp_path_factory.mktemp("docs")) as made:
        yield made


def expected(command: str) -> set[int]:
    return {1} if any(command.startswith(words) for words in FAILS) else {0}


def skipped(command: str) -> str:
    return next((why for words, why in NOT_HERE.items() if command.startswith(words)), "")


@pytest.mark.parametrize("command", commands(), ids=lambda c: f"{c.place} {c.text[:60]}")
def test_a_command_of_the_pages_works(shell: World, command: Command) -> None:
    if skipped(command.text):
        if "ihp" in command.text.partition(" ")[0]:
            shell.must(f"{COMMENT.sub('', command.text)} --help")
        return
    if command.text.startswith("make "):
        shell.must(command.text.replace("make ", "make -n ", 1))
        return
    typed = filled_in(shell, INSTEAD.get(command.text, command.text))
    if GOES_ON.search(typed):
        first_words(shell, typed)
        return
    done = shell.run(typed)
    if CHANGES.search(typed):
        shell.mend()
    told = f"{command.place}: {typed}\n{done.stdout}{done.stderr}"
    exists = typed.startswith("kubectl create") and "AlreadyExists" in done.stderr
    assert done.returncode in expected(typed) or exists, told


def filled_in(shell: World, text: str) -> str:
    """With a name where the reader has to fill one in, and the port that was free."""
    named = POD.sub(lambda _: shell.pods()[0], text)
    return named.replace("localhost:7100", f"localhost:{shell.asr}").replace(
        "--port 8080", "--port 0"
    )


def first_words(shell: World, typed: str) -> None:
    """It says something, and goes on."""
    words = ["bash", "-c", f"exec {typed}"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words, cwd=shell.folder, env=shell.environment, stdout=pipe, stderr=subprocess.STDOUT
    ) as running:
        assert running.stdout is not None
        late = threading.Timer(PATIENCE, running.kill)
        late.start()
        try:
            assert running.stdout.readline().strip(), f"{typed} says nothing"
            assert running.poll() is None
        finally:
            late.cancel()
            running.terminate()


@pytest.mark.parametrize("words", [*NOT_HERE, *INSTEAD, *FAILS])
def test_every_exception_is_of_a_command_that_is_there(words: str) -> None:
    assert any(command.text.startswith(words) for command in commands())


POLICIES = [
    (block.place, policy)
    for path in pages()
    for block in blocks(path)
    if block.language == "yaml"
    for policy in map(as_policy, documents(block))
    if policy
]


@pytest.mark.parametrize("policy", [p for _, p in POLICIES], ids=[place for place, _ in POLICIES])
def test_the_api_server_takes_the_policies_of_the_pages(
    shell: World, policy: dict[str, Any]
) -> None:
    named = policy | {"metadata": {"name": policy["metadata"]["name"]}}
    (shell.folder / "piece.yaml").write_text(yaml.safe_dump(named))
    shell.must("kubectl create --dry-run=server -n default -f piece.yaml")
