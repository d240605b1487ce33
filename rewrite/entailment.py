"""Natural language inference models: what a premise says of a hypothesis, a logit for each class of the model.

Two kinds, told apart by what a folder holds: a sentence-transformers CrossEncoder (folder or hub name; `share` is the
probability of entailment), and an ONNX file with its tokenizer (`share` is the probability of its last class). Logits
mean nothing without their model: what is known of it belongs to the digest of its weights (`calibrated`).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rewrite.errors import ModelError
from rewrite.weights import locate, weights_digest

if TYPE_CHECKING:
    import numpy as np

_FILE = Path(__file__).resolve().parent / "lexicons" / "calibrated.yaml"
_LENGTH = 160  # tokens of premise and hypothesis together, where an ONNX model does not say


class Judge(Protocol):
    """A loaded model.

    Attributes:
        shown: the class whose probability `share` gives.
    """

    shown: int

    def logits(self, pairs: Sequence[tuple[str, str]], batch: int) -> np.ndarray:
        """(n, K) float32 for (premise, hypothesis) pairs."""


def calibrated(weights: str) -> dict[str, Any]:
    """What was measured of a model, by its weights' digest: encoder's digest, or `alone` -> thresholds and weights."""
    import yaml

    found: dict[str, Any] = yaml.safe_load(_FILE.read_bytes()).get(weights, {})
    return found


def is_onnx(path: Path) -> bool:
    """Whether a model's folder (or file) is an ONNX one."""
    return path.suffix == ".onnx" or (path.is_dir() and any(path.rglob("*.onnx")))


def logits(model: str, pairs: Sequence[tuple[str, str]], batch: int) -> np.ndarray:
    """(n, K) what each premise says of its hypothesis; a pair that this process has met before is not judged again.

    Raises:
        ModelError: the model is not there, is of neither kind, or its package is not installed.
    """
    import numpy as np

    judge, known = _opened(model)
    # Pairs of one length go together: padding costs time.
    new = sorted({p for p in pairs if p not in known}, key=lambda p: (len(p[0]) + len(p[1]), p))
    if new:
        known |= zip(new, judge.logits(new, batch), strict=True)
    return np.stack([known[pair] for pair in pairs]) if pairs else np.zeros((0, 0), np.float32)


def share(model: str, found: np.ndarray) -> np.ndarray:
    """(n,) in [0, 1] of (n, K) logits: the probability of the class that the model is asked for."""
    import numpy as np

    odds = np.exp(found - found.max(axis=1, keepdims=True))
    return np.asarray(odds[:, _opened(model)[0].shown] / odds.sum(axis=1))


def _opened(model: str) -> tuple[Judge, dict[tuple[str, str], np.ndarray]]:
    path = locate(model, "an NLI model")
    return _load(str(path), weights_digest(path))


@lru_cache(maxsize=1)
def _load(path: str, _weights: str) -> tuple[Judge, dict[tuple[str, str], np.ndarray]]:
    return (_Onnx(Path(path)) if is_onnx(Path(path)) else _CrossEncoder(path)), {}


class _CrossEncoder:
    """Any sentence-transformers CrossEncoder with a class for entailment."""

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
        self.shown = found[0]

    def logits(self, pairs: Sequence[tuple[str, str]], batch: int) -> np.ndarray:
        import numpy as np
        from torch.nn import Identity

        found = self._model.predict(list(pairs), batch_size=batch, activation_fn=Identity(), show_progress_bar=False)
        return np.asarray(found, np.float32)


class _Onnx:
    """An ONNX classifier over [CLS] premise [SEP] hypothesis [SEP], with a `tokenizer.json` beside or below it.

    Pairs are judged one by one, a thread to each core: where weights are of eight bits the scale of the numbers between
    them is that of the whole batch, and what a pair is given would hang on its neighbours (by 0.16, measured).
    """

    shown = -1

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime
        except ImportError:
            todo = "Run: pip install -c constraints.txt -e '.[onnx]'."
            raise ModelError(path, "an ONNX model needs onnxruntime", todo) from None
        from tokenizers import Tokenizer

        folder = path if path.is_dir() else path.parent
        files = [path] if path.is_file() else sorted(folder.rglob("*.onnx"))
        words = sorted(folder.rglob("tokenizer.json"))
        if len(files) != 1 or len(words) != 1:
            what = f"holds {len(files)} .onnx files and {len(words)} tokenizer.json"
            raise ModelError(path, what, "Give a folder with one of each.")
        alone = onnxruntime.SessionOptions()
        alone.intra_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(str(files[0]), alone, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 - onnxruntime's errors share no other class
            raise ModelError(files[0], f"onnxruntime cannot load it ({str(error)[:200]})", "Is it whole?") from None
        fixed = self._session.get_inputs()[0].shape[1]
        self._length = fixed if isinstance(fixed, int) else None
        self._tokenizer = Tokenizer.from_file(str(words[0]))
        self._tokenizer.enable_truncation(self._length or _LENGTH)
        self._tokenizer.no_padding()
        if self._length:
            self._tokenizer.enable_padding(length=self._length)

    def logits(self, pairs: Sequence[tuple[str, str]], batch: int) -> np.ndarray:
        import numpy as np
        from joblib import cpu_count

        names = [entry.name for entry in self._session.get_inputs()]

        def one(pair: tuple[str, str]) -> np.ndarray:
            coded = self._tokenizer.encode(*pair)
            rows = {
                "input_ids": coded.ids,
                "attention_mask": coded.attention_mask,
                "token_type_ids": coded.type_ids,
            }
            found = self._session.run(None, {name: np.array([rows[name]], np.int64) for name in names})[0][0]
            return np.asarray(found, np.float32)

        with ThreadPoolExecutor(cpu_count()) as threads:
            return np.stack(list(threads.map(one, pairs)))
