"""The bars of the whole detector: frames, captions, fusion, both heads. Padding is nothing, and videos are apart."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from trclip_vad.assembly import Widths, build
from trclip_vad.batch import Batch
from trclip_vad.config import LossSettings, ModelSettings
from trclip_vad.model import Detector, Outputs, log_odds
from trclip_vad.objective import terms, total
from trclip_vad.prompts import FixedNames
from trclip_vad.temporal.lgm_mamba import LGMMamba

WIDTHS = Widths(visual=24, text=16, classes=8)
CLEAN = [("lgt", "concat"), ("lgm_mamba", "concat"), ("lgm_mamba", "projected"), ("identity", "concat")]


def videos(pad: int = 0) -> Batch:
    """Three videos of 1, 20 and 33 snippets; the padding holds rubbish, so that a leak shows."""
    given = torch.Generator().manual_seed(0)
    mask = torch.arange(33 + pad)[None] < torch.tensor([[1], [20], [33]])
    rows = [torch.randn(3, 33, width, generator=given) for width in (16, 24)]
    text, visual = (torch.where(mask[..., None], functional.pad(x, (0, 0, 0, pad)), 1e3) for x in rows)
    covered = torch.arange(33 + pad)[None].expand(3, -1) % 3 != 1
    return Batch(text, covered, mask, torch.eye(4)[[0, 2, 3]], visual, ("a", "b", "c"))


def made(temporal: str, fusion: str, training: bool = False, variant: str = "clean") -> Detector:
    """Without chance, and with every part saying something: no dropout, no norm and no fusion that begins at zero."""
    torch.manual_seed(1)
    settings = ModelSettings(variant=variant, temporal=temporal, fusion=fusion, lgm_mamba=LGMMamba(state=4))  # type: ignore[arg-type]
    detector = build(settings, WIDTHS, FixedNames(torch.randn(4, 8))).train(training)
    for part in detector.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
        if isinstance(part, nn.BatchNorm1d):
            nn.init.normal_(part.weight, 1.0, 0.1)
    for name, weight in detector.named_parameters():
        if name.endswith(("null", "fusion.project.weight")):
            nn.init.normal_(weight)
    return detector


def same(one: Outputs, other: Outputs, mask: torch.Tensor) -> None:
    """Scores to 1e-5, and the alignment map, which is fourteen times as large, in proportion."""
    torch.testing.assert_close(torch.sigmoid(one.logits[mask]), torch.sigmoid(other.logits[mask]), atol=1e-5, rtol=0)
    torch.testing.assert_close(one.aligned[mask], other.aligned[mask], atol=2e-4, rtol=0)
    torch.testing.assert_close(one.aligned[mask].softmax(1), other.aligned[mask].softmax(1), atol=1e-5, rtol=0)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("temporal", "fusion"), CLEAN)
def test_any_amount_of_padding_changes_no_score(temporal: str, fusion: str, training: bool) -> None:
    short = videos()
    plain = made(temporal, fusion, training)(short)
    for pad in (1, 7, 31, 223, 400):
        padded = made(temporal, fusion, training)(videos(pad))
        same(plain, Outputs(padded.logits[:, :33], padded.aligned[:, :33]), short.mask)


@pytest.mark.parametrize(("temporal", "fusion"), CLEAN)
def test_padding_changes_no_loss_and_no_gradient(temporal: str, fusion: str) -> None:
    found = []
    for pad in (0, 90):
        detector, batch = made(temporal, fusion, training=True), videos(pad)
        loss = total(LossSettings(), terms(LossSettings(), batch, detector(batch)))
        loss.backward()
        found.append((loss, {name: p.grad for name, p in detector.named_parameters()}))
    torch.testing.assert_close(found[0][0], found[1][0], atol=1e-5, rtol=0)
    for name, gradient in found[0][1].items():
        torch.testing.assert_close(gradient, found[1][1][name], atol=1e-4, rtol=1e-3, msg=name)


@pytest.mark.parametrize("variant", ["clean", "published"])
@pytest.mark.parametrize("temporal", ["lgt", "lgm_mamba"])
def test_the_order_of_videos_changes_nothing(temporal: str, variant: str) -> None:
    batch, order = videos(), [2, 0, 1]
    parts = {name: getattr(batch, name)[order] for name in ("text", "covered", "mask", "target", "visual")}
    for training in (False, variant == "clean"):  # published statistics are of padding above all, and round worse
        one = made(temporal, "concat", training, variant)(batch)
        other = made(temporal, "concat", training, variant)(Batch(**parts))
        same(Outputs(one.logits[order], one.aligned[order]), other, batch.mask[order])


@pytest.mark.parametrize(("temporal", "fusion"), CLEAN)
def test_a_video_alone_scores_as_in_company(temporal: str, fusion: str) -> None:
    batch, detector = videos(7), made(temporal, fusion)
    together = detector(batch)
    for row, length in enumerate((1, 20, 33)):
        own = {name: getattr(batch, name)[row : row + 1, :length] for name in ("text", "covered", "mask", "visual")}
        alone = detector.infer(Batch(**own, target=batch.target[:1]))
        every = torch.ones(1, length, dtype=torch.bool)
        same(Outputs(together.logits[row : row + 1, :length], together.aligned[row : row + 1, :length]), alone, every)


@pytest.mark.parametrize(("variant", "bins"), [("clean", 0), ("clean", 10), ("published", 0)])
@pytest.mark.parametrize("snippets", [1, 256, 300])
def test_both_branches_judge_a_video_of_any_length(variant: str, bins: int, snippets: int) -> None:
    detector = made("lgm_mamba", "concat", variant=variant)
    detector.both, detector.bins = True, bins
    rows = [torch.randn(1, snippets, width) for width in (16, 24)]
    told = torch.zeros(1, snippets, dtype=torch.bool)  # nothing is said of it at all
    found = detector.infer(Batch(rows[0] * 0, told, ~told, torch.zeros(1, 4), rows[1]), classes=False)
    assert found.judged.shape == (1, snippets)
    assert found.judged.isfinite().all()
    torch.testing.assert_close(found.judged, (found.logits + log_odds(found.aligned)) / 2)


def test_what_is_seen_or_said_at_t_changes_no_causal_output_before_it() -> None:
    torch.manual_seed(1)
    module = LGMMamba(variant="causal", state=4).build(24).eval()
    x, mask = torch.randn(2, 40, 24), torch.ones(2, 40, dtype=torch.bool)
    before = module(x, mask)
    for t in (1, 17, 39):
        changed = x.clone()
        changed[:, t] += 1
        after = module(changed, mask)
        assert torch.equal(before[:, :t], after[:, :t])
        assert not torch.allclose(before[:, t], after[:, t])
    causal = ModelSettings(temporal="lgm_mamba", lgm_mamba=LGMMamba(variant="causal", state=4))
    frames = build(causal, Widths(visual=24)).eval()
    batch = replace(videos(), text=None, covered=None)
    scores = frames(batch).logits
    batch.visual[2, 25:] += 1
    assert torch.equal(scores[2, :25], frames(batch).logits[2, :25])


def test_several_views_of_a_batch_in_one_pass_are_those_views() -> None:
    batch, detector = videos(), made("lgm_mamba", "concat")
    bare = batch.without_captions([True, False, True])
    both = detector(Batch.joined([batch, bare])).split(2)
    for one, view in zip(both, (batch, bare), strict=True):
        same(one, detector(view), batch.mask)
    assert Batch.joined([batch, bare]).names == ("a", "b", "c") * 2
    assert Batch.joined([replace(batch, text=None, covered=None)]).text is None
