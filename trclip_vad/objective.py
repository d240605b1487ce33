"""All terms of one step by name. Which are asked for, and how much each counts, is the config's to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from trclip_vad import losses
from trclip_vad.config import LossSettings

if TYPE_CHECKING:
    from trclip_vad.batch import Batch
    from trclip_vad.model import Outputs


def terms(
    settings: LossSettings,
    batch: Batch,
    found: Outputs,
    reworded: Outputs | None = None,
    uncaptioned: Outputs | None = None,
) -> dict[str, torch.Tensor]:
    """Name -> scalar, unweighted, of the terms whose weight is not 0.

    Args:
        found: for the batch.
        reworded: for the same videos in another version of their captions; for `consistency`.
        uncaptioned: for the same videos without captions; for `distillation`. They are judged by the labels too.
    """
    mask, target = batch.mask, batch.target
    bce = losses.mil_bce(found.logits.float(), mask, 1 - target[:, 0], settings.share)
    if uncaptioned is not None:
        bare = losses.mil_bce(uncaptioned.logits.float(), mask, 1 - target[:, 0], settings.share)
        bce = (bce + bare) / 2
    terms = {"mil_bce": bce}
    if found.aligned is not None and found.classes is not None:
        terms["mil_align"] = losses.mil_align(found.aligned.float(), mask, target, settings.share)
        terms["text_divergence"] = losses.text_divergence(found.classes.float())
    if reworded is not None:
        terms["consistency"] = losses.consistency(found.logits.float(), reworded.logits.float(), mask)
    if uncaptioned is not None:
        terms["distillation"] = losses.distillation(uncaptioned.logits.float(), found.logits.float(), mask)
    return {name: term for name, term in terms.items() if getattr(settings, name)}


def total(settings: LossSettings, terms: dict[str, torch.Tensor]) -> torch.Tensor:
    """The weighted sum, a scalar."""
    return torch.stack([getattr(settings, name) * term for name, term in terms.items()]).sum()
