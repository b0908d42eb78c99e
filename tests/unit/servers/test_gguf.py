"""Model files that the suite writes: what a reader of the format finds in them."""

import struct
from pathlib import Path

from e2e.servers.llamacpp.gguf import TINY, Shape, write_model

KEYS, TENSORS_OF_A_LAYER, TENSORS_BESIDE = 19, 9, 3


def test_a_file_begins_with_what_is_in_it(tmp_path: Path) -> None:
    data = write_model(tmp_path / "tiny.gguf").read_bytes()
    tensors = TENSORS_OF_A_LAYER * TINY.layers + TENSORS_BESIDE
    assert struct.unpack_from("<4sIQQ", data) == (b"GGUF", 3, tensors, KEYS)


def test_the_same_shape_gives_the_same_bytes(tmp_path: Path) -> None:
    one, other = write_model(tmp_path / "one"), write_model(tmp_path / "other")
    assert one.read_bytes() == other.read_bytes()


def test_the_shape_decides_the_size(tmp_path: Path) -> None:
    small = write_model(tmp_path / "small").stat().st_size
    wide = Shape(width=2 * TINY.width)
    added = write_model(tmp_path / "wide", wide).stat().st_size - small
    per_layer = 4 * (2 * TINY.width) ** 2 - 4 * TINY.width**2 + 3 * TINY.width * TINY.hidden
    norms = TINY.width * (2 * TINY.layers + 1)
    tables = 2 * TINY.width * TINY.vocabulary
    assert added == 4 * (per_layer * TINY.layers + norms + tables)
