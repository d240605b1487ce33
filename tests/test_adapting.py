"""How an adapter is fitted (benchmarks/adapt.py): a model that is cut in two says what it said before."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import adapt
import low_rank
import numpy as np
import pytest
import torch
from conftest import MODELS

from rewrite.adapter import DOWN, UP
from rewrite.entailment import Inference, said

SEQUENCES = [[1, 7, 9, 2], [1, 5, 2, 8, 8, 2], [1, 3, 2]]


@pytest.fixture
def tiny() -> Any:
    """A DeBERTa-v2 classifier of ten thin layers, of which two are adapted."""
    torch.manual_seed(0)
    return low_rank.classifier(11, width=12, layers=low_rank.CUT + 2, heads=2, inner=8)


def test_a_new_adapter_changes_nothing(tiny: Any) -> None:
    ids, mask = low_rank.padded([torch.tensor(ids) for ids in SEQUENCES])
    with torch.inference_mode():
        whole = tiny(input_ids=ids, attention_mask=mask).logits
        lower = low_rank.through_lower_layers(tiny, SEQUENCES)
        cut = low_rank.Upper(tiny, 0).eval()(*low_rank.padded([row.float() for row in lower]))
    assert cut.numpy() == pytest.approx(whole.numpy(), abs=0.02)  # between the two halves stand 16 bits


def test_an_adapter_holds_the_factors_of_each_layer_and_the_norms_beside_them(tiny: Any) -> None:
    upper = low_rank.Upper(tiny, 0)
    layers = [f"deberta.encoder.layer.{low_rank.CUT + n}." for n in (0, 1)]
    linears = ("attention.self.value_proj", "attention.output.dense", "intermediate.dense", "output.dense")
    names = {name: f"w:{name}" for name in ("classifier", "pooler.dense", *(o + n for o in layers for n in linears))}
    found = upper.tensors(names)
    assert {name for name in found if name.endswith(DOWN)} == {name + DOWN for name in names.values()}
    assert not any(found[name].any() for name in found if name.endswith(UP))
    assert found["w:classifier" + DOWN].shape == (12, 2)
    assert found[f"m.{layers[0]}output.LayerNorm.weight"].shape == (12,)
    assert found["m.classifier.bias"].shape == (2,)
    trained = sum(p.numel() for p in upper.parameters() if p.requires_grad)
    assert trained == sum(tensor.size for tensor in found.values())


def test_a_pair_is_as_faithful_as_its_less_entailed_way() -> None:
    both, one, none = [[4.0, -4], [4, -4]], [[4.0, -4], [-4, 4]], [[0.0, 0], [0, 0]]
    odds = adapt._odds(torch.tensor([both, one, none]))
    assert odds[0] > 7
    assert odds[1] < -7
    assert odds[2] == pytest.approx(0.0, abs=1e-6)


def test_each_round_meets_every_pair_once() -> None:
    lower = [torch.zeros(n % 7 + 1, 2) for n in range(200)]
    batches = adapt._batches(np.arange(100), lower, np.random.default_rng(0))
    assert sorted(np.concatenate(batches).tolist()) == list(range(100))
    assert max(map(len, batches)) <= adapt.BATCH


def test_every_writer_is_left_out_once() -> None:
    letters = "".join(adapt.PARTS)
    pairs = Path(adapt.HERE / "probe" / "tuning.jsonl").read_text().splitlines()
    assert len(set(letters)) == len(letters)
    assert {line[len('{"id": "')] for line in pairs} == set(letters)


def test_a_model_rebuilt_of_its_file_says_what_the_file_says() -> None:
    pytest.importorskip("onnxruntime", reason="an extra: pip install -e '.[onnx]'")
    folder = Path(os.environ.get("TRCLIP_NLI", MODELS / "nli"))
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: set TRCLIP_NLI to a folder of one .onnx and its tokenizer.json")
    model, words, _ = adapt._opened(folder)
    ways = [("A man hits a woman.", "A woman hits a man."), ("The hall is empty.", "Nobody is in the hall.")]
    with torch.inference_mode():
        found = [model(torch.tensor([words.encode(*way).ids])).logits[0].numpy() for way in ways]
    assert np.stack(found) == pytest.approx(said(Inference(str(folder)), ways, 1).logits, abs=0.2)
