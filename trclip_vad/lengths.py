"""Videos of any length for a detector of one: padded, cut into chunks, or averaged into bins and spread again."""

from __future__ import annotations

import torch
from torch.nn import functional

from trclip_vad.batch import Batch


def padded(batch: Batch, length: int) -> Batch:
    """A batch with zeros and false up to `length` snippets; 0, or a batch as long: as it is."""
    missing = length - batch.mask.shape[1]
    if missing <= 0:
        return batch
    wide = (0, 0, 0, missing)
    return Batch(
        text=None if batch.text is None else functional.pad(batch.text * batch.mask[..., None], wide),
        covered=None if batch.covered is None else functional.pad(batch.covered, (0, missing)),
        mask=functional.pad(batch.mask, (0, missing)),
        target=batch.target,
        visual=None if batch.visual is None else functional.pad(batch.visual * batch.mask[..., None], wide),
        names=batch.names,
    )


def chunked(video: Batch, length: int) -> Batch:
    """One video (B = 1) as a batch of chunks of `length` snippets, the last one padded.

    Published code adds a chunk of padding behind a video of a whole number of chunks; its scores are cut off again.
    """
    chunks = -(-video.mask.shape[1] // length)
    whole = padded(video, chunks * length)

    def cut(part: torch.Tensor | None) -> torch.Tensor | None:
        return None if part is None else part.reshape(chunks, length, *part.shape[2:])

    return Batch(
        text=cut(whole.text),
        covered=cut(whole.covered),
        mask=whole.mask.reshape(chunks, length),
        target=video.target.expand(chunks, -1),
        visual=cut(whole.visual),
    )


def binned(video: Batch, edges: torch.Tensor) -> Batch:
    """One video (B = 1), the snippets between neighbouring edges averaged; captions over the snippets they cover.

    Args:
        edges: (bins + 1,) rising, from 0 to T, as in grid.py.
    """
    sizes = edges.diff()
    bins = torch.repeat_interleave(torch.arange(len(sizes)), sizes).to(video.mask.device)

    def mean(rows: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        sums = rows.new_zeros(len(sizes), rows.shape[1]).index_add_(0, bins, rows * weights[:, None])
        return sums / rows.new_zeros(len(sizes)).index_add_(0, bins, weights).clamp(min=1)[:, None]

    text = covered = None
    if video.text is not None and video.covered is not None:
        share = video.covered[0].to(video.text.dtype)
        text = mean(video.text[0], share)[None]
        covered = torch.zeros(len(sizes), dtype=torch.bool, device=bins.device).index_put_(
            (bins[video.covered[0]],), torch.ones((), dtype=torch.bool, device=bins.device)
        )[None]
    visual = video.visual
    if visual is not None:
        visual = mean(visual[0], visual.new_ones(visual.shape[1]))[None]
    mask = video.mask.new_ones(1, len(sizes))
    return Batch(text=text, covered=covered, mask=mask, target=video.target, visual=visual, names=video.names)


def edges_of(snippets: int, bins: int) -> torch.Tensor:
    """(bins + 1,) integer edges that share the snippets evenly."""
    return torch.arange(bins + 1) * snippets // bins
