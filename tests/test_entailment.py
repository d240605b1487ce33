"""Models of inference: what they say of pairs, and what their classifier read to say it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tiny_onnx
from conftest import MODELS

from rewrite import entailment
from rewrite.entailment import Inference
from rewrite.errors import ModelError
from rewrite.filters.nli import NLI
from rewrite.pairs import read_pairs
from rewrite.records import Candidate, Draft

DRAFT = Draft("1", "s", "A man hits a woman.", "plain", 0, "A woman is hit.", "stop")
CANDIDATES = [Candidate(DRAFT, DRAFT.text)]
TUNING = Path(__file__).resolve().parents[1] / "benchmarks" / "probe" / "tuning.jsonl"


def test_the_probabilities_of_a_models_classes_sum_to_one(tiny_nli: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = entailment.said(Inference(str(tiny_nli)), [("a man", "a dog"), ("a dog", "a man")], 2).logits
    judge, _ = entailment._opened(Inference(str(tiny_nli)))
    shares = []
    for asked in range(3):
        monkeypatch.setattr(judge, "asked", asked)
        shares.append(entailment.share(Inference(str(tiny_nli)), found))
    assert np.sum(shares, axis=0) == pytest.approx([1.0, 1.0])
    assert (np.argsort(np.stack(shares, axis=1)) == np.argsort(found)).all()


def test_no_pairs_are_given_no_numbers(tiny_nli: Path) -> None:
    none = entailment.said(Inference(str(tiny_nli)), [], 2)
    assert entailment.share(Inference(str(tiny_nli)), none.logits).shape == (0,)
    assert NLI(model=str(tiny_nli)).judge([]) == []


def test_pairs_are_forgotten_before_they_fill_the_memory(tiny_nli: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ways = [("a man", "a dog"), ("a dog", "a man"), ("a cat", "a man")]
    first = entailment.said(Inference(str(tiny_nli)), ways, 2).logits
    _, known = entailment._opened(Inference(str(tiny_nli)))
    assert all(row.base is None for row in known.values())
    monkeypatch.setattr(entailment, "_REMEMBERED", 0)
    assert entailment.said(Inference(str(tiny_nli)), ways[:1], 2).logits == pytest.approx(first[:1], abs=1e-5)
    assert len(known) == 1


def test_a_model_without_entailment_is_refused(minilm: Path) -> None:
    with pytest.raises(ModelError, match="entailment"):
        NLI(model=str(minilm)).judge(CANDIDATES[:1])


@pytest.fixture
def onnx(tmp_path: Path) -> Path:
    """A tiny ONNX model whose logits are a mean over the ids of the tokens, and its negative."""
    for package in ("onnx", "onnxruntime"):
        pytest.importorskip(package, reason="an extra: pip install -e '.[onnx]'")
    return tiny_onnx.write(tmp_path / "onnx")


def test_an_onnx_model_reads_ids_padded_as_its_tokenizer_does(onnx: Path) -> None:
    mean = (1 + 2 + 1 + 5 * tiny_onnx.WORDS["<pad>"]) / tiny_onnx.LENGTH
    found = entailment.said(Inference(str(onnx)), [("a man", "a"), ("a man " * 9, "a " * 9)], 1).logits
    cut = (1 + 2 + 1 + 2 + 1 + 1 + 1 + 1) / tiny_onnx.LENGTH  # four words of each
    assert found == pytest.approx(np.array([[mean, -mean], [cut, -cut]]))
    evidence = NLI(model=str(onnx / "tiny.onnx")).evidence([("a", "man")])
    assert evidence.heard.shape == (1, 4)
    assert evidence.denied.shape == (1, 2)
    assert evidence.pooled.shape == (1, tiny_onnx.LENGTH)


def test_an_onnx_model_shows_what_its_classifier_read(onnx: Path) -> None:
    pad = tiny_onnx.WORDS["<pad>"]
    assert entailment.said(Inference(str(onnx)), [("a man", "a")], 1).pooled.tolist() == [[1, 2, 1, *[pad] * 5]]


def test_an_onnx_model_that_nobody_calibrated_is_refused(onnx: Path) -> None:
    with pytest.raises(ModelError, match="never calibrated"):
        NLI(model=str(onnx)).judge(CANDIDATES)


def test_numbers_that_are_none_are_refused(onnx: Path) -> None:
    tiny_onnx.write(onnx, (float("nan"), 1.0))
    with pytest.raises(ModelError, match="gives numbers that are none"):
        entailment.said(Inference(str(onnx)), [("a", "man")], 1)


def test_a_broken_onnx_model_is_one_clear_line(onnx: Path) -> None:
    tiny_onnx.write(onnx, name="pixels")
    with pytest.raises(ModelError, match="asks for pixels"):
        entailment.said(Inference(str(onnx)), [("a", "man")], 1)
    whole = (onnx / "tiny.onnx").read_bytes()
    (onnx / "tiny.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="is no ONNX model"):
        entailment.said(Inference(str(onnx)), [("a", "man")], 1)
    (onnx / "tokenizer.json").write_text("{")
    tiny_onnx.write(onnx.parent / "other")
    (onnx / "tiny.onnx").write_bytes((onnx.parent / "other" / "tiny.onnx").read_bytes())
    entailment._load.cache_clear()
    with pytest.raises(ModelError, match="is no tokenizer"):
        entailment._load(str(onnx), "", "")


def test_what_an_onnx_model_says_of_a_pair_does_not_hang_on_its_neighbours() -> None:
    pytest.importorskip("onnxruntime", reason="an extra: pip install -e '.[onnx]'")
    folder = Path(os.environ.get("TRCLIP_NLI", MODELS / "nli"))
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: set TRCLIP_NLI to a folder of one .onnx and its tokenizer.json")
    ways = [(p.source, p.rewrite) for p in read_pairs(TUNING)[:6]]
    judge, _ = entailment._opened(Inference(str(folder)))
    assert (judge.read(ways, 32) == np.stack([judge.read([way], 32)[0] for way in ways])).all()


@pytest.mark.parametrize("ways", [1, 7])
def test_a_cross_encoder_shows_what_its_classifier_read_in_the_order_of_the_pairs(tiny_nli: Path, ways: int) -> None:
    pairs = [("a man " * (n % 3 + 1), "a dog " * (n + 1)) for n in range(ways)]
    found = entailment.said(Inference(str(tiny_nli)), pairs, 2)
    judge, _ = entailment._opened(Inference(str(tiny_nli)))
    (classifier,) = [m for m in judge._model.modules() if getattr(m, "out_features", None) == judge.classes]
    again = found.pooled @ classifier.weight.detach().numpy().T + classifier.bias.detach().numpy()
    assert again == pytest.approx(found.logits, abs=1e-5)
    alone = [judge.read([pair], 1)[0] for pair in pairs]
    assert np.concatenate([found.logits, found.pooled], axis=1) == pytest.approx(np.stack(alone), abs=1e-5)


def test_an_onnx_model_may_keep_its_weights_in_a_file_beside_it(onnx: Path) -> None:
    before = entailment.said(Inference(str(onnx)), [("a man", "a")], 1)
    saved_apart(onnx / "tiny.onnx", "tiny.onnx_data")
    after = entailment.said(Inference(str(onnx)), [("a man", "a")], 1)
    assert (before.logits == after.logits).all()
    assert (before.pooled == after.pooled).all()


def test_weights_in_a_file_that_no_digest_sees_are_refused(onnx: Path) -> None:
    saved_apart(onnx / "tiny.onnx", "elsewhere")
    with pytest.raises(ModelError, match=r"has weights in elsewhere.*tiny\.onnx_data"):
        entailment.said(Inference(str(onnx)), [("a man", "a")], 1)


def saved_apart(file: Path, name: str) -> None:
    import onnx as onnx_format

    model = onnx_format.load(str(file))
    onnx_format.save(model, str(file), save_as_external_data=True, location=name, size_threshold=0)
    assert (file.parent / name).is_file()


def test_an_onnx_model_that_gives_no_row_of_classes_is_refused(onnx: Path) -> None:
    import onnx as onnx_format
    from onnx import helper

    model = onnx_format.load(str(onnx / "tiny.onnx"))
    model.graph.node[-1].output[0] = "rows"
    model.graph.node.append(helper.make_node("Unsqueeze", ["rows", "axes"], ["logits"]))
    model.graph.initializer.append(helper.make_tensor("axes", onnx_format.TensorProto.INT64, [1], [1]))
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    model.graph.output[0].type.tensor_type.ClearField("shape")
    onnx_format.save(model, str(onnx / "tiny.onnx"))
    with pytest.raises(ModelError, match="gives no row of classes for a pair"):
        entailment.said(Inference(str(onnx)), [("a man", "a")], 1)


BIASED = [("Gemm", ["x", "w", "b"], "logits")]
BIAS_FIRST = [("MatMul", ["x", "w"], "y"), ("Cast", ["b"], "c"), ("Add", ["c", "y"], "logits")]
EIGHT_BITS = [
    ("DynamicQuantizeLinear", ["x"], "q s z"),
    ("MatMulInteger", ["q", "w", "z"], "i"),
    ("Cast", ["i"], "f"),
    ("Mul", ["s", "b"], "t"),
    ("Mul", ["t", "f"], "logits"),
]
TURNED = [("MatMul", ["w", "x"], "logits")]
FUSED = [("DynamicQuantizeMatMul", ["x", "w"], "logits")]
NO_LAYER = [("Relu", ["x"], "logits")]
TWO_CAPTIONS = [("Relu", ["x"], "y"), ("MatMul", ["x", "y"], "logits")]


@pytest.mark.parametrize(
    ("layer", "reads"),
    [
        (BIASED, "x"),
        (BIAS_FIRST, "x"),
        (EIGHT_BITS, "x"),
        (TURNED, "x"),
        (FUSED, "x"),
        (NO_LAYER, ""),
        (TWO_CAPTIONS, ""),
    ],
)
def test_the_last_linear_layer_of_an_onnx_model_is_found(layer: list[tuple[str, list[str], str]], reads: str) -> None:
    onnx_format = pytest.importorskip("onnx", reason="an extra: pip install -e '.[onnx]'")
    from rewrite.onnx_judge import _classifier_reads

    floats = onnx_format.TensorProto.FLOAT
    ends = [onnx_format.helper.make_tensor_value_info(name, floats, None) for name in ("ids", "logits")]
    held = [onnx_format.helper.make_tensor(name, floats, [1], [1.0]) for name in "wb"]
    work = [("Relu", ["ids"], "x"), *layer]
    nodes = [onnx_format.helper.make_node(kind, inputs, outputs.split()) for kind, inputs, outputs in work]
    graph = onnx_format.helper.make_graph(nodes, "g", ends[:1], ends[1:], held)
    assert _classifier_reads(graph, "logits") == ([reads] if reads else [])


def test_what_was_read_both_ways_is_added(tiny_nli: Path) -> None:
    way, back = ("a man", "a dog"), ("a dog", "a man")
    both = entailment.said(Inference(str(tiny_nli)), [way, back], 2).pooled.sum(axis=0)
    assert NLI(model=str(tiny_nli)).evidence([way]).pooled[0] == pytest.approx(both)
