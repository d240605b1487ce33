"""The branches of the detector: what the text becomes, and what the fused features say."""

from __future__ import annotations

import torch
from torch import nn


class QuickGELU(nn.Module):
    """x sigmoid(1.702 x), CLIP's."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(1.702 * x)


class TextBranch(nn.Module):
    """F_t = Dropout(MTN(temporal(c S))), a learned null standing in S where no caption covers the snippet.

    c scales the vectors: MTN adds its input to a batch-normalised sum, and beside that a vector of length 1 vanishes.
    """

    def __init__(self, width: int, temporal: nn.Module, multi_scale: nn.Module, dropout: float, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.null = nn.Parameter(torch.zeros(width))
        self.temporal = temporal
        self.multi_scale = multi_scale
        self.dropout = nn.Dropout(dropout)

    def forward(self, text: torch.Tensor, covered: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """text (B, T, E), covered and mask (B, T) bool -> (B, T, E), zero on padding."""
        x = torch.where(covered[..., None], self.scale * text, self.null) * mask[..., None]
        x = self.multi_scale(self.temporal(x, mask), mask)
        return self.dropout(x)


class CBranch(nn.Module):
    """s = w^T (F + FFN(F)) + b: one anomaly logit per snippet, each seen alone."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.ffn = nn.Sequential(nn.Linear(width, hidden), QuickGELU(), nn.Linear(hidden, width))
        self.classifier = nn.Linear(width, 1)

    def forward(self, fused: torch.Tensor) -> torch.Tensor:
        """(B, T, F) -> logits (B, T)."""
        return self.classifier(fused + self.ffn(fused))[..., 0]
