"""What a caption says of the classes by itself, before anything was learned: zero-shot classification by class texts.

s_c = v . e_c / temperature, v the caption's unit vector (of several captions their mean), e_c a class's.
The log odds of an anomaly: log sum_{c > 0} exp(s_c) - s_0 - log(C - 1).

The odds are added to what the branches learned when a video is judged, and s to the F-branch's map; not while training,
where the C-branch would learn to undo them. Multiple-instance learning knows which videos are anomalous, and hardly
where in them; the words of a caption know the second. Between two captions s goes over from one's to the other's:
people are silent both where nothing happens and while the same goes on, so that silence itself says nothing.
"""

from __future__ import annotations

import math

import torch
from torch import nn


class ClassPrior(nn.Module):
    """Nothing in it learns.

    Args:
        vectors: (C, E) of unit length, of the encoder that made the captions' vectors; row 0 is normal.
        weight: of the prior beside what was learned.
        temperature: the lower, the surer.
    """

    vectors: torch.Tensor

    def __init__(self, vectors: torch.Tensor, weight: float, temperature: float) -> None:
        super().__init__()
        self.register_buffer("vectors", vectors)
        self.weight, self.temperature = weight, temperature

    def forward(self, text: torch.Tensor, covered: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Weighted log odds (B, T) and s (B, T, C) of captions (B, T, E).

        Where no caption covers a snippet, s is that of the nearest ones on both sides, by their distance in time. Of a
        video of which nothing is said at all nothing is held: zeros.
        """
        s = between(text @ self.vectors.T / self.temperature, covered)
        odds = s[..., 1:].logsumexp(dim=2) - s[..., 0] - math.log(len(self.vectors) - 1)
        weight = self.weight * covered.any(dim=1, keepdim=True)
        return weight * odds, weight[..., None] * s


def between(rows: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Rows (B, T, C); those not `known` (B, T) are drawn linearly between their known neighbours, and beyond the
    outermost known one they are as it is. Of a video without known rows nothing is promised but numbers."""
    length = known.shape[1]
    at = torch.arange(length, device=rows.device).expand_as(known)
    before = torch.where(known, at, -1).cummax(dim=1).values
    after = torch.where(known, at, length).flip(1).cummin(dim=1).values.flip(1)
    left = torch.where(before < 0, after, before).clamp(max=length - 1)
    right = torch.where(after == length, before, after).clamp(min=0)
    share = (at - left) / (right - left).clamp(min=1)

    def taken(index: torch.Tensor) -> torch.Tensor:
        return rows.gather(1, index[..., None].expand(-1, -1, rows.shape[2]))

    return torch.lerp(taken(left), taken(right), share[..., None].to(rows.dtype))
