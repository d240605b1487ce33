"""What training minimises. Multiple-instance learning: a video's label, spread over no snippet in particular."""

from __future__ import annotations

import torch
from torch.nn import functional

SHARE = 16  # k = T // 16 + 1: the highest sixteenth of a video speaks for it


def top_k_mean(scores: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The mean of each video's k = T // 16 + 1 highest valid scores, T its own length.

    Args:
        scores: (B, T), any finite numbers.
        mask: (B, T) bool; every video has at least one real snippet.

    Returns:
        (B,).
    """
    k = mask.sum(dim=1) // SHARE + 1
    ranked = scores.masked_fill(~mask, -torch.inf).sort(dim=1, descending=True).values
    chosen = torch.arange(scores.shape[1], device=scores.device)[None, :] < k[:, None]
    return ranked.masked_fill(~chosen, 0.0).sum(dim=1) / k


def mil_bce(logits: torch.Tensor, mask: torch.Tensor, abnormal: torch.Tensor) -> torch.Tensor:
    """L_bce: binary cross entropy of the mean top-k score against the video's label, mean over the batch.

    Args:
        logits: (B, T) of the C-branch.
        mask: (B, T) bool.
        abnormal: (B,) in [0, 1], 1 - the label vector's normal entry.

    Returns:
        A scalar.
    """
    return functional.binary_cross_entropy(top_k_mean(torch.sigmoid(logits), mask), abnormal)
