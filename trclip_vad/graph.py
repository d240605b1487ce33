"""The graph part of VadCLIP's adapter: snippets joined to those they resemble, and to those near them in time."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from trclip_vad.branches import QuickGELU

THRESHOLD = 0.7  # cosine below which two snippets do not resemble each other

Below = Literal["smoothed", "sparse"]


def similarity(x: torch.Tensor, mask: torch.Tensor, below: Below) -> torch.Tensor:
    """A_sim (B, T, T): softmax of the cosines above THRESHOLD over a video's own snippets; 0 on padding.

    Args:
        x: (B, T, width).
        mask: (B, T) bool.
        below: "smoothed" sets a lower cosine to 0, which still weighs e^0: nearly uniform, as published. "sparse" gives
            it no weight.

    Mixed precision has no say here: it would move cosines over the threshold.
    """
    with torch.autocast(x.device.type, enabled=False):
        return _similarity(x, mask, below)


def _similarity(x: torch.Tensor, mask: torch.Tensor, below: Below) -> torch.Tensor:
    size = x.norm(dim=2, keepdim=True)
    cosine = (x @ x.transpose(1, 2)) / (size @ size.transpose(1, 2) + 1e-20)
    low = cosine <= THRESHOLD
    if below == "sparse":
        own = torch.eye(x.shape[1], dtype=torch.bool, device=x.device)
        cosine = cosine.masked_fill(low & ~own, -torch.inf)
    else:
        cosine = cosine.masked_fill(low, 0.0)
    pairs = mask[:, :, None] & mask[:, None, :]
    weights = functional.softmax(cosine.masked_fill(~mask[:, None, :], -torch.finfo(x.dtype).max), dim=2)
    return weights * pairs


def distance(length: int, like: torch.Tensor) -> torch.Tensor:
    """A_dis (T, T) = exp(-|i - j| / e), not normalised; on the device and in the dtype of `like`."""
    at = torch.arange(length, device=like.device, dtype=like.dtype)
    return torch.exp(-(at[:, None] - at).abs() / math.e)


class GraphLayer(nn.Module):
    """A x W + r(x), r the identity, or a convolution over 5 snippets where the widths differ."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(width, out)))
        self.residual = nn.Conv1d(width, out, 5, padding=2) if width != out else None

    def forward(self, x: torch.Tensor, adjacency: torch.Tensor) -> torch.Tensor:
        """x (B, T, width), adjacency (B, T, T) or (T, T)."""
        straight = x if self.residual is None else self.residual(x.transpose(1, 2)).transpose(1, 2)
        return adjacency @ (x @ self.weight) + straight


class GraphAdapter(nn.Module):
    """Two graphs of two layers each, side by side and mixed; at width 512: 1,704,448 + 262,656 parameters.

    H_1 = phi(G_1(X; A_sim)), Z_1 = phi(G_2(H_1; A_sim)); H_2, Z_2 the same with A_dis; Y = W_y [Z_1; Z_2] + b_y.

    Args:
        width: D, even.
        masked: padding is zero before each layer. Else A_dis and the convolutions read it.
        below: of `similarity`.
    """

    def __init__(self, width: int, masked: bool = True, below: Below = "sparse") -> None:
        super().__init__()
        half = width // 2
        self.masked, self.below = masked, below
        self.alike = nn.ModuleList([GraphLayer(width, half), GraphLayer(half, half)])
        self.near = nn.ModuleList([GraphLayer(width, half), GraphLayer(half, half)])
        self.phi = QuickGELU()
        self.mix = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """x (B, T, width), mask (B, T) bool."""
        alike = self._walk(x, mask, self.alike, similarity(x, mask, self.below))
        near = self._walk(x, mask, self.near, distance(x.shape[1], x))
        return self.mix(torch.cat([alike, near], dim=2))

    def _walk(
        self, x: torch.Tensor, mask: torch.Tensor, layers: nn.ModuleList, adjacency: torch.Tensor
    ) -> torch.Tensor:
        for layer in layers:
            x = self.phi(layer(x * mask[..., None] if self.masked else x, adjacency))
        return x
