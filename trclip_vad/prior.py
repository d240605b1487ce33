"""What a caption says of the classes by itself, before anything was learned: zero-shot classification by class texts.

s_c = v . e_c / temperature, v the caption's unit vector (of several captions their mean), e_c a class's.
The log odds of an anomaly: log sum_{c > 0} exp(s_c) - s_0 - log(C - 1).

The odds are added to what the C-branch learned when a video is judged, and s to the F-branch's map; not while training,
where the C-branch would learn to undo them. Multiple-instance learning knows which videos are anomalous, and hardly
where in them; the words of a caption know the second.
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

        Where no caption covers a snippet it is read as if the normal class's own text stood there. Of a video of which
        nothing is said at all nothing is held: zeros.
        """
        told = torch.where(covered[..., None], text, self.vectors[0])
        s = told @ self.vectors.T / self.temperature
        odds = s[..., 1:].logsumexp(dim=2) - s[..., 0] - math.log(len(self.vectors) - 1)
        weight = self.weight * covered.any(dim=1, keepdim=True)
        return weight * odds, weight[..., None] * s
