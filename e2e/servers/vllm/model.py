"""A model of some kilobytes for vLLM: what transformers reads, written here, without any weights.

A llama of two layers, and a tokenizer whose tokens are the bytes. Served with
`--load-format dummy`, which makes the weights up.
"""

import json
from pathlib import Path

_SPECIAL = ("<s>", "</s>", "<pad>")
_VOCABULARY = 512  # vLLM wants a multiple of 64


def write_model(folder: Path) -> Path:
    """Write the model's folder; returns it."""
    folder.mkdir(parents=True)
    for name, content in (
        ("config.json", _CONFIG),
        ("generation_config.json", {"bos_token_id": 0, "eos_token_id": 1}),
        ("tokenizer.json", _tokenizer()),
        ("tokenizer_config.json", _TOKENIZER_CONFIG),
    ):
        (folder / name).write_text(json.dumps(content))
    return folder


_CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": _VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "rms_norm_eps": 1e-5,
    "torch_dtype": "bfloat16",
}
_TOKENIZER_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "bos_token": _SPECIAL[0],
    "eos_token": _SPECIAL[1],
    "pad_token": _SPECIAL[2],
    "model_max_length": 2048,
}


def _tokenizer() -> dict[str, object]:
    """In the format of the tokenizers library: byte-level BPE that merges nothing."""
    bytes_as_letters = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    letters = [*_SPECIAL, *_letters()]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": rank, "content": text, "special": True, "normalized": False}
            | dict.fromkeys(("single_word", "lstrip", "rstrip"), False)
            for rank, text in enumerate(_SPECIAL)
        ],
        "normalizer": None,
        "pre_tokenizer": {**bytes_as_letters, "use_regex": True},
        "post_processor": None,
        "decoder": {**bytes_as_letters, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {text: rank for rank, text in enumerate(letters)},
            "merges": [],
        },
    }


def _letters() -> list[str]:
    """A letter for each byte: itself if it can be printed, else one from U+0100 on."""
    printed = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printed else next(others)) for byte in range(256)]
