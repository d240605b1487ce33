"""Videos of any length: bins are those of the training grid, and every snippet gets an answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from trclip_vad.assembly import Widths, build
from trclip_vad.batch import Batch
from trclip_vad.config import ModelSettings
from trclip_vad.grid import grid, pooled, spread
from trclip_vad.lengths import binned, edges_of


def video(snippets: int) -> Batch:
    torch.manual_seed(0)
    covered = torch.arange(snippets)[None] % 5 < 3
    mask = torch.ones(1, snippets, dtype=torch.bool)
    text = torch.randn(1, snippets, 16) * covered[..., None]
    return Batch(text, covered, mask, torch.zeros(1, 1), torch.randn(1, snippets, 8))


@pytest.mark.parametrize("snippets", [33, 64, 257])
def test_a_bin_is_what_training_would_have_read(snippets: int) -> None:
    whole, edges = video(snippets), edges_of(snippets, 32)
    assert edges.tolist() == np.linspace(0, snippets, 33).astype(int).tolist()
    found = binned(whole, edges)
    spans = [(t, t + 1) for t in range(snippets) if whole.covered[0, t]]
    text, covered = spread(grid(spans, snippets, 32), whole.text[0][whole.covered[0]].numpy())
    np.testing.assert_allclose(found.text[0].numpy(), text, atol=1e-6)
    assert found.covered[0].tolist() == covered.tolist()
    np.testing.assert_allclose(found.visual[0].numpy(), pooled(whole.visual[0].numpy(), 32), atol=1e-6)


def test_every_snippet_of_a_bin_has_its_score_and_a_short_video_is_left_as_it_is() -> None:
    torch.manual_seed(0)
    coarse = build(ModelSettings(bins=10, dropout=0.0), Widths(visual=8, text=16))
    long, short = coarse.infer(video(57)), coarse.infer(video(9))
    assert long.logits.shape == (1, 57)
    sizes = edges_of(57, 10).diff().tolist()
    for part in long.logits[0].split(sizes):
        assert (part == part[0]).all()
    coarse.bins = 0
    torch.testing.assert_close(coarse.infer(video(9)).logits, short.logits)
