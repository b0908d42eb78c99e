"""Canaries of the KServe v2 protocol: zeros of the types and shapes that a model declares. Pure.

`GET /v2/models/M` gives them. What is not fixed can't be guessed: a size of -1 other than that of
the batch, text, or more than 64 KiB, and nothing is sent. Numbers travel as JSON; the half ones,
for which JSON has no form, as bytes by the protocol's binary extension, where a server has that.

Sources: kserve/open-inference-protocol (specification/protocol/inference_rest.md); Triton's
extension_binary_data.md; Triton 2.51.0, MLServer 1.7.1 and KServe 0.21.0 run.
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from math import prod
from typing import Any, Final
from urllib.parse import quote

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.steps import Answer, Item, Outcome, Request
from inferencehealth.profiles.auto_canary import (
    MAX_TARGETS,
    AutoCanary,
    Built,
    Cannot,
    NotNow,
    Target,
    Way,
    every_model,
    posted,
)
from inferencehealth.profiles.reading import parse_object, server_words

MAX_TENSORS: Final = 64 * 1024
"""Bytes of all zeros together: an image is more than the smallest request there is."""
MAX_INPUTS: Final = 64
"""Inputs of one model."""

_SIZES: Final[Mapping[str, int]] = {
    "BOOL": 1,
    "UINT8": 1,
    "INT8": 1,
    "UINT16": 2,
    "INT16": 2,
    "FP16": 2,
    "BF16": 2,
    "UINT32": 4,
    "INT32": 4,
    "FP32": 4,
    "UINT64": 8,
    "INT64": 8,
    "FP64": 8,
}
"""Bytes of one element; BYTES has no fixed size and no zero."""
_HALF: Final = frozenset({"FP16", "BF16"})
_ANY_SIZE: Final = -1


class _CannotError(ValueError):
    """Why no zeros can be made of what a model declares."""


def v2_canary(
    told: str,
    *,
    binary: bool = False,
    ready: bool = False,
    died: tuple[bytes, ...] = (),
) -> AutoCanary:
    """Of a v2 server, each model in its turn.

    `binary`: it takes tensors as bytes. `ready`: whether a listed model is ready is asked before,
    because its list does not say. `died` are the words of an answer by a model that is dead.
    """
    return AutoCanary(
        told=told,
        targets=listed_models if ready else every_model,
        about=partial(_about, ready),
        build=partial(_build, binary),
        sure=False,
        died=died,
    )


def listed_models(spec: CheckSpec, items: Sequence[Item]) -> tuple[Target, ...]:
    """Every required model, else every one that is listed, however it is."""
    required = tuple(Target(model.name, model.version) for model in spec.models.required)
    return required or tuple(Target(item.name, item.version) for item in items[:MAX_TARGETS])


def infer_path(target: Target) -> str:
    """Where one model, or one version of it, takes requests."""
    return f"{_path(target)}/infer"


def zeros(target: Target, metadata: Answer, *, binary: bool) -> Way | Cannot:
    """The request with zeros for every input that the metadata declares, or why there is none."""
    document = parse_object(metadata.body) if metadata.status == 200 else {}
    declared = document.get("inputs")
    if not isinstance(declared, list) or not declared:
        return Cannot("the server does not tell what its inputs are like")
    try:
        tensors = [_tensor(entry, binary=binary) for entry in declared[:MAX_INPUTS]]
    except _CannotError as error:
        return Cannot(str(error))
    if len(declared) > MAX_INPUTS:
        return Cannot(f"it has more than {MAX_INPUTS} inputs")
    size = sum(prod(shape) * _SIZES[datatype] for _, shape, datatype in tensors)
    if size > MAX_TENSORS:
        return Cannot(f"its smallest input has {size:,} bytes, more than {MAX_TENSORS:,}")
    words = f"one inference on {size:,} bytes of zeros"
    return Way(_request(target, tensors), words)


def _path(target: Target) -> str:
    version = f"/versions/{quote(target.version, safe='')}" if target.version else ""
    return f"/v2/models/{quote(target.name, safe='')}{version}"


def _about(ready: bool, target: Target) -> tuple[Request, ...]:  # noqa: FBT001 - by partial
    metadata = Request(_path(target))
    return (metadata, Request(f"{_path(target)}/ready")) if ready else (metadata,)


def _build(binary: bool, target: Target, answers: tuple[Answer, ...]) -> Built:  # noqa: FBT001
    if any(answer.outcome is not Outcome.ANSWERED for answer in answers):
        return NotNow()
    metadata, *ready = answers
    if any(answer.status != 200 for answer in ready):
        return NotNow()
    way = zeros(target, metadata, binary=binary)
    return way if isinstance(way, Cannot) else (way,)


_Tensor = tuple[str, tuple[int, ...], str]
"""Name, shape and datatype of an input."""


def _tensor(entry: Any, *, binary: bool) -> _Tensor:
    told = entry if isinstance(entry, dict) else {}
    name, shape, datatype = told.get("name"), told.get("shape"), told.get("datatype")
    if not isinstance(name, str) or not isinstance(shape, list) or not isinstance(datatype, str):
        raise _CannotError("the server does not tell what its inputs are like")
    shown = f'its input "{server_words(name, 80)}"'
    if datatype not in _SIZES:
        raise _CannotError(f"{shown} is of type {server_words(datatype, 20)}, which has no zero")
    if datatype in _HALF and not binary:
        raise _CannotError(f"{shown} is of type {datatype}, which JSON can't carry")
    return name, _fixed(shape, shown), datatype


def _fixed(shape: list[Any], shown: str) -> tuple[int, ...]:
    """The shape with a batch of one; raises for any other size that is open."""
    if any(isinstance(size, bool) or not isinstance(size, int | str) for size in shape):
        raise _CannotError(f"{shown} has a shape that is none")
    try:
        sizes = [int(size) for size in shape]
    except ValueError:
        raise _CannotError(f"{shown} has a shape that is none") from None
    if sizes and sizes[0] == _ANY_SIZE:
        sizes[0] = 1
    if any(size == _ANY_SIZE for size in sizes):
        told = ", ".join(str(size) for size in shape[:8])
        raise _CannotError(f"{shown} may have any size ({told})")
    if any(not 0 < size <= MAX_TENSORS for size in sizes):
        raise _CannotError(f"{shown} has a size that no small request has")
    return tuple(sizes)


def _request(target: Target, tensors: Sequence[_Tensor]) -> Request:
    """As JSON where that can carry it, else with all tensors as bytes behind it."""
    path = infer_path(target)
    if not any(datatype in _HALF for _, _, datatype in tensors):
        inputs = [
            {"name": n, "shape": s, "datatype": d, "data": [_zero(d)] * prod(s)}
            for n, s, d in tensors
        ]
        return posted(path, json.dumps({"inputs": inputs}, separators=(",", ":")).encode())
    sizes = [prod(shape) * _SIZES[datatype] for _, shape, datatype in tensors]
    described = [
        {"name": n, "shape": s, "datatype": d, "parameters": {"binary_data_size": size}}
        for (n, s, d), size in zip(tensors, sizes, strict=True)
    ]
    head = json.dumps({"inputs": described}, separators=(",", ":")).encode()
    length = ("Inference-Header-Content-Length", str(len(head)))
    binary = (("Content-Type", "application/octet-stream"), length)
    return posted(path, head + bytes(sum(sizes)), binary)


def _zero(datatype: str) -> bool | int | float:
    if datatype == "BOOL":
        return False
    return 0.0 if datatype.startswith("FP") else 0
