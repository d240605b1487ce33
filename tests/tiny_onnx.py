"""A tiny ONNX classifier, its bytes written by hand: a logit is the sum of the token ids times its class's number."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

LENGTH = 8  # tokens; fixed, so that shorter pairs are padded
WORDS = {"<unk>": 0, "a": 1, "man": 2, "<pad>": 3}


def write(folder: Path, weights: Sequence[float] = (0.125, -0.125), name: str = "input_ids") -> Path:
    """A folder of the model and its tokenizer, which pads by an id of its own."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(models.WordLevel(WORDS, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_padding(pad_id=WORDS["<pad>"], pad_token="<pad>")
    tokenizer.save(str(folder / "tokenizer.json"))
    table = struct.pack(f"<{LENGTH * len(weights)}f", *weights * LENGTH)
    to_float = _field(5, _field(1, b"to") + _field(3, 1) + _field(20, 2))
    cast = _field(1, name.encode()) + _field(2, b"x") + _field(4, b"Cast") + to_float
    product = _field(1, b"x") + _field(1, b"w") + _field(2, b"logits") + _field(4, b"MatMul")
    held = _field(1, LENGTH) + _field(1, len(weights)) + _field(2, 1) + _field(8, b"w") + _field(9, table)
    graph = _field(1, cast) + _field(1, product) + _field(2, b"tiny") + _field(5, held)
    graph += _field(11, _value(name, 7, (1, LENGTH))) + _field(12, _value("logits", 1, (1, len(weights))))
    (folder / "tiny.onnx").write_bytes(_field(1, 8) + _field(7, graph) + _field(8, _field(1, b"") + _field(2, 13)))
    return folder


def _value(name: str, kind: int, shape: tuple[int, int]) -> bytes:
    dims = b"".join(_field(1, _field(1, size)) for size in shape)
    return _field(1, name.encode()) + _field(2, _field(1, _field(1, kind) + _field(2, dims)))


def _field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    return bytes([value & 127 | 128]) + _varint(value >> 7) if value > 127 else bytes([value])
