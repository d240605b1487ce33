"""The temporal modules: published sizes and equations, and what `clean` and `causal` promise."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn import functional

from rewrite.errors import SettingError
from rewrite.settings import apply, describe, revive
from trclip_vad import quad as quads
from trclip_vad.config import ModelSettings
from trclip_vad.graph import distance, similarity
from trclip_vad.local import LocalBlock
from trclip_vad.mamba import Mamba
from trclip_vad.mtn import MTN
from trclip_vad.quad import QuadMamba
from trclip_vad.temporal.lgm_mamba import VARIANTS, LGMMamba
from trclip_vad.temporal.lgt import LGT

D = 16
CLEAN = [LGT(), LGMMamba(), LGMMamba(variant="causal"), LGMMamba(layers=3, window=5, state=3, scan="chunked")]
CLEAN += [LGMMamba(positions="none", shifted=False, similarity="smoothed", bidirectional=False)]


def videos(pad: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """(x, mask) of videos of 5, 20 and 40 snippets; the padding holds rubbish, so that a leak shows."""
    draw = torch.Generator().manual_seed(0)
    mask = torch.arange(40 + pad)[None] < torch.tensor([[5], [20], [40]])
    x = torch.randn(3, 40, D, generator=draw)
    return torch.where(mask[..., None], functional.pad(x, (0, 0, 0, pad)), 1e3), mask


def made(plug: LGT, training: bool = False) -> nn.Module:
    """The module without chance: no dropout, and a non-local block that says something."""
    torch.manual_seed(1)
    module = plug.build(D).train(training)
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
        if isinstance(part, nn.BatchNorm1d):
            nn.init.normal_(part.weight, 1.0, 0.1)
    return module


def size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def test_the_published_parts_have_the_published_sizes() -> None:
    inside = LGMMamba(variant="published").build(512).inside
    assert [size(block) for block in inside.adapter.blocks] == [3_152_384, 3_152_384]
    assert size(inside.adapter.graph.alike) + size(inside.adapter.graph.near) == 1_704_448
    assert size(inside.adapter.graph.mix) == 262_656
    assert size(inside.adapter.positions) == 131_072
    assert [size(m) for m in inside.quad.high] == [1_214_976, 1_214_976]
    assert [size(m) for m in inside.quad.low] == [402_688, 402_688]
    assert size(inside.quad) == 4_023_040
    assert size(inside.multi_scale) == 1_477_312


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("plug", CLEAN, ids=str)
def test_padding_changes_nothing(plug: LGT, training: bool) -> None:
    (short, mask), (long, wide) = videos(), videos(pad=33)
    plain, padded = made(plug, training)(short, mask), made(plug, training)(long, wide)[:, :40]
    torch.testing.assert_close(plain[mask], padded[mask], atol=1e-5, rtol=0)


@pytest.mark.parametrize("plug", [*CLEAN, LGMMamba(variant="published", state=4)], ids=str)
def test_the_order_of_videos_changes_nothing(plug: LGT) -> None:
    x, mask = videos()
    module = made(plug)
    one, other = module(x, mask), module(x.flip(0), mask.flip(0)).flip(0)
    torch.testing.assert_close(one[mask], other[mask], atol=1e-5, rtol=0)


@pytest.mark.parametrize("plug", CLEAN, ids=str)
def test_every_weight_learns(plug: LGT) -> None:
    x, mask = videos()
    module = made(plug, training=True)
    module(x, mask)[mask].square().sum().backward()
    silent = [name for name, p in module.named_parameters() if p.grad is None]
    assert not silent


def test_published_reads_its_padding_and_clean_does_not() -> None:
    x, mask = videos()
    x = x * mask[..., None]
    one = mask.clone()
    one[0] = torch.arange(40) < 30  # the same zeros, now called real
    for plug, same in ((LGT(variant="published", graph=False), True), (LGT(graph=False), False)):
        module = made(plug)
        assert torch.allclose(module(x, mask)[0, :5], module(x, one)[0, :5]) is same


def test_published_takes_no_more_than_its_length() -> None:
    module = made(LGT(variant="published"))
    with pytest.raises(SettingError, match="300 snippets: are more than the 256"):
        module(torch.zeros(1, 300, D), torch.ones(1, 300, dtype=torch.bool))


def test_causal_outputs_do_not_change_when_the_future_does() -> None:
    x = videos()[0][2:]
    mask = torch.ones(1, 40, dtype=torch.bool)
    for module in (made(LGMMamba(variant="causal")), made(LGMMamba(variant="causal", state=256))):
        before = module(x, mask)
        changed = x.clone()
        changed[:, 25] += 1
        after = module(changed, mask)
        torch.testing.assert_close(before[:, :25], after[:, :25], atol=0, rtol=0)
        assert not torch.allclose(before[:, 25:], after[:, 25:])


def test_both_directions_see_the_future_and_the_past() -> None:
    x = videos()[0][2:]
    quad = QuadMamba(D, 4, 0.0, bidirectional=True, scan="native").eval()
    before = quad(x)
    x[:, 20] += 1
    assert ((quad(x) - before).abs().amax(dim=2)[0] > 0).all()


@pytest.mark.parametrize("scan", ["native", "chunked", "reference"])
def test_a_stream_gives_what_the_whole_sequence_gives(scan: str) -> None:
    x = videos()[0][2:]
    quad = QuadMamba(D, 4, 0.0, bidirectional=False, scan=scan).eval()
    carried, rows = None, []
    for piece in (slice(0, 1), slice(1, 17), slice(17, 40)):
        row, carried = quad.stream(x[:, piece], carried)
        rows.append(row)
    torch.testing.assert_close(torch.cat(rows, dim=1), quad(x), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("scan", ["native", "chunked"])
def test_inner_tensors_computed_again_give_the_gradients_of_those_that_were_kept(
    scan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    quad, (x, mask) = QuadMamba(D, 4, 0.3, bidirectional=True, scan=scan).train(), videos(3)
    found, kept = [], []
    for frugal in (quads._frugal, lambda block, x, mask: block(x, mask)):
        monkeypatch.setattr(quads, "_frugal", frugal)
        torch.manual_seed(1)  # of the dropout
        sizes: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, s=sizes: s.append(t.numel()) or t, lambda t: t):  # type: ignore[misc]
            out = quad(x.masked_fill(~mask[..., None], 0.0), mask)
        found.append([out, *torch.autograd.grad(out[mask].square().sum(), list(quad.parameters()))])
        kept.append(sum(sizes))
    assert all(map(torch.equal, *found))
    assert 2 * kept[0] < kept[1]


def test_a_reversed_block_cannot_stream() -> None:
    with pytest.raises(ValueError, match="whole sequence"):
        QuadMamba(D, 4, 0.0, bidirectional=True, scan="native").stream(videos()[0])


def test_the_mamba_block_is_the_one_of_transformers() -> None:
    from transformers import MambaConfig
    from transformers.models.mamba.modeling_mamba import MambaMixer

    torch.manual_seed(0)
    config = MambaConfig(
        hidden_size=D, state_size=5, conv_kernel=2, expand=1, time_step_rank=1, use_conv_bias=True, use_bias=False
    )
    theirs, ours = MambaMixer(config, layer_idx=0), Mamba(D, 5)
    names = {"in_proj": "inner", "conv1d": "conv", "x_proj": "select", "dt_proj": "step", "out_proj": "out"}
    weights = {}
    for name, tensor in ours.state_dict().items():
        head = name.split(".")[0]
        there = {v: k for k, v in names.items()}.get(head, {"skip": "D"}.get(head, head))
        weights[name.replace(head, there, 1)] = tensor
    theirs.load_state_dict(weights)
    x = torch.randn(2, 12, D)
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-5, rtol=1e-4)


def test_the_steps_begin_between_a_thousandth_and_a_tenth() -> None:
    steps = functional.softplus(Mamba(512, 2).step.bias).detach()
    assert float(steps.min()) >= 1e-3 * 0.999
    assert float(steps.max()) <= 1e-1 * 1.001


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize(("shift", "window"), [(0, 8), (4, 8), (2, 5)])
def test_windows_are_a_block_mask_over_all_snippets(shift: int, window: int, masked: bool) -> None:
    torch.manual_seed(0)
    block = LocalBlock(D, window, D, shift=shift, masked=masked, relative=True)
    nn.init.normal_(block.distance)
    x, at = torch.randn(2, 40, D), torch.arange(40)
    mask = at[None] < torch.tensor([[40], [13]])
    number = (at + shift) // window
    seen = (number[:, None] == number) & (mask[:, None, :] | torch.eye(40, dtype=torch.bool) | (not masked))
    apart = (at[:, None] - at).clamp(1 - window, window - 1)
    bias = torch.where(seen, block.distance[apart + window - 1], -torch.inf)
    query, key, value = block.read(block.norm_attention(x)).chunk(3, dim=2)
    weights = torch.softmax(query @ key.transpose(1, 2) / D**0.5 + bias, dim=2)
    expected = x + block.write(weights @ value)
    expected = expected + block.ffn(block.norm_ffn(expected))
    complete = mask if masked else torch.ones_like(mask) & (at < 40 - (40 + shift) % window)
    torch.testing.assert_close(block(x, mask)[complete], expected[complete], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("below", ["smoothed", "sparse"])
def test_similarity_rows_sum_to_one_on_real_snippets_and_to_zero_on_padding(below: str) -> None:
    x, mask = videos()
    weights = similarity(x, mask, below)  # type: ignore[arg-type]
    torch.testing.assert_close(weights.sum(dim=2), mask.float())
    assert not weights[~(mask[:, :, None] & mask[:, None, :])].any()


def test_smoothed_similarity_still_weighs_what_is_unlike() -> None:
    x, mask = torch.eye(4)[None], torch.ones(1, 4, dtype=torch.bool)
    smoothed, sparse = similarity(x, mask, "smoothed")[0], similarity(x, mask, "sparse")[0]
    torch.testing.assert_close(smoothed[0], torch.tensor([torch.e, 1, 1, 1]) / (torch.e + 3))
    torch.testing.assert_close(sparse, torch.eye(4))


def test_a_zero_snippet_makes_no_nan() -> None:
    x = torch.zeros(1, 4, D, requires_grad=True)
    similarity(x, torch.ones(1, 4, dtype=torch.bool), "sparse").square().sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_distance_falls_by_e_in_e_snippets() -> None:
    near = distance(6, torch.zeros(1, dtype=torch.float64))
    torch.testing.assert_close(near[0, 5], torch.exp(torch.tensor(-5 / torch.e, dtype=torch.float64)))
    assert torch.equal(near.diagonal(), torch.ones(6, dtype=torch.float64))


def test_the_multi_scale_network_begins_without_its_non_local_part() -> None:
    torch.manual_seed(0)
    network = MTN(D).eval()
    x = torch.randn(2, D // 4, 9)
    assert torch.equal(network.everywhere(x, torch.ones(2, 9, dtype=torch.bool)), x)


def test_the_unmasked_multi_scale_network_reads_padding() -> None:
    torch.manual_seed(0)
    x, mask = videos()
    x = x * mask[..., None]
    masked, published = MTN(D), MTN(D, masked=False)
    published.load_state_dict(masked.state_dict())
    whole = torch.ones_like(mask)
    torch.testing.assert_close(published(x, mask), published(x, whole))
    torch.testing.assert_close(published(x, whole), masked(x, whole))
    assert not torch.allclose(published(x, mask)[mask], masked(x, mask)[mask])


@pytest.mark.parametrize("line", ["lgm_mamba.variant=published", "lgm_mamba.state=4", "lgt.masked=false"])
def test_one_set_line_reaches_a_field(line: str) -> None:
    settings = apply(ModelSettings(), [line])
    assert settings != ModelSettings()
    assert revive(ModelSettings, describe(settings), "model") == settings


def test_a_variant_names_every_field_that_may_be_left_open() -> None:
    open_ = {field.name for field in dataclasses.fields(LGMMamba) if field.default is None}
    assert all(set(variant) == open_ for variant in VARIANTS.values())


def test_every_change_from_published_to_clean_can_be_made_alone() -> None:
    x, mask = videos()
    changed = {k: v for k, v in VARIANTS["clean"].items() if v != VARIANTS["published"][k] and k != "length"}
    published = LGMMamba(variant="published", state=4)
    before = made(published)(x, mask)
    for name, value in changed.items():
        if name == "state":
            continue
        after = made(dataclasses.replace(published, **{name: value}))(x, mask)
        assert not torch.equal(before[mask], after[mask]), name


def test_settings_out_of_range_are_refused() -> None:
    for line in ("lgt.window=0", "lgm_mamba.state=0", "lgm_mamba.dropout=1", "lgt.layers=-1", "lgm_mamba.hidden=0"):
        with pytest.raises(SettingError):
            apply(ModelSettings(), [line])
    with pytest.raises(SettingError, match="needs a length"):
        LGT(variant="published", length=0).build(D)
    with pytest.raises(SettingError, match="is odd"):
        LGT().build(15)
