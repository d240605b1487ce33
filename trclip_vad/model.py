"""The detector. Its parts are handed to it ready-made; `forward` reads like the figure."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from rewrite.errors import SettingError
from rewrite.settings import pick
from trclip_vad.batch import Batch
from trclip_vad.branches import CBranch, TextBranch
from trclip_vad.config import ModelSettings
from trclip_vad.mtn import MTN
from trclip_vad.temporal import TEMPORAL


@dataclass(slots=True)
class Outputs:
    """What a forward pass gives.

    Attributes:
        logits: (B, T) of the C-branch; the anomaly score is their sigmoid. Meaningless on padding.
    """

    logits: torch.Tensor


class Detector(nn.Module):
    """Captions of a video -> an anomaly logit per snippet."""

    def __init__(self, text: TextBranch, c_branch: CBranch) -> None:
        super().__init__()
        self.text = text
        self.c_branch = c_branch

    def forward(self, batch: Batch) -> Outputs:
        """Text branch, then C-branch; with no visual features the text is all that is fused."""
        fused = self.text(batch.text, batch.covered, batch.mask)
        return Outputs(logits=self.c_branch(fused))

    @torch.no_grad()
    def scores(self, text: torch.Tensor, covered: torch.Tensor) -> torch.Tensor:
        """Anomaly scores of one whole video: text (T, E), covered (T,) bool -> (T,) in [0, 1].

        Leaves the training mode as it found it.
        """
        training = self.training
        self.eval()
        mask = torch.ones_like(covered)[None]
        target = text.new_zeros(1, 1)
        logits = self(Batch(text=text[None], covered=covered[None], mask=mask, target=target)).logits
        self.train(training)
        return torch.sigmoid(logits[0])


def build(settings: ModelSettings, width: int) -> Detector:
    """A detector with fresh weights for text features of this width, drawn from torch's generator.

    Raises:
        SettingError: no temporal module of that name, or a width that the multi-scale network cannot split.
    """
    if width % 8:
        raise SettingError(f"text width {width}", "is not a multiple of 8", "Embed with another encoder.")
    plug = pick(TEMPORAL, settings.temporal, "temporal module")
    temporal = getattr(settings, settings.temporal, plug()).build(width)
    branch = TextBranch(width, temporal, MTN(width), settings.dropout, settings.scale or width**0.5)
    return Detector(branch, CBranch(width, int(settings.ffn * width)))
