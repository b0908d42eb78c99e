"""The canary that each profile builds: who gets one, what it asks, and how its answer reads."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferencehealth.api.canary import Canary
from inferencehealth.checks.steps import Answer, Item, Outcome, Reading, Sign
from inferencehealth.checks.transports import check_request
from inferencehealth.profiles import ollama_canary, tei
from inferencehealth.profiles.auto_canary import (
    LEFT_OUT,
    MAX_TARGETS,
    AutoCanary,
    Built,
    Cannot,
    NotNow,
    Target,
    canary_request,
    unproven,
)
from inferencehealth.profiles.profile import Profile
from inferencehealth.profiles.registry import PROFILES, profile_named

from .given import requiring

M = Target("m")
REFUSED_BY = {"bentoml", "litserve", "rayserve", "torchserve", "tfserving", "grpc", "riva"}


def auto(profile: str) -> AutoCanary:
    found = profile_named(profile).canary
    assert found is not None
    return found


def told(status: int = 200, body: Any = None) -> Answer:
    return Answer(Outcome.ANSWERED, status, json.dumps(body).encode())


def built(profile: str, *answers: Answer, target: Target = M) -> Built:
    return auto(profile).build(target, answers)


def asked(profile: str, *answers: Answer, target: Target = M) -> list[tuple[str, Any]]:
    ways = built(profile, *answers, target=target)
    assert isinstance(ways, tuple)
    return [(way.request.path, json.loads(way.request.body)) for way in ways]


METRICS = Answer(Outcome.ANSWERED, 200, b'vllm:engine_sleep_state{sleep_state="awake"} 1\n')
ASLEEP = Answer(Outcome.ANSWERED, 200, b'vllm:engine_sleep_state{sleep_state="awake"} 0\n')
AWAKE_LLAMA = (told(200, {"is_sleeping": False}), told(200, [{"is_processing": False}]))


@pytest.mark.parametrize(
    ("profile", "answers"),
    [
        ("vllm", (METRICS,)),
        ("vllm", (Answer(Outcome.NO_ANSWER),)),
        ("sglang", ()),
        ("llamacpp", AWAKE_LLAMA),
        ("llamacpp", (told(200, {}), told(501, {"error": {}}))),
    ],
)
def test_a_language_model_is_asked_for_one_token_and_else_for_an_embedding(
    profile: str, answers: tuple[Answer, ...]
) -> None:
    assert asked(profile, *answers) == [
        ("/v1/completions", {"model": "m", "prompt": "a", "max_tokens": 1}),
        (
            "/v1/chat/completions",
            {"model": "m", "messages": [{"role": "user", "content": "a"}], "max_tokens": 1},
        ),
        ("/v1/embeddings", {"model": "m", "input": "a"}),
        ("/v1/rerank", {"model": "m", "query": "a", "documents": ["a"]}),
    ]


@pytest.mark.parametrize(
    ("profile", "paths"),
    [
        ("nim", ["/v1/completions", "/v1/chat/completions", "/v1/embeddings"]),
        ("dynamo", ["/v1/completions", "/v1/chat/completions", "/v1/embeddings"]),
        ("tensorrt-llm", ["/v1/completions", "/v1/chat/completions"]),
        ("tgi", ["/generate"]),
    ],
)
def test_other_servers_of_text_are_asked_where_they_answer(profile: str, paths: list[str]) -> None:
    assert [path for path, _ in asked(profile)] == paths


def test_a_server_whose_list_no_round_could_read_is_asked_for_it_with_the_key() -> None:
    anyone = Target()
    (listing,) = auto("sglang").about(anyone)
    assert listing.path == "/v1/models"
    listed = told(200, {"data": [{"id": "base"}, {"id": "adapter"}]})
    assert {body["model"] for _, body in asked("sglang", listed, target=anyone)} == {"base"}
    nobody = auto("sglang").build(anyone, (Answer(Outcome.NO_ANSWER),))
    assert isinstance(nobody, NotNow)


def test_a_sleeping_vllm_is_not_woken_and_is_asleep() -> None:
    held = built("vllm", ASLEEP)
    assert isinstance(held, NotNow)
    assert held.verdict is not None
    assert held.verdict.sign is Sign.ASLEEP


@pytest.mark.parametrize(
    ("props", "slots", "idle"),
    [
        ({"is_sleeping": True}, [{"is_processing": False}], True),
        ({}, [{"is_processing": True}, {"is_processing": True}], False),
    ],
)
def test_a_llama_server_that_sleeps_or_has_no_free_slot_is_left_alone(
    props: Any, slots: Any, *, idle: bool
) -> None:
    assert built("llamacpp", told(200, props), told(200, slots)) == NotNow(idle=idle)


def test_a_llama_server_with_one_free_slot_is_asked() -> None:
    slots = [{"is_processing": True}, {"is_processing": False}]
    assert isinstance(built("llamacpp", told(200, {}), told(200, slots)), tuple)


# Ollama

SHOW = {"model_info": {"llama.context_length": 131072}}


def loaded(name: str = "m:latest", context: int = 8192, expires: str = "2026-01-01") -> Answer:
    entry = {"name": name, "context_length": context, "expires_at": expires}
    return told(200, {"models": [entry]})


def test_a_loaded_ollama_model_is_asked_for_one_token_by_the_context_it_was_loaded_with() -> None:
    (generate, token), (embed, letter) = asked("ollama", loaded(), told(200, SHOW))
    assert (generate, embed) == ("/api/generate", "/api/embed")
    assert token["options"] == {"num_ctx": 8192, "num_predict": 1}
    assert (token["prompt"], token["raw"], token["stream"]) == ("a", True, False)
    assert letter == {"model": "m", "input": "a", "options": {"num_ctx": 8192}}


@pytest.mark.parametrize("show", [told(404), told(200, {"model_info": {"x.context_length": 8192}})])
def test_where_the_models_limit_cut_its_context_the_canary_gives_none(show: Answer) -> None:
    (_, token), _ = asked("ollama", loaded(), show)
    assert token["options"] == {"num_predict": 1}


@pytest.mark.parametrize(
    "ps", [told(200, {"models": []}), loaded("other:latest"), told(500), Answer(Outcome.NO_ANSWER)]
)
def test_an_ollama_model_that_is_not_loaded_is_never_loaded_by_a_canary(ps: Answer) -> None:
    assert built("ollama", ps, told(200, SHOW)) == NotNow(idle=ps.status == 200)


@pytest.mark.parametrize(
    ("expires", "word"),
    [("2026-11-21T17:00:00Z", "2026-11-21T17:00:00Z"), ("2318-01-01T00:00:00Z", "")],
)
def test_every_request_changes_when_a_model_is_unloaded_unless_it_never_is(
    expires: str, word: str
) -> None:
    assert ollama_canary.used(M, (loaded(expires=expires), told())) == word


def test_a_canary_that_made_ollama_load_a_model_is_given_up() -> None:
    ways = built("ollama", loaded(), told(200, SHOW))
    assert isinstance(ways, tuple)
    read = canary_request(Canary(), auto("ollama"), M, ways[0]).read
    assert read(told(200, {"done": True, "load_duration": 40_000_000})).sign is Sign.SERVES
    spoilt = read(told(200, {"done": True, "load_duration": 9_000_000_000}))
    assert (spoilt.sign, spoilt.reason) == (Sign.UNKNOWN, "CanaryNotBuilt")


# Embeddings


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ({"embedding": {"pooling": "cls"}}, "/embed"),
        ({"embedding": {"pooling": "splade"}}, "/embed_sparse"),
        ({"reranker": {}}, "/rerank"),
        ({"classifier": {}}, "/predict"),
    ],
)
def test_tei_is_asked_for_what_its_model_does(kind: Any, path: str) -> None:
    assert [found for found, _ in asked("tei", told(200, {"model_type": kind}))] == [path]


def test_a_backend_that_failed_answers_424_on_tei() -> None:
    way = tei._EMBED
    read = canary_request(Canary(), auto("tei"), M, way).read
    assert read(told(424, {"error": "Inference failed"})).sign is Sign.FAILS
    assert read(told(422, {"error": "Tokenization error"})).reason == "CanaryNotBuilt"


@pytest.mark.parametrize(
    ("able", "path"),
    [(["embed"], "/embeddings"), (["rerank"], "/rerank"), (["classify"], "/classify")],
)
def test_infinity_is_asked_behind_the_prefix_where_its_list_stands(
    able: list[str], path: str
) -> None:
    listed = told(200, {"data": [{"id": "m", "capabilities": able}]})
    assert [found for found, _ in asked("infinity", listed, told(404))] == [path]
    assert [found for found, _ in asked("infinity", told(404), listed)] == [f"/v1{path}"]


def test_an_infinity_model_for_images_gets_none() -> None:
    listed = told(200, {"data": [{"id": "m", "capabilities": ["image_embed"]}]})
    assert isinstance(built("infinity", listed, told(404)), Cannot)


# v2


def tensor(datatype: str = "FP32", shape: Any = (2,), name: Any = "IN") -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape}


def test_zeros_have_the_declared_names_types_and_shapes_and_a_batch_of_one() -> None:
    inputs = [tensor(), tensor("INT64", ["-1", "3"], "IDS"), tensor("BOOL", [1], "MASK")]
    ((path, body),) = asked("triton", told(200, {"inputs": inputs}))
    assert path == "/v2/models/m/infer"
    assert body == {
        "inputs": [
            {"name": "IN", "shape": [2], "datatype": "FP32", "data": [0.0, 0.0]},
            {"name": "IDS", "shape": [1, 3], "datatype": "INT64", "data": [0, 0, 0]},
            {"name": "MASK", "shape": [1], "datatype": "BOOL", "data": [False]},
        ]
    }


def test_a_version_and_an_odd_name_are_asked_by_their_own_path() -> None:
    target = Target("a/b c", "3")
    (metadata,) = auto("triton").about(target)
    assert metadata.path == "/v2/models/a%2Fb%20c/versions/3"
    ((path, _),) = asked("triton", told(200, {"inputs": [tensor()]}), target=target)
    assert path == "/v2/models/a%2Fb%20c/versions/3/infer"


def test_half_numbers_travel_as_bytes_where_the_server_takes_them() -> None:
    metadata = told(200, {"inputs": [tensor("FP16", [4]), tensor("INT32", [1], "N")]})
    ways = built("triton", metadata)
    assert isinstance(ways, tuple)
    headers = dict(ways[0].request.headers)
    length = int(headers["Inference-Header-Content-Length"])
    head, zeros = ways[0].request.body[:length], ways[0].request.body[length:]
    sizes = [one["parameters"]["binary_data_size"] for one in json.loads(head)["inputs"]]
    assert (sizes, zeros) == ([8, 4], bytes(12))
    assert isinstance(built("mlserver", metadata), Cannot)


@pytest.mark.parametrize(
    ("inputs", "why"),
    [
        ([], "does not tell"),
        (None, "does not tell"),
        (["IN"], "does not tell"),
        ([{"name": "IN"}], "does not tell"),
        ([tensor("BYTES", [1])], "type BYTES"),
        ([tensor("FP8", [1])], "type FP8"),
        ([tensor(shape=[1, -1])], "any size (1, -1)"),
        ([tensor(shape=[-1, -1, 3])], "any size"),
        ([tensor(shape=[1, 3, 224, 224])], "602,112 bytes"),
        ([tensor(shape=[16385])], "65,540 bytes"),
        ([tensor(shape=[10**30])], "no small request"),
        ([tensor(shape=[0])], "no small request"),
        ([tensor(shape=["x"])], "none"),
        ([tensor(shape=[1.5])], "none"),
        ([tensor(shape=[True])], "none"),
        ([tensor(name=f"IN{n}") for n in range(65)], "more than 64 inputs"),
    ],
)
def test_what_can_not_be_known_is_not_sent(inputs: Any, why: str) -> None:
    found = built("triton", told(200, {"inputs": inputs}))
    assert isinstance(found, Cannot)
    assert why in found.why


def test_exactly_64_kib_of_zeros_are_sent() -> None:
    assert isinstance(built("triton", told(200, {"inputs": [tensor(shape=[16384])]})), tuple)


@pytest.mark.parametrize("metadata", [Answer(Outcome.NO_ANSWER), Answer(Outcome.REFUSED)])
def test_where_metadata_can_not_be_had_nothing_is_sent_this_time(metadata: Answer) -> None:
    assert built("triton", metadata) == NotNow()


def test_a_kserve_model_that_is_not_ready_is_not_asked() -> None:
    metadata = told(200, {"inputs": [tensor()]})
    assert built("kserve", metadata, told(503)) == NotNow()
    assert isinstance(built("kserve", metadata, told(200)), tuple)


# Who gets one


def test_servers_of_which_nobody_can_know_a_request_get_none() -> None:
    without = {profile.name for profile in PROFILES if profile.canary is None}
    assert without >= REFUSED_BY
    assert {"triton", "vllm", "sglang", "tgi", "tei", "ollama", "llamacpp"}.isdisjoint(without)


A, B = Item("a", Sign.SERVES), Item("b", Sign.SERVES)


@pytest.mark.parametrize(
    ("profile", "required", "items", "targets"),
    [
        ("vllm", (), (A, B), ["a"]),
        ("vllm", ("b",), (Item("b", Sign.SERVES, required=True), A), ["b"]),
        ("vllm", ("b",), (), ["b"]),
        ("vllm", (), (), [""]),
        ("llamacpp", (), (Item("a", Sign.ASLEEP), B), ["b"]),
        ("llamacpp", (), (Item("a", Sign.ASLEEP),), []),
        ("nim", (), (), []),
        ("ollama", (), (A, Item("b", Sign.ASLEEP)), ["a"]),
        ("ollama", (), (), []),
        ("triton", (), (A, B, Item("c", Sign.ASLEEP), Item("d", Sign.FAILS)), ["a", "b"]),
        ("triton", ("b",), (Item("b", Sign.SERVES, required=True), A), ["b"]),
        ("kserve", (), (Item("a", Sign.UNKNOWN),), ["a"]),
    ],
)
def test_required_models_are_asked_first_and_else_those_that_serve(
    profile: str, required: tuple[str, ...], items: tuple[Item, ...], targets: list[str]
) -> None:
    found = auto(profile).targets(requiring(*required, profile=profile), items)
    assert [target.name for target in found] == targets


KEYS = (
    *("data", "models", "id", "name", "inputs", "shape", "datatype", "capabilities"),
    *("model_type", "embedding", "is_sleeping", "is_processing", "context_length"),
    *("model_info", "expires_at", "load_duration", "error"),
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
ANSWERS = st.builds(
    Answer,
    st.sampled_from(Outcome),
    st.sampled_from([0, 200, 301, 401, 404, 429, 500, 503]),
    st.binary(max_size=50) | JSON_VALUES.map(lambda value: json.dumps(value).encode()),
)
WITH_CANARY = [profile for profile in PROFILES if profile.canary is not None]


@pytest.mark.parametrize("profile", WITH_CANARY, ids=lambda profile: profile.name)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_whatever_a_server_says_nothing_raises_and_what_is_built_can_be_sent(
    profile: Profile, data: st.DataObject
) -> None:
    made = auto(profile.name)
    for target in (M, Target(), Target("ü/%\n", "1")):
        answers = tuple(data.draw(ANSWERS) for _ in made.about(target))
        made.used(target, answers)
        ways = made.build(target, answers)
        for way in ways if isinstance(ways, tuple) else ():
            check_request(way.request)
            canary_request(Canary(), made, target, way).read(data.draw(ANSWERS))


def test_of_ten_thousand_models_a_hundred_take_turns() -> None:
    many = tuple(Item(f"m{n}", Sign.SERVES) for n in range(10_000))
    for profile in ("triton", "ollama", "infinity", "kserve"):
        assert len(auto(profile).targets(requiring(profile=profile), many)) == MAX_TARGETS


# How answers read


def read(answer: Answer, **changes: Any) -> Reading:
    way = built("sglang")
    assert isinstance(way, tuple)
    canary = Canary.model_validate({"timeout": "10s", "expect": {"maxLatency": "2s"}, **changes})
    return canary_request(canary, auto("sglang"), M, way[0]).read(answer)


KEYED = {"headersFrom": {"secretRef": {"name": "key"}}}
LATE = Answer(Outcome.ANSWERED, 200, b'{"choices": []}', seconds=3.0)
FAILED, OURS = "CanaryFailed", "CanaryNotBuilt"


@pytest.mark.parametrize(
    ("answer", "sign", "reason"),
    [
        (told(200, {"choices": [{}]}), Sign.SERVES, ""),
        (LATE, Sign.DEGRADED, "CanarySlow"),
        (told(200, {"error": {"message": "engine dead"}}), Sign.FAILS, FAILED),
        (told(500, {}), Sign.FAILS, FAILED),
        *((told(code, {}), Sign.UNKNOWN, OURS) for code in (302, 400, 404, 405, 413, 415, 422)),
        (told(501, {}), Sign.UNKNOWN, OURS),
        (Answer(Outcome.ANSWERED, 200, b"<html>"), Sign.UNKNOWN, OURS),
        (told(401), Sign.UNKNOWN, "CanaryNeedsKey"),
        (told(403), Sign.UNKNOWN, "CanaryNeedsKey"),
        (told(429), Sign.BUSY, "CanaryBusy"),
        (Answer(Outcome.ANSWERED, 503, retry_after=True), Sign.BUSY, "CanaryBusy"),
        (told(503), Sign.SILENT, FAILED),
        (told(502), Sign.SILENT, FAILED),
        (told(504), Sign.SILENT, FAILED),
        (told(408), Sign.SILENT, FAILED),
        (Answer(Outcome.NO_ANSWER), Sign.SILENT, "CanaryTimedOut"),
        (Answer(Outcome.UNFINISHED), Sign.SILENT, "CanaryTimedOut"),
        (Answer(Outcome.RESET), Sign.SILENT, FAILED),
        (Answer(Outcome.CONNECT_TIMEOUT), Sign.UNKNOWN, "ConnectTimeout"),
    ],
)
def test_only_the_servers_own_failures_count_against_it(
    answer: Answer, sign: Sign, reason: str
) -> None:
    found = read(answer)
    assert (found.sign, found.reason) == (sign, reason)


def test_a_key_that_is_not_the_servers_makes_the_pod_unknown() -> None:
    assert read(told(401), **KEYED).reason == "CanaryDenied"


def test_messages_name_the_model_and_never_what_was_answered() -> None:
    assert read(told(500, {"secret": 1})).message == (
        'the canary POST /v1/completions for model "m" is answered 500, expected 200'
    )


@pytest.mark.parametrize(
    ("profile", "answer", "doubted"),
    [
        ("vllm", told(500), False),
        ("mlserver", told(500), True),
        ("triton", told(500, {"error": "division by zero"}), True),
        ("triton", told(500, {"error": "Stub process 'm_0' is not healthy."}), False),
        ("triton", Answer(Outcome.NO_ANSWER), True),
    ],
)
def test_zeros_that_no_pod_ever_bore_prove_nothing_unless_the_server_says_that_it_is_dead(
    profile: str, answer: Answer, *, doubted: bool
) -> None:
    sign = Sign.SILENT if answer.outcome is Outcome.NO_ANSWER else Sign.FAILS
    found = unproven(auto(profile), M, Reading(sign, FAILED, "why"), answer)
    assert (found is not None and found.reason in LEFT_OUT) is doubted
