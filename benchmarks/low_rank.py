"""The upper layers of a DeBERTa-v2 classifier that came as an ONNX file, with thin factors that can be trained.

The int8 file holds all that PyTorch needs: each weight is an integer less a zero point, times a scale. What is trained
are the factors beside the linear layers (LoRA, arXiv:2106.09685; of the attention's values and output, the two layers
behind it, the pooler and the classifier), and the biases and normalisations of those layers. The layers below stay as
they are, so that they are run once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

CUT = 8  # layers that stay as they are, of twelve
RANK = 8
SCALE = 2.0
_TOGETHER = 64  # sequences through the lower layers at a time


class LowRank(nn.Module):
    """A linear layer and thin factors beside it; at first they add nothing."""

    def __init__(self, linear: nn.Linear, rank: int) -> None:
        super().__init__()
        self.lin = linear
        self.lin.bias.requires_grad_(True)
        self.a = nn.Parameter(torch.randn(rank, linear.in_features) / linear.in_features**0.5)
        self.b = nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        return self.lin(x) + SCALE * functional.linear(functional.linear(x, self.a), self.b)


class Upper(nn.Module):
    """From what layer `CUT` reads to the logits of both classes."""

    def __init__(self, model: Any, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        self.below = [model.deberta.encoder]  # in a list: none of its weights belong to this module
        self.relative = nn.Parameter(model.deberta.encoder.get_rel_embedding().detach(), requires_grad=False)
        self.layers, self.pooler = model.deberta.encoder.layer[CUT:], model.pooler
        for layer in self.layers:
            for owner, name in _linears(layer):
                setattr(owner, name, LowRank(getattr(owner, name), RANK))
            for norm in (layer.attention.output.LayerNorm, layer.output.LayerNorm):
                norm.requires_grad_(True)
        self.pooler.dense = LowRank(self.pooler.dense, RANK)
        self.classifier = LowRank(model.classifier, model.config.num_labels)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(n, tokens, width), (n, tokens) -> (n, classes) logits."""
        attended, places = self.below[0].get_attention_mask(mask), self.below[0].get_rel_pos(x)
        for layer in self.layers:
            x = _first(layer(x, attended, query_states=None, relative_pos=places, rel_embeddings=self.relative))
        return self.classifier(functional.gelu(self.pooler.dense(x[:, 0])))

    def tensors(self, names: Mapping[str, str]) -> dict[str, np.ndarray]:
        """What was trained, as an adapter's file holds it; `names` are of linear weights in the graph."""
        from rewrite.adapter import DOWN, UP

        found: dict[str, np.ndarray] = {}
        top = {"classifier": self.classifier, "pooler.dense": self.pooler.dense}
        for number, layer in enumerate(self.layers, CUT):
            where = f"deberta.encoder.layer.{number}."
            top |= {where + name: module for name, module in layer.named_modules() if isinstance(module, LowRank)}
            for name in ("attention.output.LayerNorm", "output.LayerNorm"):
                norm = layer.get_submodule(name)
                found |= {f"m.{where}{name}.weight": _array(norm.weight), f"m.{where}{name}.bias": _array(norm.bias)}
        for name, module in top.items():
            found[names[name] + DOWN] = _array(module.a.T).astype(np.float16)
            found[names[name] + UP] = _array(SCALE * module.b.T).astype(np.float16)
            found[f"m.{name}.bias"] = _array(module.lin.bias)
        return found


def classifier(vocabulary: int, *, width: int, layers: int, heads: int, inner: int) -> Any:
    """A DeBERTa-v2 classifier of two classes as version 3 of the published models is built, its weights by chance."""
    from transformers import DebertaV2Config, DebertaV2ForSequenceClassification

    config = DebertaV2Config(
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=inner,
        relative_attention=True,
        position_buckets=256,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        pos_att_type=["p2c", "c2p"],
        position_biased_input=False,
        type_vocab_size=0,
        pooler_hidden_size=width,
    )
    return DebertaV2ForSequenceClassification(config).eval()


def rebuilt(file: Path) -> tuple[Any, dict[str, str]]:
    """The model in an int8 ONNX file, in floats, and the names that its linear weights have in the graph."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(file)).graph
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}

    def floats(name: str) -> np.ndarray:
        integers, zero = (held[name + end].astype(np.float32) for end in ("_quantized", "_zero_point"))
        return (integers - zero) * held[name + "_scale"]

    words = "deberta.embeddings.word_embeddings.weight"
    weights = {name[2:]: tensor for name, tensor in held.items() if re.search(r"^m\..*\.(weight|bias)$", name)}
    weights[words] = floats(f"m.{words}")
    names = {}
    for node in graph.node:
        if node.op_type == "MatMulInteger":
            layer = re.sub(r"\.(MatMul|Gemm_MatMul)_quant$", "", node.name.strip("/").replace("/", ".")[2:])
            names[layer] = node.input[1].removesuffix("_quantized")
            weights[f"{layer}.weight"] = floats(names[layer]).T
    model = classifier(len(weights[words]), width=384, layers=12, heads=6, inner=1536)
    model.load_state_dict({name: torch.from_numpy(np.array(tensor)) for name, tensor in weights.items()})
    return model, names


@torch.inference_mode()
def through_lower_layers(
    model: Any, sequences: Sequence[list[int]], advance: Callable[[int], None] = lambda done: None
) -> list[Tensor]:
    """What layer `CUT` reads of each sequence of token ids: (tokens, width) bfloat16. `advance` hears of those done."""
    encoder = model.deberta.encoder
    relative = encoder.get_rel_embedding()
    found: list[Any] = [None] * len(sequences)
    order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
    for begin in range(0, len(order), _TOGETHER):
        some = order[begin : begin + _TOGETHER]
        ids, mask = padded([torch.tensor(sequences[i]) for i in some])
        x = model.deberta.embeddings(input_ids=ids, mask=mask)
        attended, places = encoder.get_attention_mask(mask), encoder.get_rel_pos(x)
        for layer in encoder.layer[:CUT]:
            x = _first(layer(x, attended, query_states=None, relative_pos=places, rel_embeddings=relative))
        for row, i in zip(x, some, strict=True):
            found[i] = row[: len(sequences[i])].bfloat16().clone()
        advance(len(some))
    return found


def padded(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Rows of several lengths as one tensor, and the mask of what is none of them."""
    mask = nn.utils.rnn.pad_sequence([torch.ones(len(row)) for row in rows], batch_first=True)
    return nn.utils.rnn.pad_sequence(list(rows), batch_first=True), mask


def _linears(layer: Any) -> Iterator[tuple[Any, str]]:
    yield layer.attention.self, "value_proj"
    yield layer.attention.output, "dense"
    yield layer.intermediate, "dense"
    yield layer.output, "dense"


def _first(given: Any) -> Tensor:
    return given[0] if isinstance(given, tuple) else given


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().float().contiguous().numpy()
