"""Whatever a container says, no profile raises, and nothing is recognised in noise."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.problems import Problem
from inferencehealth.profiles.detect import recognised
from inferencehealth.profiles.registry import PROFILES
from inferencehealth.workloads import workload
from tests.unit.profiles.given import a_container

IMAGES = tuple(pattern.replace("*", "") for profile in PROFILES for pattern in profile.images)
WORDS = (
    *("vllm", "serve", "python3", "-m", "sglang.launch_server", "ollama", "pull", "tritonserver"),
    *("--model", "--port", "--http-port=", "--served-model-name", "$(X)", "${X:-1}", "|", "&&"),
    *("--model-id", "--config", "--load-model=a", "--alias", "sh", "-c", "bash", "exec", "--"),
)
texts = st.one_of(st.sampled_from(WORDS), st.text(max_size=20))
scripts = st.lists(texts, max_size=6).map(" ".join)
containers = st.fixed_dictionaries(
    {"image": st.one_of(st.sampled_from(IMAGES), st.text(max_size=40))},
    optional={
        "command": st.lists(st.one_of(texts, scripts), max_size=5),
        "args": st.lists(st.one_of(texts, scripts), max_size=5),
        "env": st.lists(
            st.fixed_dictionaries(
                {"name": st.sampled_from(["PORT", "MODEL_ID", "OLLAMA_HOST", "X"]), "value": texts}
            ),
            max_size=3,
        ),
        "ports": st.lists(
            st.fixed_dictionaries({"containerPort": st.integers(1, 65535), "name": texts}),
            max_size=3,
        ),
    },
)


@given(containers)
def test_no_profile_raises_on_any_container(raw: dict[str, Any]) -> None:
    container = a_container(**raw)
    for profile in PROFILES:
        evidence = profile.detect(container)
        assert evidence is None or 0 < evidence.confidence <= 1
        port = profile.port(container)
        assert port is None or 1 <= port <= 65535
        assert all(isinstance(name, str) and name for name in profile.named_models(container))


noise = st.text(alphabet="jqx/:.@-= 0", max_size=30)


@given(noise, st.lists(noise, max_size=4))
def test_noise_is_no_server(image: str, args: list[str]) -> None:
    named = {"name": "c", "image": image, "args": args}
    template = {"spec": {"containers": [named]}}
    target = {"kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": template}}
    assert isinstance(recognised(workload(target)), Problem)
