"""Adapters: what a model of inference learned, written into its graph and into what is known of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_onnx

from rewrite import calibrate as calibration
from rewrite import entailment
from rewrite.adapter import _FOLDER, LEARNED, Adapter, adapt, mark, read_adapter, shipped_adapter
from rewrite.calibrated import Calibration, shipped
from rewrite.entailment import Inference
from rewrite.errors import ModelError, SettingError
from rewrite.filters.nli import NLI
from rewrite.manifest import digest
from rewrite.weighing import revived
from rewrite.weights import numbers_digest

PAIR = ("a man", "a")
READS = np.array([1, 2, 1, *[tiny_onnx.WORDS["<pad>"]] * 5], np.float32)  # the ids of PAIR
DOWN = np.linspace(-1, 1, 8, dtype=np.float32)[:, None]
UP = np.array([[0.5, -0.25]], np.float32)


@pytest.fixture
def onnx(tmp_path: Path) -> Path:
    for package in ("onnx", "onnxruntime"):
        pytest.importorskip(package, reason="an extra: pip install -e '.[onnx]'")
    return tiny_onnx.write(tmp_path / "onnx")


def written(file: Path, model: Path, **tensors: Any) -> Path:
    """An adapter of the tiny model's one layer, `w`."""
    from safetensors.numpy import save_file

    learned = np.array([mark("A man runs.")], np.uint64)
    told = {"of": numbers_digest(model), "entailment": "0"}
    save_file({"w.down": DOWN, "w.up": UP, LEARNED: learned} | tensors, str(file), told)
    return file


def test_an_adapter_adds_its_thin_factors_to_what_a_layer_gives(onnx: Path, tmp_path: Path) -> None:
    bare = entailment.said(Inference(str(onnx)), [PAIR], 1)
    file = written(tmp_path / "a.safetensors", onnx)
    found = entailment.said(Inference(str(onnx), str(file)), [PAIR], 1)
    assert found.logits == pytest.approx(bare.logits + READS @ DOWN @ UP, abs=1e-5)
    assert (found.pooled == bare.pooled).all()


def test_what_a_model_said_without_its_adapter_is_not_taken_for_what_it_says_with_it(
    onnx: Path, tmp_path: Path
) -> None:
    both = (Inference(str(onnx)), Inference(str(onnx), str(written(tmp_path / "a.safetensors", onnx))))
    first, second = (entailment.said(asked, [PAIR], 1).logits for asked in both)
    assert (first != second).all()
    assert (entailment.said(both[0], [PAIR], 1).logits == first).all()


def test_an_adapted_model_says_how_probable_entailment_is(onnx: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "a.safetensors", onnx)
    logits = np.array([[2.0, 0.0]], np.float32)
    assert entailment.share(Inference(str(onnx), str(file)), logits) == pytest.approx([1 / (1 + np.exp(-2))])
    assert entailment.denial(Inference(str(onnx), str(file)), logits) == pytest.approx([-2.0])


def test_an_adapter_gives_tensors_anew(onnx: Path, tmp_path: Path) -> None:
    other = np.zeros((8, 2), np.float32)
    file = written(tmp_path / "a.safetensors", onnx, w=other)
    found = entailment.said(Inference(str(onnx), str(file)), [PAIR], 1)
    assert found.logits == pytest.approx((READS @ DOWN @ UP)[None], abs=1e-5)


def test_a_layer_of_eight_bits_keeps_its_integers() -> None:
    """The factors read what is not rounded, and are added where the numbers are floats again."""
    onnx_format = pytest.importorskip("onnx", reason="an extra: pip install -e '.[onnx]'")
    onnxruntime = pytest.importorskip("onnxruntime", reason="an extra: pip install -e '.[onnx]'")
    from onnx import helper, numpy_helper

    kinds, rng = onnx_format.TensorProto, np.random.default_rng(0)
    integers = rng.integers(-99, 99, (8, 2)).astype(np.int8)
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        helper.make_node("MatMulInteger", ["q", "w_quantized", "z"], ["i"]),
        helper.make_node("Cast", ["i"], ["f"], to=kinds.FLOAT),
        helper.make_node("Mul", ["s", "w_scale"], ["t"]),
        helper.make_node("Mul", ["f", "t"], ["bare"]),
        helper.make_node("Add", ["bare", "b"], ["logits"]),
    ]
    held = {"w_quantized": integers, "w_scale": np.float32(0.01), "b": np.array([1, 2], np.float32)}
    ends = [helper.make_tensor_value_info(n, kinds.FLOAT, (1, size)) for n, size in (("x", 8), ("logits", 2))]
    graph = helper.make_graph(
        nodes, "g", ends[:1], ends[1:], [numpy_helper.from_array(np.asarray(v), n) for n, v in held.items()]
    )
    x = rng.normal(size=(1, 8)).astype(np.float32)

    def run() -> np.ndarray:
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx_format.checker.check_model(model)
        return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]

    before = run()
    adapt(graph, Adapter("", {"w": (DOWN, UP)}, {}, 0, np.zeros(0, np.uint64), ""))
    assert run() == pytest.approx(before + x @ DOWN @ UP, abs=1e-5)
    assert (numpy_helper.to_array(graph.initializer[0]) == integers).all()


def test_an_adapter_of_another_model_is_refused(onnx: Path, tmp_path: Path) -> None:
    other = tiny_onnx.write(tmp_path / "other", (1.0, 2.0))
    file = written(tmp_path / "a.safetensors", other)
    with pytest.raises(ModelError, match=r"adapter of another model.*nli\.adapter=none"):
        NLI(model=str(onnx), adapter=str(file)).identity()
    for tensors in ({"v.down": DOWN, "v.up": UP}, {"v": UP}, {"w": UP}):
        file = written(tmp_path / "b.safetensors", onnx, **tensors)
        with pytest.raises(ModelError, match=r"adapter of another model \(no "):
            entailment.said(Inference(str(onnx), str(file)), [PAIR], 1)


def test_a_layer_of_eight_bits_without_a_bias_is_adapted_too() -> None:
    pytest.importorskip("onnx", reason="an extra: pip install -e '.[onnx]'")
    from onnx import helper

    nodes = [
        helper.make_node("MatMulInteger", ["q", "w_quantized", "z"], ["i"]),
        helper.make_node("Cast", ["i"], ["f"], to=1),
        helper.make_node("Mul", ["f", "t"], ["logits"]),
    ]
    graph = helper.make_graph(nodes, "g", [], [])
    adapt(graph, Adapter("", {"w": (DOWN, UP)}, {}, 0, np.zeros(0, np.uint64), ""))
    assert [node.op_type for node in graph.node] == ["MatMulInteger", "Cast", "Mul", "MatMul", "MatMul", "Add"]
    assert graph.node[-1].output == ["logits"]


def test_an_adapter_that_means_a_class_that_is_not_there_is_refused(onnx: Path, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    file = tmp_path / "a.safetensors"
    save_file({"w.down": DOWN, "w.up": UP}, str(file), {"of": numbers_digest(onnx), "entailment": "7"})
    with pytest.raises(ModelError, match="means class 7 of a model with 2"):
        entailment.said(Inference(str(onnx), str(file)), [PAIR], 1)


def test_a_file_that_is_no_adapter_is_refused(onnx: Path, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    file = tmp_path / "a.safetensors"
    with pytest.raises(ModelError, match="is no adapter"):
        NLI(model=str(onnx), adapter=str(file)).identity()
    file.write_text("{")
    with pytest.raises(ModelError, match="is no adapter"):
        NLI(model=str(onnx), adapter=str(file)).identity()
    save_file({"w.down": DOWN, "w.up": UP}, str(file))
    with pytest.raises(ModelError, match="is no adapter"):
        NLI(model=str(onnx), adapter=str(file)).identity()
    written(file, onnx, **{"w.up": np.zeros((2, 2), np.float32)})
    with pytest.raises(ModelError, match="is no adapter"):
        NLI(model=str(onnx), adapter=str(file)).identity()


def test_a_cross_encoder_takes_no_adapter(tiny_nli: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "a.safetensors", tiny_nli)
    with pytest.raises(ModelError, match="adapters are for ONNX models"):
        entailment.said(Inference(str(tiny_nli), str(file)), [PAIR], 1)


def test_a_model_with_its_adapter_is_calibrated_by_itself(onnx: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "a.safetensors", onnx)
    bare, with_it = NLI(model=str(onnx)), NLI(model=str(onnx), adapter=str(file))
    assert bare._measured() == numbers_digest(onnx) != with_it._measured()
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(file.read_bytes())
    assert NLI(model=str(onnx), adapter=str(copy))._measured() == with_it._measured()
    with pytest.raises(ModelError, match="never calibrated"):
        with_it.identity()


def test_a_weighing_made_without_the_adapter_is_told_so(onnx: Path, tmp_path: Path) -> None:
    few = revived(
        {"bias": 0.0, "weights": [0.0] * 14, "against": [0, 0]}
        | {"low": [-1.0] * 4, "high": [1.0] * 4, "middle": [0.0] * 4, "scale": [1.0] * 4},
        "here",
    )
    old = NLI(model=str(onnx)).described(few, 0.5)
    adapter = str(written(tmp_path / "a.safetensors", onnx))
    assert NLI(model=str(onnx), weighing=old, least=0.5, least_doubted=0.5).identity()["adapter"] == "none"
    with pytest.raises(SettingError, match=r"without the adapter.*nli\.adapter=none"):
        NLI(model=str(onnx), weighing=old, least=0.5, least_doubted=0.5, adapter=adapter).identity()


def test_calibrate_says_which_pairs_the_adapter_was_fitted_to(onnx: Path, tmp_path: Path) -> None:
    plug = NLI(model=str(onnx), adapter=str(written(tmp_path / "a.safetensors", onnx)))
    assert plug.learned(["A man runs.", "A man walks.", "A man runs."]) == 2
    assert NLI(model=str(onnx)).learned(["A man runs."]) == 0
    rate = {"value": 1.0, "low": 0.9, "high": 1.0}
    found = {"set": [], "unchosen": [], "measured": {"recall": rate}, "reached": True, "learned": 2}
    assert any("sources of 2 pairs" in line for line in calibration.lines(found))
    assert not any("flatters" in line for line in calibration.lines({**found, "learned": 0}))


@pytest.mark.parametrize(
    ("forward", "backward", "contradicts"), [(0.1, 0.2, True), (0.1, 0.9, False), (0.9, 0.2, False)]
)
def test_what_neither_way_entails_is_called_contradicted(forward: float, backward: float, contradicts: bool) -> None:
    known = Calibration(0.5, 0.8, 1.0, None, "", contradicted_below=0.5)
    assert known.contradicts(forward, backward) == contradicts


def test_every_shipped_adapter_belongs_to_a_shipped_calibration() -> None:
    files = sorted(_FOLDER.glob("*.safetensors"))
    assert files
    for file in files:
        adapter = read_adapter(file)
        assert shipped_adapter(adapter.of) == file
        known = shipped(digest({"model": adapter.of, "adapter": adapter.digest}), "")
        assert known is not None
        assert 0 < known.contradicted_below < 1
        assert shipped(adapter.of, "") is not None  # the model as it is, for nli.adapter=none
    assert shipped_adapter("a model that nobody adapted") is None


def test_shipped_adapters_learned_from_the_tuning_half_alone() -> None:
    probe = Path(__file__).resolve().parents[1] / "benchmarks" / "probe"
    for file in _FOLDER.glob("*.safetensors"):
        known = set(read_adapter(file).learned.tolist())
        learned = [json.loads(line)["source"] for line in (probe / "tuning.jsonl").read_text().splitlines()]
        assert known == {mark(text) for text in learned}
        for name in ("test", "fresh", "third", "fourth", "fifth"):
            texts = [json.loads(line)["source"] for line in (probe / f"{name}.jsonl").read_text().splitlines()]
            assert not known & {mark(text) for text in texts}, name
