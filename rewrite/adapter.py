"""An adapter: what a model of inference learned of captions, as few numbers that are added to its own.

A linear layer W of the model becomes W + down @ up, two thin factors (LoRA, Hu et al. 2021, arXiv:2106.09685); biases
and the weights of normalisations are given anew (BitFit, Ben Zaken et al. 2021, arXiv:2106.10199). So a model whose own
weights are of eight bits can learn too: they stay as they are. A file of some hundred kB; benchmarks/adapt.py fits one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rewrite.errors import ModelError
from rewrite.manifest import digest, digest_file

if TYPE_CHECKING:
    import numpy as np
    from onnx import GraphProto, NodeProto

_FOLDER = Path(__file__).resolve().parent / "adapters"  # those that the library ships
DOWN, UP = ".down", ".up"
LEARNED = "learned"  # the name of what it was fitted to, beside its weights
_LINEAR = ("Gemm", "MatMul", "MatMulInteger")  # what reads x first, then its weights
_QUANTISED = "_quantized"  # what onnxruntime adds to the name of weights that it made eight bits
_STILL_BARE = {"MatMulInteger": "Cast", "Cast": "Mul"}  # what follows, until a layer of eight bits gives floats
_CHARACTERS = 16  # of a digest, in hexadecimal: 64 bits


class Adapter(NamedTuple):
    """Read from a file.

    Attributes:
        of: digest of the model that it belongs to (`rewrite.weights.numbers_digest`).
        low_rank: by name of a linear layer's weights, (in, r) and (r, out) float32.
        anew: by name, tensors that take the place of the model's, float32.
        entailment: the class that means entailment once the model is adapted.
        learned: (n,) uint64, `mark` of the source of each pair that it was fitted to.
        digest: sha256 of the file.
    """

    of: str
    low_rank: Mapping[str, tuple[np.ndarray, np.ndarray]]
    anew: Mapping[str, np.ndarray]
    entailment: int
    learned: np.ndarray
    digest: str


def read_adapter(file: Path) -> Adapter:
    """The adapter in a .safetensors file.

    Raises:
        ModelError: it is not there, or is none.
    """
    return _read(file.absolute(), file.stat().st_mtime_ns if file.exists() else 0)


@lru_cache(maxsize=2)
def _read(file: Path, _stamp: int) -> Adapter:
    import numpy as np
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "np") as found:
            told = found.metadata() or {}
            of, entailment = told["of"], int(told["entailment"])
            held = {name: found.get_tensor(name) for name in found.keys()}  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise ModelError(file, f"is no adapter ({error!r})", "Give a file that benchmarks/adapt.py wrote.") from None
    learned = held.pop(LEARNED, np.zeros(0, np.uint64))
    floats = {name: tensor.astype(np.float32) for name, tensor in held.items()}
    layers = [name.removesuffix(DOWN) for name in floats if name.endswith(DOWN)]
    pairs = {name: (floats.pop(name + DOWN), floats.pop(name + UP, np.zeros((0, 0)))) for name in layers}
    fits = all(down.ndim == up.ndim == 2 and down.shape[1] == up.shape[0] for down, up in pairs.values())
    if not pairs or not fits:
        raise ModelError(file, "is no adapter of a model", "Give a file that benchmarks/adapt.py wrote.")
    return Adapter(of, pairs, floats, entailment, learned, digest_file(file))


@lru_cache(maxsize=8)
def shipped_adapter(model: str) -> Path | None:
    """The file of the library's own adapter for the model of this digest; None where it has none."""
    return next((file for file in sorted(_FOLDER.glob("*.safetensors")) if read_adapter(file).of == model), None)


def mark(caption: str) -> int:
    """64 bits of a caption's digest: what an adapter keeps of the pairs that it was fitted to, for their sources."""
    return int(digest(caption)[:_CHARACTERS], 16)


def learned_of(adapter: Adapter, sources: Sequence[str]) -> int:
    """How many of these it has met as sources: of their rewrites it speaks bolder than of others."""
    known = set(adapter.learned.tolist())
    return sum(mark(source) in known for source in sources)


def adapt(graph: GraphProto, adapter: Adapter) -> None:
    """Writes an adapter into the graph of an ONNX model.

    Raises:
        ValueError: the graph has no such layer, or no such tensor.
    """
    from onnx import numpy_helper

    held = {tensor.name: tensor for tensor in graph.initializer}
    for name, tensor in adapter.anew.items():
        if name not in held or list(held[name].dims) != list(tensor.shape):
            raise ValueError(f"no tensor {name} of shape {tensor.shape}")
        held[name].CopyFrom(numpy_helper.from_array(tensor, name))
    makers = {name: node for node in graph.node for name in node.output}
    for name, factors in adapter.low_rank.items():
        _add_beside(graph, makers, name, factors)


def _add_beside(
    graph: GraphProto, makers: Mapping[str, NodeProto], name: str, factors: tuple[np.ndarray, np.ndarray]
) -> None:
    """Adds x @ down @ up to what a layer gives for x."""
    from onnx import helper, numpy_helper

    linear = next((node for node in graph.node if _weights_of(node) in (name, name + _QUANTISED)), None)
    if linear is None:
        raise ValueError(f"no linear layer {name}")
    reads = linear.input[0]
    rounded = makers.get(reads)
    x = rounded.input[0] if rounded is not None and rounded.op_type == "DynamicQuantizeLinear" else reads
    last = linear
    while linear.op_type == "MatMulInteger" and (after := _only_after(graph, last)) is not None:
        last = after
    given, bare = last.output[0], f"{name}.bare"
    last.output[0] = bare
    graph.initializer.extend(numpy_helper.from_array(f, name + end) for f, end in zip(factors, (DOWN, UP), strict=True))
    added = [
        helper.make_node("MatMul", [x, name + DOWN], [f"{name}.thin"]),
        helper.make_node("MatMul", [f"{name}.thin", name + UP], [f"{name}.added"]),
        helper.make_node("Add", [bare, f"{name}.added"], [given]),
    ]
    place = next(number for number, node in enumerate(graph.node) if node.output[:1] == [bare]) + 1
    for number, node in enumerate(added):  # where the nodes stand in the order of their work
        graph.node.insert(place + number, node)


def _weights_of(node: NodeProto) -> str:
    return node.input[1] if node.op_type in _LINEAR else ""


def _only_after(graph: GraphProto, node: NodeProto) -> NodeProto | None:
    """What makes floats of eight-bit numbers, and scales them, right behind a node."""
    readers = [one for one in graph.node if node.output[0] in one.input]
    wanted = _STILL_BARE.get(node.op_type)
    return readers[0] if len(readers) == 1 and readers[0].op_type == wanted else None
