"""The F-branch, prompts, fusion and their losses: published sizes, positions, bounds and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from trclip_vad.branches import CBranch, Concat, FBranch, Projected
from trclip_vad.losses import mil_align, text_divergence
from trclip_vad.mtn import MTN
from trclip_vad.prompts import PromptedNames, ResidualNames
from trclip_vad.temporal.lgm_mamba import LGMMamba
from trclip_vad.temporal.lgt import LGT

START, END = 98, 99
NAMES = [[5], [6, 7], [8, 9, 10]]


def tower(width: int = 16, out: int = 16) -> nn.Module:
    """A CLIP text tower with fresh weights."""
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    torch.manual_seed(0)
    config = CLIPTextConfig(
        vocab_size=100,
        hidden_size=width,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        projection_dim=out,
        bos_token_id=START,
        eos_token_id=END,
    )
    return CLIPTextModelWithProjection(config).eval()


def size(*modules: nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters() if p.requires_grad)


@pytest.mark.parametrize(("layers", "window", "expected"), [(2, 8, 44_149_729), (1, 64, 40_997_345)])
def test_the_published_model_has_the_published_size(layers: int, window: int, expected: int) -> None:
    visual = LGMMamba(variant="published", layers=layers, window=window).build(512)
    names = PromptedNames(tower(512, 512), NAMES, START, END)
    branches = CBranch(1280, 5120), FBranch(1280, 5120, 512)
    assert size(visual, MTN(768), Concat(512, 768), names, *branches) == expected


@pytest.mark.parametrize(("layers", "window", "millions"), [(2, 8, 12.64), (1, 64, 9.49)])
def test_the_model_it_came_from_has_its_size(layers: int, window: int, millions: float) -> None:
    visual = LGT(variant="published", layers=layers, window=window).build(512)
    names = PromptedNames(tower(512, 512), NAMES, START, END)
    total = size(visual, names, CBranch(512, 2048), FBranch(512, 2048, 512))
    assert round(total / 1e6, 2) == millions


def test_a_prompt_has_the_published_places() -> None:
    names = PromptedNames(tower(), NAMES, START, END)
    for row, name in enumerate(NAMES):
        fixed = (~names.learned[row, :, 0]).nonzero()[:, 0].tolist()
        assert fixed == [0, *range(11, 11 + len(name)), 21 + len(name)]
        assert names.ids[row, fixed].tolist() == [START, *name, END]


def test_a_prompted_name_is_the_towers_answer_to_the_composed_rows() -> None:
    given = tower()
    names = PromptedNames(given, NAMES, START, END)
    with torch.no_grad():  # put words' own rows into the table: then the tower can be asked in words
        names.table.copy_(given.get_input_embeddings().weight[3])
    words = torch.full((len(NAMES), 77), 3)
    for row, name in enumerate(NAMES):
        words[row, [0, *range(11, 11 + len(name)), 21 + len(name)]] = torch.tensor([START, *name, END])
    torch.testing.assert_close(names(), given(input_ids=words).text_embeds, atol=1e-5, rtol=1e-4)


def test_prompts_learn_through_a_frozen_tower_that_is_not_saved() -> None:
    names = PromptedNames(tower(), NAMES, START, END)
    names().square().sum().backward()
    assert names.table.grad is not None
    moved = names.table.grad.abs().sum(dim=1) > 0
    assert moved[[*range(1, 11), *range(14, 22)]].all()
    assert not moved[[0, 11, *range(24, 77)]].any()  # start and first token everywhere; behind every end
    assert list(names.state_dict()) == ["table"]


def test_a_name_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(ValueError, match="leaves no room"):
        PromptedNames(tower(), [list(range(60))], START, END)


def test_residual_names_begin_as_they_were_given() -> None:
    vectors = torch.randn(3, 8)
    names = ResidualNames(vectors)
    assert torch.equal(names(), vectors)
    assert [n for n, _ in names.named_parameters()] == ["residual"]


def fine(masked: bool = True) -> tuple[FBranch, dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    given = {
        "fused": torch.randn(2, 30, 24),
        "logits": torch.randn(2, 30, requires_grad=True),
        "classes": torch.randn(4, 16),
        "mask": torch.arange(30)[None] < torch.tensor([[30], [7]]),
    }
    return FBranch(24, 48, 16, masked), given


def test_the_alignment_map_is_a_bounded_cosine_of_its_own_equation() -> None:
    branch, given = fine()
    aligned, w = branch(**given)
    assert aligned.shape == (2, 30, 4)
    assert float(aligned.detach().abs().max()) <= 1 / 0.07 + 1e-4
    prompt = (given["logits"] * given["mask"])[1] @ given["fused"][1]
    label = w[2] + prompt / prompt.norm()
    label = label + branch.ffn(label)
    expected = functional.cosine_similarity(given["fused"][1, 3], label, dim=0) / 0.07
    torch.testing.assert_close(aligned[1, 3, 2], expected)


def test_the_fine_branch_teaches_the_coarse_one() -> None:
    branch, given = fine()
    branch(**given)[0].square().sum().backward()
    assert given["logits"].grad is not None
    assert given["logits"].grad[0].abs().sum() > 0


@pytest.mark.parametrize("masked", [True, False])
def test_only_the_published_prompt_sees_padding(masked: bool) -> None:
    branch, given = fine(masked)
    before = branch(**given)[0][1, :7]
    given["fused"][1, 7:] += 1
    assert torch.allclose(before, branch(**given)[0][1, :7]) is masked


def test_the_projected_fusion_begins_as_the_picture_alone() -> None:
    visual, text = torch.randn(2, 5, 8), torch.randn(2, 5, 12)
    assert torch.equal(Projected(8, 12)(visual, text), visual)
    assert Concat(8, 12)(visual, text).shape == (2, 5, Concat(8, 12).width)


def test_mil_align_is_the_cross_entropy_of_each_classes_own_best_snippets() -> None:
    aligned = torch.tensor([[[0.0, 3.0], [2.0, 1.0], [99.0, 99.0]]])
    mask, target = torch.tensor([[True, True, False]]), torch.tensor([[0.25, 0.75]])
    by_hand = -(target[0] * torch.log_softmax(torch.tensor([2.0, 3.0]), dim=0)).sum()
    torch.testing.assert_close(mil_align(aligned, mask, target), by_hand)


def test_text_divergence_looks_at_normal_against_each_anomaly() -> None:
    classes = torch.tensor([[1.0, 0.0], [0.0, 5.0], [-2.0, 0.0]])
    torch.testing.assert_close(text_divergence(classes), torch.tensor(0.5))
