"""Attention within windows of a few snippets: the local transformer of VadCLIP's adapter (Wu et al., AAAI 2024)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from trclip_vad.branches import QuickGELU


class LocalBlock(nn.Module):
    """x + MHA(LN(x)) within windows, then x + FFN(LN(x)); at width 512 and hidden 2048: 3,152,384 parameters.

    Args:
        width: D.
        window: w, snippets; windows do not overlap.
        hidden: width of the feed-forward part.
        shift: snippets by which the windows' borders are moved; half a window lets neighbours meet that another
            block keeps apart.
        masked: padding is no key. Else it is attended to as if it were real.
        relative: a learned bias for each of the 2w - 1 distances.
    """

    def __init__(
        self, width: int, window: int, hidden: int, shift: int = 0, masked: bool = True, relative: bool = False
    ) -> None:
        super().__init__()
        self.window, self.shift, self.masked = window, shift, masked
        self.norm_attention, self.norm_ffn = nn.LayerNorm(width), nn.LayerNorm(width)
        self.read, self.write = nn.Linear(width, 3 * width), nn.Linear(width, width)
        nn.init.xavier_uniform_(self.read.weight)
        for layer in (self.read, self.write):
            nn.init.zeros_(layer.bias)
        self.ffn = nn.Sequential(nn.Linear(width, hidden), QuickGELU(), nn.Linear(hidden, width))
        self.distance = nn.Parameter(torch.zeros(2 * window - 1)) if relative else None

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """x (B, T, width), mask (B, T) bool."""
        x = x + self._attend(self.norm_attention(x), mask)
        return x + self.ffn(self.norm_ffn(x))

    def _attend(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """One head, computed window by window: the same as a (T, T) mask of blocks, for T w instead of T^2 work."""
        length = x.shape[1]
        behind = -(length + self.shift) % self.window
        keys = functional.pad(mask if self.masked else torch.ones_like(mask), (self.shift, behind))
        keys = keys.reshape(-1, 1, self.window)
        rows = functional.pad(self.read(x), (0, 0, self.shift, behind))
        query, key, value = rows.reshape(len(keys), self.window, -1).chunk(3, dim=2)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=self._bias(keys, x.dtype))
        mixed = mixed.reshape(len(x), -1, x.shape[2])[:, self.shift : self.shift + length]
        return self.write(mixed)

    def _bias(self, keys: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """(windows, w, w), added to the products; every snippet may see itself, so that no row is empty."""
        own = torch.eye(self.window, dtype=torch.bool, device=keys.device)
        bias = torch.zeros(self.window, self.window, dtype=dtype, device=keys.device)
        if self.distance is not None:
            at = torch.arange(self.window, device=keys.device)
            bias = self.distance[at[:, None] - at + self.window - 1]
        return torch.where(keys | own, bias, -torch.inf)


class Positions(nn.Module):
    """x + P, P a learned row for each of the first `length` snippets, N(0, 0.01^2) at the start."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(length, width).normal_(std=0.01))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x (B, T, width), T at most `length`."""
        return x + self.table[: x.shape[1]]
