"""Natural language inference models: what a premise says of a hypothesis, as one number in [0, 1].

Two kinds, told apart by what a folder holds: a sentence-transformers CrossEncoder (folder or hub name; the number is
the probability of entailment), and an ONNX file with its tokenizer (the number is the probability of its last class).
A number means nothing without its model: thresholds belong to the digest of the weights (`calibrated`).
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """A loaded model."""

    def score(self, pairs: Sequence[tuple[str, str]], batch: int) -> np.ndarray:
        """(n,) float32 in [0, 1] for (premise, hypothesis) pairs."""


def calibrated(weights: str) -> dict[str, float] | None:
    """The thresholds measured for a model, by the digest of its weights; None where nobody has."""
    import yaml

    found: dict[str, float] | None = yaml.safe_load(_FILE.read_bytes()).get(weights)
    return found


def is_onnx(path: Path) -> bool:
    """Whether a model's folder (or file) is an ONNX one."""
    return path.suffix == ".onnx" or (path.is_dir() and any(path.rglob("*.onnx")))


def score(model: str, pairs: Sequence[tuple[str, str]], batch: int) -> list[float]:
    """What each premise says of its hypothesis; a pair that this process has met before is not judged again.

    Raises:
        ModelError: the model is not there, is of neither kind, or its package is not installed.
    """
    path = locate(model, "an NLI model")
    judge, known = _load(str(path), weights_digest(path))
    # Pairs of one length go together: padding costs time.
    new = sorted({p for p in pairs if p not in known}, key=lambda p: (len(p[0]) + len(p[1]), p))
    known |= zip(new, map(float, judge.score(new, batch)), strict=True)
    return [known[pair] for pair in pairs]


@lru_cache(maxsize=1)
def _load(path: str, _weights: str) -> tuple[Judge, dict[tuple[str, str], float]]:
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
        self._class = found[0]

    def score(self, pairs: Sequence[tuple[str, str]], batch: int) -> np.ndarray:
        import numpy as np

        if not pairs:
            return np.zeros(0, np.float32)
        found = self._model.predict(list(pairs), batch_size=batch, apply_softmax=True, show_progress_bar=False)
        return np.asarray(found, np.float32)[:, self._class]


class _Onnx:
    """An ONNX classifier over [CLS] premise [SEP] hypothesis [SEP], with a `tokenizer.json` beside or below it."""

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
        try:
            self._session = onnxruntime.InferenceSession(str(files[0]), providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 - onnxruntime's errors share no other class
            raise ModelError(files[0], f"onnxruntime cannot load it ({str(error)[:200]})", "Is it whole?") from None
        fixed = self._session.get_inputs()[0].shape[1]
        self._length = fixed if isinstance(fixed, int) else None
        self._tokenizer = Tokenizer.from_file(str(words[0]))
        self._tokenizer.enable_truncation(self._length or _LENGTH)
        self._tokenizer.enable_padding(length=self._length)

    def score(self, pairs: Sequence[tuple[str, str]], batch: int) -> np.ndarray:
        import numpy as np

        names = [entry.name for entry in self._session.get_inputs()]
        found = np.zeros(len(pairs), np.float32)
        for begin in range(0, len(pairs), batch):
            coded = self._tokenizer.encode_batch([tuple(pair) for pair in pairs[begin : begin + batch]])
            arrays: dict[str, Any] = {
                "input_ids": [c.ids for c in coded],
                "attention_mask": [c.attention_mask for c in coded],
                "token_type_ids": [c.type_ids for c in coded],
            }
            logits = self._session.run(None, {n: np.array(arrays[n], np.int64) for n in names})[0]
            odds = np.exp(logits - logits.max(axis=1, keepdims=True))
            found[begin : begin + batch] = odds[:, -1] / odds.sum(axis=1)
        return found
