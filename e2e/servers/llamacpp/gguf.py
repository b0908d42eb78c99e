"""Models for llama-server and Ollama: a GGUF file of any size, written here, with weights of noise.

The layout is that of GGUF 3 (ggml/docs/gguf.md): a header, key-value pairs, the tensors' names and
places, then their data, each at a multiple of 32 bytes; all little-endian. The model is a llama
with a byte-fallback vocabulary, so that it can say anything and means nothing.
"""

import array
import math
import random
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_ALIGNMENT = 32
_FLOAT32 = 0  # as the type of a tensor
_UINT, _INT, _FLOAT, _STRING, _ARRAY = 4, 5, 6, 8, 9  # as types of values
_NORMAL, _UNKNOWN, _CONTROL, _UNUSED, _BYTE = 1, 2, 3, 5, 6  # kinds of tokens
_SPREAD = 0.05  # of the weights: with much more, every token would be the same one
_LETTERS = "▁abcdefghijklmnopqrstuvwxyz.,!?'-0123456789"
_EPSILON = 1e-5

Value = int | float | str | Sequence[int] | Sequence[float] | Sequence[str]


@dataclass(frozen=True, slots=True)
class Shape:
    """The dimensions of a model; the defaults are those of TINY."""

    width: int = 64
    hidden: int = 128
    layers: int = 2
    heads: int = 2
    vocabulary: int = 320
    context: int = 512


TINY = Shape()
"""A file of 0.5 MB whose model answers at once."""


def write_model(path: Path, shape: Shape = TINY) -> Path:
    """Write a model of that shape, always the same bytes; returns the path."""
    tensors = list(_tensors(shape))
    with path.open("wb") as out:
        out.write(struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(pairs := _pairs(shape))))
        for key, value in pairs.items():
            out.write(_string(key) + _value(value))
        offset = 0
        for name, dimensions in tensors:
            out.write(_place(name, dimensions, offset))
            offset += _aligned(4 * math.prod(dimensions))
        out.write(bytes(-out.tell() % _ALIGNMENT))
        for name, dimensions in tensors:
            _write_data(out, name, math.prod(dimensions))
    return path


def _pairs(shape: Shape) -> dict[str, Value]:
    tokens, kinds = _vocabulary(shape.vocabulary)
    return {
        "general.architecture": "llama",
        "general.name": "tiny",
        "general.file_type": 0,
        "llama.context_length": shape.context,
        "llama.embedding_length": shape.width,
        "llama.block_count": shape.layers,
        "llama.feed_forward_length": shape.hidden,
        "llama.attention.head_count": shape.heads,
        "llama.attention.head_count_kv": shape.heads,
        "llama.attention.layer_norm_rms_epsilon": _EPSILON,
        "llama.rope.dimension_count": shape.width // shape.heads,
        "llama.vocab_size": shape.vocabulary,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": [-float(rank) for rank in range(len(tokens))],
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
    }


def _vocabulary(size: int) -> tuple[list[str], list[int]]:
    """Tokens and their kinds: three special ones, all bytes, some letters, and what fills up."""
    known = [
        *(("<unk>", _UNKNOWN), ("<s>", _CONTROL), ("</s>", _CONTROL)),
        *((f"<0x{byte:02X}>", _BYTE) for byte in range(256)),
        *((letter, _NORMAL) for letter in _LETTERS),
    ]
    known += [(f"<pad{rank}>", _UNUSED) for rank in range(len(known), size)]
    return [token for token, _ in known], [kind for _, kind in known]


def _tensors(shape: Shape) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and dimensions, the one that lies together first."""
    width, hidden = shape.width, shape.hidden
    yield "token_embd.weight", (width, shape.vocabulary)
    yield "output_norm.weight", (width,)
    yield "output.weight", (width, shape.vocabulary)
    for layer in range(shape.layers):
        block = f"blk.{layer}"
        for norm in ("attn_norm", "ffn_norm"):
            yield f"{block}.{norm}.weight", (width,)
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield f"{block}.{part}.weight", (width, width)
        yield f"{block}.ffn_gate.weight", (width, hidden)
        yield f"{block}.ffn_up.weight", (width, hidden)
        yield f"{block}.ffn_down.weight", (hidden, width)


def _write_data(out: BinaryIO, name: str, count: int) -> None:
    if "norm" in name:
        block = array.array("f", [1.0])
    else:  # the noise repeats: it costs time to make, and the model means nothing anyway
        noise = random.Random(name)  # noqa: S311 - weights, no secrets
        block = array.array("f", (noise.gauss(0, _SPREAD) for _ in range(min(count, 4096))))
    data = block.tobytes()
    whole, rest = divmod(4 * count, len(data))
    out.writelines(data for _ in range(whole))
    out.write(data[:rest] + bytes(_aligned(4 * count) - 4 * count))


def _place(name: str, dimensions: Sequence[int], offset: int) -> bytes:
    sizes = struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions)
    return _string(name) + sizes + struct.pack("<IQ", _FLOAT32, offset)


def _value(value: Value) -> bytes:
    if isinstance(value, str | int | float):
        return struct.pack("<I", _type(value)) + _scalar(value)
    kind = _INT if isinstance(value[0], int) else _type(value[0])
    head = struct.pack("<IIQ", _ARRAY, kind, len(value))
    return head + b"".join(map(_scalar, value))


def _type(value: float | str) -> int:
    if isinstance(value, str):
        return _STRING
    return _UINT if isinstance(value, int) else _FLOAT


def _scalar(value: float | str) -> bytes:
    if isinstance(value, str):
        return _string(value)
    return struct.pack("<I" if isinstance(value, int) else "<f", value)


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _aligned(size: int) -> int:
    return size + -size % _ALIGNMENT
