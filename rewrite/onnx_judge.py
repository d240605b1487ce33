"""An inference model as one ONNX file: a classifier over [CLS] premise [SEP] hypothesis [SEP]."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from rewrite.adapter import adapt, read_adapter
from rewrite.errors import ModelError
from rewrite.weights import onnx_files

if TYPE_CHECKING:
    import numpy as np
    from onnx import GraphProto, NodeProto
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

_LENGTH = 160  # tokens of premise and hypothesis together, where a model does not say
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")  # what a model may ask for
_SLICE = 256  # pairs that wait for a thread at a time: an interrupted run waits for no more
_BESIDE = "session.model_external_initializers_file_folder_path"  # where weights that are not in the file lie
# A linear layer, of floats or of eight bits: the places of its two factors.
_LINEAR = dict.fromkeys(("Gemm", "MatMul", "FusedGemm", "FusedMatMul", "MatMulInteger", "MatMulIntegerToFloat"), (0, 1))
_LINEAR |= {"DynamicQuantizeMatMul": (0, 1), "QLinearMatMul": (0, 3)}
_ROUNDS = ("DynamicQuantizeLinear", "QuantizeLinear")  # in front of one of eight bits
# What may stand between it and the logits.
_PASSING = frozenset(
    {"Add", "Mul", "Cast", "Identity", "DequantizeLinear", "Squeeze", "Unsqueeze", "Reshape", "Flatten"}
)


class OnnxJudge:
    """With a `tokenizer.json` beside or below the file.

    Pairs are judged one by one, a thread to each core: where weights are of eight bits the scale of the numbers between
    them is that of the whole batch, and what a pair is given would hang on its neighbours (by 0.16, measured).

    Of a pair longer than the model's own fixed length, or else than 160 tokens, the ends are cut off, those of the
    longer caption first, and are not judged. Two captions of CLIP's 77 tokens are about as long as that.
    """

    asked = -1
    denies: int | None = -1  # loud of what is denied; such a model is calibrated before it is used

    def __init__(self, path: Path, adapter: Path | None = None) -> None:
        file, words = onnx_files(path)
        self._session, self._shown = _session(file, adapter)
        if adapter:
            self.asked, self.denies = read_adapter(adapter).entailment, None
        shapes = {entry.name: entry.shape for entry in self._session.get_inputs()}
        if not set(shapes) <= set(_INPUTS) or any(len(shape) != 2 for shape in shapes.values()):
            what = f"asks for {', '.join(shapes)}; known are {', '.join(_INPUTS)}, each (batch, tokens)"
            raise ModelError(file, what, "Export it as a text classifier.")
        self._names = list(shapes)
        fixed = next(iter(shapes.values()))[1]
        self._tokenizer = _tokenizer(words, fixed if isinstance(fixed, int) else None)
        try:
            short, long = self._run(("a", "a")), self._run(("a " * 9, "a " * 9))
        except Exception as error:  # noqa: BLE001 - onnxruntime's errors share no other class
            raise ModelError(file, f"cannot judge a pair ({str(error)[:200]})", "Export it again.") from None
        if short[0].ndim != 2:
            raise ModelError(file, "gives no row of classes for a pair", "Export it as a text classifier.")
        self.classes = short[0].shape[1]
        if not -self.classes <= self.asked < self.classes:
            what = f"means class {self.asked} of a model with {self.classes}"
            raise ModelError(adapter or file, what, "Run with nli.adapter=none.")
        if any(rows.ndim != 2 for rows in short) or short[-1].shape != long[-1].shape:
            del self._shown[1:]  # of each token, say: no vector of the pair

    def read(self, pairs: Sequence[tuple[str, str]], batch: int) -> np.ndarray:
        import numpy as np
        from joblib import cpu_count

        def one(pair: tuple[str, str]) -> np.ndarray:
            return np.concatenate([rows[0] for rows in self._run(pair)]).astype(np.float32)

        found: list[np.ndarray] = []
        with ThreadPoolExecutor(cpu_count()) as threads:
            for begin in range(0, len(pairs), _SLICE):
                found += threads.map(one, pairs[begin : begin + _SLICE])
        return np.stack(found)

    def _run(self, pair: tuple[str, str]) -> list[np.ndarray]:
        import numpy as np

        coded = self._tokenizer.encode(*pair)
        rows = dict(zip(_INPUTS, (coded.ids, coded.attention_mask, coded.type_ids), strict=True))
        return self._session.run(self._shown, {name: np.array([rows[name]], np.int64) for name in self._names})


def _session(file: Path, adapter: Path | None) -> tuple[InferenceSession, list[str]]:
    """A session, and the names of what it is asked for: logits, and what the classifier reads where that is found."""
    try:
        import onnx
        import onnxruntime
        from google.protobuf.message import DecodeError
    except ImportError:
        todo = "Run: pip install -c constraints.txt -e '.[onnx]'."
        raise ModelError(file, "an ONNX model needs onnxruntime and onnx", todo) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry(_BESIDE, str(file.parent))
    try:
        model = onnx.load(str(file), load_external_data=False)
    except (DecodeError, OSError) as error:
        raise ModelError(file, f"is no ONNX model ({str(error)[:200]})", "Is it whole?") from None
    beside = {
        entry.value for held in model.graph.initializer for entry in held.external_data if entry.key == "location"
    }
    if unseen := beside - {f"{file.name}_data", f"{file.name}.data"}:
        todo = f"Save it as one file, or with its weights in {file.name}_data."
        raise ModelError(file, f"has weights in {', '.join(sorted(unseen))}, which no digest sees", todo)
    given = [entry.name for entry in model.graph.output]
    logits = "logits" if "logits" in given else given[0] if given else ""
    shown = [logits, *_classifier_reads(model.graph, logits)]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in shown if name not in given)
    if adapter:
        try:
            adapt(model.graph, read_adapter(adapter))
        except ValueError as error:
            what = f"is an adapter of another model ({error})"
            raise ModelError(adapter, what, "Run with nli.adapter=none.") from None
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - onnxruntime's errors share no other class
        raise ModelError(file, f"onnxruntime cannot load it ({str(error)[:200]})", "Is it whole?") from None
    return session, shown


def _classifier_reads(graph: GraphProto, logits: str) -> list[str]:
    """The name of what the last linear layer before the logits reads; none where there is no such layer."""
    makers = {name: node for node in graph.node for name in node.output}
    hangs = {entry.name for entry in graph.input} - {held.name for held in graph.initializer}  # on the pair
    for node in graph.node:  # which stand in the order of their work
        if not hangs.isdisjoint(node.input):
            hangs.update(node.output)
    if (linear := _last_linear(logits, makers, hangs)) is None:
        return []
    factors = [linear.input[place] for place in _LINEAR[linear.op_type]]
    reads = [name for name in factors if name in hangs]
    if len(reads) != 1:
        return []  # two captions that are multiplied, say
    maker = makers.get(reads[0])
    found = maker.input[0] if maker is not None and maker.op_type in _ROUNDS else reads[0]
    return [] if any(found == entry.name for entry in graph.input) else [found]


def _last_linear(name: str, makers: Mapping[str, NodeProto], hangs: Collection[str]) -> NodeProto | None:
    node = makers.get(name)
    if node is None or name not in hangs:
        return None
    if node.op_type in _LINEAR:
        return node
    if node.op_type not in _PASSING:
        return None
    return next((found for one in node.input if (found := _last_linear(one, makers, hangs)) is not None), None)


def _tokenizer(file: Path, fixed: int | None) -> Tokenizer:
    """Of pairs, cut and where the model has a fixed length padded to it."""
    from tokenizers import Tokenizer

    try:
        found = Tokenizer.from_file(str(file))
    except Exception as error:  # noqa: BLE001 - tokenizers raises nothing more precise
        raise ModelError(file, f"is no tokenizer ({str(error)[:200]})", "Is it whole?") from None
    own = found.padding or {}
    found.enable_truncation(fixed or _LENGTH)
    found.no_padding()
    if fixed:
        kept = {name: own[name] for name in ("direction", "pad_id", "pad_type_id", "pad_token") if name in own}
        found.enable_padding(length=fixed, **kept)
    return found
