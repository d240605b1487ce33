"""The detector. Its parts are handed to it ready-made; `forward` reads like the figure."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from trclip_vad.batch import Batch
from trclip_vad.branches import CBranch, FBranch, TextBranch, VisualBranch
from trclip_vad.lengths import binned, chunked, edges_of, padded
from trclip_vad.prior import ClassPrior


@dataclass(slots=True)
class Outputs:
    """What a forward pass gives. All of it is meaningless on padding.

    Attributes:
        logits: (B, T) of the C-branch.
        aligned: (B, T, C) alignment map of the F-branch; a snippet's classes are its softmax. None without F-branch.
        classes: (C, F) class features before a video colours them; None without F-branch.
        judged: (B, T), the anomaly score is their sigmoid. Of `infer` alone.
    """

    logits: torch.Tensor
    aligned: torch.Tensor | None = None
    classes: torch.Tensor | None = None
    judged: torch.Tensor | None = None

    def split(self, parts: int) -> list[Outputs]:
        """Of a batch that was joined of so many of one size, each one's own."""
        aligned = [None] * parts if self.aligned is None else self.aligned.chunk(parts)
        return [Outputs(*own, self.classes) for own in zip(self.logits.chunk(parts), aligned, strict=True)]


class Detector(nn.Module):
    """Frames and captions of a video -> an anomaly logit per snippet, and which class it looks like.

    Args:
        visual: of the frames' features; None: a detector of captions alone.
        text: of the captions; None: a detector of frames alone.
        fusion: (visual or None, text or None) -> (B, T, F).
        c_branch: is it an anomaly?
        f_branch: which one? None: not asked.
        names: called without arguments, (C, E) features of the class names; None without F-branch.
        bins: a longer video is judged in so many, each answering for its snippets; 0: snippet by snippet.
        prior: what captions say of the classes by themselves, heard when a video is judged; None: unheard.
        both: the score is the mean log odds of both branches; else it is the C-branch's alone, as published.
        length: every video is padded to so many snippets and longer ones are cut into chunks, as published; 0: no.
    """

    def __init__(
        self,
        visual: VisualBranch | None,
        text: TextBranch | None,
        fusion: nn.Module,
        c_branch: CBranch,
        f_branch: FBranch | None = None,
        names: nn.Module | None = None,
        length: int = 0,
        prior: ClassPrior | None = None,
        bins: int = 0,
        both: bool = False,
    ) -> None:
        super().__init__()
        self.visual, self.text, self.fusion = visual, text, fusion
        self.c_branch, self.f_branch, self.names = c_branch, f_branch, names
        self.length = length
        self.prior = prior
        self.bins = bins
        self.both = both

    def forward(self, batch: Batch, classes: bool = True) -> Outputs:
        """A batch through both branches, fusion, and both heads; without `classes` the F-branch is not asked."""
        snippets = batch.mask.shape[1]
        batch = padded(batch, self.length)
        seen = self.visual(batch.visual, batch.mask) if self.visual is not None else None
        said = self.text(batch.text, batch.covered, batch.mask) if self.text is not None else None
        fused = self.fusion(seen, said)
        logits = self.c_branch(fused)
        if self.f_branch is None or self.names is None or not classes:
            return Outputs(logits[:, :snippets])
        aligned, named = self.f_branch(fused, logits, self.names(), batch.mask)
        return Outputs(logits[:, :snippets], aligned[:, :snippets], named)

    @torch.no_grad()
    def infer(self, video: Batch, classes: bool = True) -> Outputs:
        """Outputs of one whole video (B = 1), prior included, in eval mode; the training mode is left as it was found.

        Where a length is set, the video is cut into chunks of it that know nothing of each other, as published.
        """
        training = self.training
        self.eval()
        try:
            logits, aligned, named = self._infer(video, classes or self.both)
        finally:
            self.train(training)
        judged = logits
        if self.both and aligned is not None:
            judged = (logits + log_odds(aligned)) / 2
        if self.prior is not None and video.text is not None and video.covered is not None:
            odds, likeness = self.prior(video.text, video.covered)
            logits, judged = logits + odds, judged + odds
            aligned = None if aligned is None else aligned + likeness
        return Outputs(logits, aligned, named, judged)

    def _infer(self, video: Batch, classes: bool) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        """Logits (1, T), the alignment map (1, T, C), and the classes' features."""
        snippets = video.mask.shape[1]
        if self.bins and snippets > self.bins:
            edges = edges_of(snippets, self.bins)
            found, sizes = self(binned(video, edges), classes), edges.diff().to(video.mask.device)
            aligned = None if found.aligned is None else found.aligned.repeat_interleave(sizes, dim=1)
            return found.logits.repeat_interleave(sizes, dim=1), aligned, found.classes
        found = self(chunked(video, self.length) if self.length and snippets > self.length else video, classes)
        aligned = found.aligned
        if aligned is not None:
            aligned = aligned.reshape(1, -1, aligned.shape[2])[:, :snippets]
        return found.logits.reshape(1, -1)[:, :snippets], aligned, found.classes

    def scores(self, video: Batch) -> torch.Tensor:
        """Anomaly scores (T,) in [0, 1] of one whole video (B = 1)."""
        judged = self.infer(video, classes=False).judged
        assert judged is not None, "infer judges"
        return torch.sigmoid(judged[0])


def log_odds(aligned: torch.Tensor) -> torch.Tensor:
    """Of any anomaly against normal, (..., C) -> (...): log sum_{c > 0} exp(M_c) - M_0."""
    return aligned[..., 1:].logsumexp(dim=-1) - aligned[..., 0]
