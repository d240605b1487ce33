"""What training minimises. Multiple-instance learning: a video's label, spread over no snippet in particular."""

from __future__ import annotations

import torch
from torch.nn import functional

SHARE = 16  # k = T // 16 + 1, as published: the highest sixteenth of a video speaks for it


def top_k_mean(scores: torch.Tensor, mask: torch.Tensor, share: int = SHARE) -> torch.Tensor:
    """The mean of each video's k = T // share + 1 highest valid scores, T its own length.

    Args:
        scores: (B, T), any finite numbers.
        mask: (B, T) bool; every video has at least one real snippet.
        share: the higher, the fewer snippets speak for a video.

    Returns:
        (B,).
    """
    k = (mask.sum(dim=1) // share + 1).minimum(mask.sum(dim=1))
    ranked = scores.masked_fill(~mask, -torch.inf).sort(dim=1, descending=True).values
    chosen = torch.arange(scores.shape[1], device=scores.device)[None, :] < k[:, None]
    return ranked.masked_fill(~chosen, 0.0).sum(dim=1) / k


def mil_bce(logits: torch.Tensor, mask: torch.Tensor, abnormal: torch.Tensor, share: int = SHARE) -> torch.Tensor:
    """L_bce: binary cross entropy of the mean top-k score against the video's label, mean over the batch.

    Args:
        logits: (B, T) of the C-branch.
        mask: (B, T) bool.
        abnormal: (B,) in [0, 1], 1 - the label vector's normal entry.

    Returns:
        A scalar.
    """
    return functional.binary_cross_entropy(top_k_mean(torch.sigmoid(logits), mask, share), abnormal)


def mil_align(aligned: torch.Tensor, mask: torch.Tensor, target: torch.Tensor, share: int = SHARE) -> torch.Tensor:
    """L_nce: cross entropy of the classes, each spoken for by its own top-k snippets, mean over the batch.

    Args:
        aligned: (B, T, C) of the F-branch.
        mask: (B, T) bool.
        target: (B, C), rows sum to 1; several labels share it equally.

    Returns:
        A scalar.
    """
    classes = aligned.shape[2]
    rows = aligned.transpose(1, 2).flatten(0, 1)
    spoken = top_k_mean(rows, mask.repeat_interleave(classes, dim=0), share).view(-1, classes)
    return functional.cross_entropy(spoken, target)


def text_divergence(classes: torch.Tensor) -> torch.Tensor:
    """Mean |cos(w_normal, w_j)| over the abnormal classes j.

    Args:
        classes: w (C, F), index 0 normal, before any video colours them.

    Returns:
        A scalar. Published weight: 0.1 for UCF-Crime, 1e-4 for XD-Violence.
    """
    return functional.cosine_similarity(classes[:1], classes[1:]).abs().mean()


def consistency(one: torch.Tensor, other: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of the scores of the same videos under two wordings of their captions.

    Args:
        one, other: (B, T) logits.
        mask: (B, T) bool.

    Returns:
        A scalar: the mean over videos of the mean over a video's own snippets.
    """
    return _over_snippets((torch.sigmoid(one) - torch.sigmoid(other)).square(), mask)


def distillation(taught: torch.Tensor, teacher: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Cross entropy of the scores without captions against those with captions, which get no gradient from it.

    Args:
        taught, teacher: (B, T) logits without and with captions.
        mask: (B, T) bool.

    Returns:
        A scalar, as `consistency`.
    """
    wanted = torch.sigmoid(teacher).detach()
    return _over_snippets(functional.binary_cross_entropy_with_logits(taught, wanted, reduction="none"), mask)


def _over_snippets(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return (values.masked_fill(~mask, 0.0).sum(dim=1) / mask.sum(dim=1)).mean()
