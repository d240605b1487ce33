"""Natural language inference models: what a premise says of a hypothesis, a logit for each class of the model.

Two kinds, told apart by what a folder holds: a sentence-transformers CrossEncoder (folder or hub name; `share` is the
probability of entailment), and an ONNX file with its tokenizer (`share` is the probability of its last class, which is
taken for that of contradiction too).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rewrite.errors import ModelError
from rewrite.weights import is_onnx, locate, onnx_files, weights_digest

if TYPE_CHECKING:
    import numpy as np

_LENGTH = 160  # tokens of premise and hypothesis together, where an ONNX model does not say
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")  # what an ONNX model may ask for
_SLICE = 256  # pairs that wait for a thread at a time: an interrupted run waits for no more
_REMEMBERED = 100_000  # pairs; beyond, all are forgotten


class Judge(Protocol):
    """A loaded model.

    Attributes:
        asked: the class whose probability `share` gives.
        denies: the class of contradiction; None where the model has none.
    """

    asked: int
    denies: int | None

    def logits(self, pairs: Sequence[tuple[str, str]], batch: int) -> np.ndarray:
        """(n, K) float32 for (premise, hypothesis) pairs."""


def logits(model: str, pairs: Sequence[tuple[str, str]], batch: int) -> np.ndarray:
    """(n, K) what each premise says of its hypothesis; a pair that this process has met lately is not judged again.

    Raises:
        ModelError: the model is not there, is of neither kind, or its package is not installed; or what it gives is not
            finite.
    """
    import numpy as np

    judge, known = _opened(model)
    if len(known) > _REMEMBERED:
        known.clear()
    # Pairs of one length go together: padding costs time.
    new = sorted({p for p in pairs if p not in known}, key=lambda p: (len(p[0]) + len(p[1]), p))
    if new:
        found = judge.logits(new, batch)
        if found.shape[1] < 2:
            raise ModelError(model, "has one class alone", "Give an NLI model.")
        if not np.isfinite(found).all():
            raise ModelError(model, "gives numbers that are none", "Is its file whole? Give another NLI model.")
        known |= {pair: row.copy() for pair, row in zip(new, found, strict=True)}  # a row alone holds no batch alive
    return np.stack([known[pair] for pair in pairs]) if pairs else np.zeros((0, 0), np.float32)


def share(model: str, found: np.ndarray) -> np.ndarray:
    """(n,) in [0, 1] of (n, K) logits: the probability of the class that the model is asked for."""
    import numpy as np

    if not len(found):
        return np.zeros(0, np.float32)
    odds = np.exp(found - found.max(axis=1, keepdims=True))
    return np.asarray(odds[:, _opened(model)[0].asked] / odds.sum(axis=1))


def denial(model: str, found: np.ndarray) -> np.ndarray:
    """(n,) of (n, K) logits: the log-odds of contradiction; of a model without that class, those against entailment."""
    import numpy as np

    judge = _opened(model)[0]
    number, sign = (judge.asked, -1) if judge.denies is None else (judge.denies, 1)
    return np.asarray(sign * (found[:, number] - np.logaddexp.reduce(np.delete(found, number, axis=1), axis=1)))


def _opened(model: str) -> tuple[Judge, dict[tuple[str, str], np.ndarray]]:
    path = locate(model, "an NLI model")
    return _load(str(path), weights_digest(path))


@lru_cache(maxsize=1)
def _load(path: str, _weights: str) -> tuple[Judge, dict[tuple[str, str], np.ndarray]]:
    return (_Onnx(Path(path)) if is_onnx(Path(path)) else _CrossEncoder(path)), {}


class _CrossEncoder:
    """Any sentence-transformers CrossEncoder with a class for entailment. It reads the begin of what is too long."""

    def __init__(self, path: str) -> None:
        from sentence_transformers import CrossEncoder
        from transformers.utils import logging

        logging.disable_progress_bar()
        try:
            self._model = CrossEncoder(path, local_files_only=True)
        except (OSError, ValueError) as error:
            what = f"is no CrossEncoder ({str(error).splitlines()[0][:200]})"
            raise ModelError(path, what, "Give the folder of an NLI model.") from None
        labels = {int(i): str(name).lower() for i, name in self._model.config.id2label.items()}
        found = [i for i, name in labels.items() if name.startswith("entail")]
        if len(found) != 1:
            named = ", ".join(labels.values())
            raise ModelError(path, f"has no class for entailment (its classes: {named})", "Give an NLI model.")
        self.asked = found[0]
        self.denies = next((i for i, name in labels.items() if name.startswith("contra")), None)

    def logits(self, pairs: Sequence[tuple[str, str]], batch: int) -> np.ndarray:
        import numpy as np
        from torch.nn import Identity

        found = self._model.predict(list(pairs), batch_size=batch, activation_fn=Identity(), show_progress_bar=False)
        return np.asarray(found, np.float32)


class _Onnx:
    """An ONNX classifier over [CLS] premise [SEP] hypothesis [SEP], with a `tokenizer.json` beside or below it.

    Pairs are judged one by one, a thread to each core: where weights are of eight bits the scale of the numbers between
    them is that of the whole batch, and what a pair is given would hang on its neighbours (by 0.16, measured).

    Of a pair longer than the model's own fixed length, or else than 160 tokens, the ends are cut off, those of the
    longer caption first, and are not judged. Two captions of CLIP's 77 tokens are about as long as that.
    """

    asked = -1
    denies: int | None = -1  # loud of what is denied; such a model is calibrated before it is used

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime
        except ImportError:
            todo = "Run: pip install -c constraints.txt -e '.[onnx]'."
            raise ModelError(path, "an ONNX model needs onnxruntime", todo) from None
        from tokenizers import Tokenizer

        file, words = onnx_files(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 - onnxruntime's errors share no other class
            raise ModelError(file, f"onnxruntime cannot load it ({str(error)[:200]})", "Is it whole?") from None
        shapes = {entry.name: entry.shape for entry in self._session.get_inputs()}
        if not set(shapes) <= set(_INPUTS) or any(len(shape) != 2 for shape in shapes.values()):
            what = f"asks for {', '.join(shapes)}; known are {', '.join(_INPUTS)}, each (batch, tokens)"
            raise ModelError(file, what, "Export it as a text classifier.")
        self._names = list(shapes)
        try:
            self._tokenizer = Tokenizer.from_file(str(words))
        except Exception as error:  # noqa: BLE001 - tokenizers raises nothing more precise
            raise ModelError(words, f"is no tokenizer ({str(error)[:200]})", "Is it whole?") from None
        fixed = next(iter(shapes.values()))[1]
        length, own = fixed if isinstance(fixed, int) else None, self._tokenizer.padding or {}
        self._tokenizer.enable_truncation(length or _LENGTH)
        self._tokenizer.no_padding()
        if length:
            kept = {name: own[name] for name in ("direction", "pad_id", "pad_type_id", "pad_token") if name in own}
            self._tokenizer.enable_padding(length=length, **kept)

    def logits(self, pairs: Sequence[tuple[str, str]], batch: int) -> np.ndarray:
        import numpy as np
        from joblib import cpu_count

        def one(pair: tuple[str, str]) -> np.ndarray:
            coded = self._tokenizer.encode(*pair)
            rows = dict(zip(_INPUTS, (coded.ids, coded.attention_mask, coded.type_ids), strict=True))
            found = self._session.run(None, {name: np.array([rows[name]], np.int64) for name in self._names})[0][0]
            return np.asarray(found, np.float32)

        found: list[np.ndarray] = []
        with ThreadPoolExecutor(cpu_count()) as threads:
            for begin in range(0, len(pairs), _SLICE):
                found += threads.map(one, pairs[begin : begin + _SLICE])
        return np.stack(found)
