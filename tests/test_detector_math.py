"""The detector's mathematics: padding is nothing, videos are apart, losses are what the paper says."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from trclip_vad.assembly import Widths, build
from trclip_vad.batch import Batch
from trclip_vad.config import ModelSettings
from trclip_vad.losses import mil_bce, top_k_mean
from trclip_vad.model import Detector
from trclip_vad.mtn import MTN
from trclip_vad.temporal import TEMPORAL

E = 16


def batch(lengths: tuple[int, ...] = (5, 20, 33), pad: int = 0) -> Batch:
    """Random videos; padding holds rubbish, so that a leak shows."""
    torch.manual_seed(0)
    rows = [torch.randn(length, E) for length in lengths]
    wide = max(lengths) + pad
    found = Batch(
        text=torch.full((len(lengths), wide, E), 1e3),
        covered=torch.ones(len(lengths), wide, dtype=torch.bool),
        mask=torch.zeros(len(lengths), wide, dtype=torch.bool),
        target=torch.zeros(len(lengths), 2),
    )
    for index, row in enumerate(rows):
        found.text[index, : len(row)] = row
        found.mask[index, : len(row)] = True
        found.covered[index, ::3] = False
    return found


def alone_of(found: Batch) -> Batch:
    """The first video without its padding."""
    real = int(found.mask[0].sum())
    first = slice(0, 1), slice(0, real)
    return Batch(found.text[first], found.covered[first], found.mask[first], found.target[:1])


def detector(training: bool = False, **settings: object) -> Detector:
    torch.manual_seed(1)
    made = build(ModelSettings(dropout=0.0, **settings), Widths(text=E))  # type: ignore[arg-type]
    for module in made.modules():  # the non-local block is the identity until trained: give it something to say
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.normal_(module.weight, 1.0, 0.1)
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return made.train(training)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("temporal", sorted(TEMPORAL))
def test_padding_changes_no_score(temporal: str, training: bool) -> None:
    short, long = batch(), batch(pad=40)
    plain = detector(training, temporal=temporal)(short).logits
    padded = detector(training, temporal=temporal)(long).logits[:, : plain.shape[1]]
    torch.testing.assert_close(plain[short.mask], padded[short.mask], atol=1e-5, rtol=0)


def test_the_order_of_videos_changes_nothing() -> None:
    found = batch()
    turned = Batch(found.text.flip(0), found.covered.flip(0), found.mask.flip(0), found.target.flip(0))
    one, other = detector()(found).logits, detector()(turned).logits.flip(0)
    torch.testing.assert_close(one[found.mask], other[found.mask], atol=1e-5, rtol=0)


def test_a_video_alone_scores_as_in_a_batch() -> None:
    found, made = batch(), detector()
    alone = made.scores(alone_of(found))
    torch.testing.assert_close(alone, torch.sigmoid(made(found).logits[0, :5]), atol=1e-5, rtol=0)


def test_scoring_leaves_the_training_mode_as_it_was() -> None:
    found, made = batch(), detector(training=True)
    made.scores(alone_of(found))
    assert made.training


def test_what_stands_in_an_uncovered_snippet_does_not_matter() -> None:
    found, made = batch(), detector()
    before = made(found).logits
    found.text[~found.covered] = 7.0
    torch.testing.assert_close(before[found.mask], made(found).logits[found.mask])


def test_the_null_is_learned() -> None:
    found, made = batch(), detector(training=True)
    mil_bce(made(found).logits, found.mask, torch.tensor([1.0, 0.0, 1.0])).backward()
    assert made.text.null.grad is not None
    assert made.text.null.grad.abs().sum() > 0


def test_silence_begins_as_long_as_a_caption_of_unit_length_is_after_scaling() -> None:
    text = detector().text
    assert text is not None
    assert float(text.null.detach().norm()) == pytest.approx(text.scale)


def test_a_temporal_module_keeps_its_shape() -> None:
    for plug in TEMPORAL.values():
        assert plug().build(E)(batch().text, batch().mask).shape == batch().text.shape


def test_the_multi_scale_network_has_the_published_size() -> None:
    assert sum(p.numel() for p in MTN(768).parameters()) == 3_321_888


def test_the_multi_scale_network_looks_beyond_its_neighbours() -> None:
    torch.manual_seed(0)
    network = MTN(E).eval()
    torch.nn.init.ones_(network.everywhere.norm.weight)
    x, mask = torch.randn(1, 40, E), torch.ones(1, 40, dtype=torch.bool)
    before = network(x, mask)
    x[0, 39] += 1
    assert (network(x, mask)[0, 0] - before[0, 0]).abs().max() > 0


def test_top_k_takes_a_sixteenth_and_one_of_each_videos_own_length() -> None:
    scores = torch.arange(40.0).repeat(2, 1)
    mask = torch.arange(40)[None] < torch.tensor([[40], [15]])
    expected = torch.tensor([(39 + 38 + 37) / 3, 14.0])  # 40 // 16 + 1 = 3, 15 // 16 + 1 = 1
    torch.testing.assert_close(top_k_mean(scores, mask), expected)


def test_mil_bce_is_the_cross_entropy_of_the_top_k_score() -> None:
    logits, mask = torch.tensor([[2.0, -1.0, 9.0], [0.5, 0.1, 9.0]]), torch.tensor([[1, 1, 0], [1, 1, 0]]).bool()
    by_hand = functional.binary_cross_entropy(torch.sigmoid(torch.tensor([2.0, 0.5])), torch.tensor([1.0, 0.0]))
    torch.testing.assert_close(mil_bce(logits, mask, torch.tensor([1.0, 0.0])), by_hand)
