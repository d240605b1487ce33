"""A toy of CLIP's shape: a small picture tower, a small text tower, one space. It knows one drawn street and no more.

Saved as a folder: weights.safetensors and config.json, which says "toy" and how a picture must be prepared.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rewrite.errors import ModelError
from rewrite.manifest import json_bytes, write_atomic

CONTEXT = 77  # CLIP BPE tokens, begin and end marks included
VOCABULARY = 49_408  # CLIP's
KIND = "toy image-text encoder"


@dataclass(frozen=True)
class TinyConfig:
    """Shape of the towers.

    Attributes:
        width, height: of a picture, pixels; pixels are scaled to [-1, 1].
        channels: of the first convolution; each of the next three doubles them.
        dim: E, width of the shared space and of the text tower.
        layers, heads: of the text tower.
    """

    width: int = 80
    height: int = 60
    channels: int = 16
    dim: int = 64
    layers: int = 1
    heads: int = 4


class TinyCLIP(nn.Module):
    """Pictures and texts as unit vectors of one space."""

    def __init__(self, config: TinyConfig = TinyConfig()) -> None:
        super().__init__()
        self.config = config
        widths = [3, *(config.channels * 2**n for n in range(4))]
        blocks = [
            nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1), nn.GroupNorm(4, b), nn.GELU())
            for a, b in pairwise(widths)
        ]
        # A street camera never moves: where something happens tells what happens, so places are not averaged away.
        self.picture = nn.Sequential(*blocks, nn.AdaptiveAvgPool2d((3, 5)), nn.Flatten())
        self.picture_out = nn.Linear(widths[-1] * 15, config.dim)
        self.words = nn.Embedding(VOCABULARY, config.dim)
        self.places = nn.Parameter(torch.randn(CONTEXT, config.dim) * 0.01)
        layer = nn.TransformerEncoderLayer(
            config.dim, config.heads, 2 * config.dim, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.text = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.text_out = nn.Linear(config.dim, config.dim)
        self.scale = nn.Parameter(torch.tensor(2.66))  # log of 1 / 0.07, CLIP's start

    def encode_pictures(self, pixels: Tensor) -> Tensor:
        """(B, 3, height, width) in [-1, 1] -> (B, E), unit length."""
        return F.normalize(self.picture_out(self.picture(pixels)), dim=-1)

    def encode_tokens(self, tokens: Tensor) -> Tensor:
        """(B, L) CLIP BPE ids, 0 where padded -> (B, E), unit length."""
        real = tokens != 0
        said = self.text(self.words(tokens) + self.places[: tokens.shape[1]], src_key_padding_mask=~real)
        mean = (said * real[..., None]).sum(1) / real.sum(1, keepdim=True)
        return F.normalize(self.text_out(mean), dim=-1)

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Texts -> (B, E), unit length. Words past CLIP's context are not read."""
        return self.encode_tokens(tokenize(texts))


def contrastive_loss(pictures: Tensor, texts: Tensor, scale: Tensor, same: Tensor) -> Tensor:
    """Symmetric InfoNCE.

    Args:
        pictures, texts: (B, E) unit vectors, a pair a row.
        same: (B, B) bool, pairs of one caption: off the diagonal they are no negatives of each other.
    """
    logits = scale.exp().clamp(max=100) * pictures @ texts.T
    logits = logits.masked_fill(same & ~torch.eye(len(same), dtype=torch.bool), float("-inf"))
    target = torch.arange(len(logits))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def tokenize(texts: Sequence[str]) -> Tensor:
    """(B, L) CLIP BPE ids with begin and end marks, padded with 0 to the longest, at most CONTEXT."""
    coded = [_ids(text) for text in texts]
    table = torch.zeros(len(coded), max(map(len, coded)), dtype=torch.long)
    for row, ids in zip(table, coded, strict=True):
        row[: len(ids)] = torch.tensor(ids)
    return table


def save(model: TinyCLIP, folder: Path, **about: Any) -> None:
    """Writes the encoder; config.json last, so its presence means that the folder is whole.

    Raises:
        StorageError: the disk refused.
    """
    from safetensors.torch import save as encoded

    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.detach().contiguous() for name, value in model.state_dict().items()}
    write_atomic(folder / "weights.safetensors", encoded(weights))
    config = {"kind": KIND, "note": "a toy: it knows one drawn street and no more", **about, **asdict(model.config)}
    write_atomic(folder / "config.json", json_bytes(config))


def load(folder: Path) -> TinyCLIP:
    """The encoder that `save` wrote, ready to encode.

    Raises:
        ModelError: it is missing, damaged, or something else.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load as decoded

    try:
        config = json.loads((folder / "config.json").read_bytes())
        if config.get("kind") != KIND:
            raise ModelError(folder, f"holds {config.get('kind')!r}, not a {KIND}", "Train one: examples.contrastive.")
        model = TinyCLIP(TinyConfig(**{name: config[name] for name in TinyConfig.__dataclass_fields__}))
        model.load_state_dict(decoded((folder / "weights.safetensors").read_bytes()))
    except (OSError, ValueError, KeyError, AttributeError, RuntimeError, SafetensorError) as error:
        raise ModelError(folder, f"holds no readable encoder ({error})", "Train one: examples.contrastive.") from None
    return model.eval()


@lru_cache(maxsize=100_000)
def _ids(text: str) -> tuple[int, ...]:
    inner = _tokenizer().encode(text)[: CONTEXT - 2]
    return (VOCABULARY - 2, *inner, VOCABULARY - 1)


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    from instant_clip_tokenizer import Tokenizer

    return Tokenizer()
