"""What NIMServices and RayServices own is checked and reported, and nobody of us writes to it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from e2e.cluster.definitions import define
from e2e.ecosystem import others, ours, owned
from e2e.ecosystem.grounds import ground
from e2e.ecosystem.others import KINDS, Kind
from e2e.ecosystem.play import Play
from e2e.ecosystem.test_kserve import MODES, policy

pytestmark = pytest.mark.scale


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    """A cluster with these kinds and the operator on it."""
    with ground("owned") as made, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "definitions.yaml"
        file.write_text(yaml.safe_dump_all(map(others.definition, KINDS)))
        define(made.cluster, file)
        ours.install(made.cluster)
        with ours.running_operator(made.cluster, hurried=False):
            yield made


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_it_is_checked_and_never_changed_and_its_owner_takes_our_advice(
    play: Play, kind: Kind, mode: str
) -> None:
    model = owned.begin(play, f"{kind.kind}-{mode}".lower(), "model")
    stage = model.stage
    stage.apply([policy(mode), others.instance(kind)])
    uid = stage.look(kind.plural, "model")["metadata"]["uid"]
    stage.apply([others.deployment(kind, uid)])
    finding = model.finding()
    assert f"made by {kind.kind} model" in finding["message"]
    # Nothing answers at the address of its pod.
    model.verdict("Loading", "Broken")
    model.follow(others.instance(kind))
    wanted = owned.pasted(kind.spec, model.printed()["spec"])
    assert stage.look(kind.plural, "model")["spec"] == wanted
    assert wanted != kind.spec
    assert model.probes() == {}
    model.quiet()
    assert model.rollouts() == 1
