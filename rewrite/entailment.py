"""Natural language inference models: what a premise says of a hypothesis.

A logit for each class of the model, and the vector that its classifier reads to give them (pooled), which knows more
than the classes tell.

Two kinds, told apart by what a folder holds: a sentence-transformers CrossEncoder (folder or hub name; `share` is the
probability of entailment), and an ONNX file with its tokenizer (`share` is the probability of its last class, which is
taken for that of contradiction too; with an adapter, that of entailment).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from rewrite.adapter import read_adapter
from rewrite.errors import ModelError
from rewrite.weights import is_onnx, locate, weights_digest

if TYPE_CHECKING:
    import numpy as np

_REMEMBERED = 30_000_000  # numbers; beyond, all pairs are forgotten


class Inference(NamedTuple):
    """Which model is asked.

    Attributes:
        model: a folder or hub name.
        adapter: the file of its adapter (rewrite/adapter.py); empty leaves the model as it is.
    """

    model: str
    adapter: str = ""


class Judge(Protocol):
    """A loaded model.

    Attributes:
        classes: how many it has, K.
        asked: the class whose probability `share` gives.
        denies: the class of contradiction; None where the model has none, or has an adapter.
    """

    classes: int
    asked: int
    denies: int | None

    def read(self, pairs: Sequence[tuple[str, str]], batch: int) -> np.ndarray:
        """(n, K + D) float32 for (premise, hypothesis) pairs: logits, then what the classifier read.

        D = 0 where that does not show.
        """


class Said(NamedTuple):
    """What premises say of their hypotheses.

    Attributes:
        logits: (n, K) float32.
        pooled: (n, D) float32.
    """

    logits: np.ndarray
    pooled: np.ndarray


def said(inference: Inference, pairs: Sequence[tuple[str, str]], batch: int) -> Said:
    """What each premise says of its hypothesis; a pair that this process has met lately is not judged again.

    Raises:
        ModelError: the model is not there, is of neither kind, has one class alone, or its package is not installed; or
            what it gives is not finite.
    """
    import numpy as np

    judge, known = _opened(inference)
    if judge.classes < 2:
        raise ModelError(inference.model, "has one class alone", "Give an NLI model.")
    if known and len(known) * next(iter(known.values())).size > _REMEMBERED:
        known.clear()
    # Pairs of one length go together: padding costs time.
    new = sorted({p for p in pairs if p not in known}, key=lambda p: (len(p[0]) + len(p[1]), p))
    if new:
        found = judge.read(new, batch)
        if not np.isfinite(found).all():
            raise ModelError(inference.model, "gives numbers that are none", "Is its file whole? Give another model.")
        known |= {pair: row.copy() for pair, row in zip(new, found, strict=True)}  # a row alone holds no batch alive
    rows = np.stack([known[pair] for pair in pairs]) if pairs else np.zeros((0, judge.classes), np.float32)
    return Said(rows[:, : judge.classes], rows[:, judge.classes :])


def share(inference: Inference, logits: np.ndarray) -> np.ndarray:
    """(n,) in [0, 1] of (n, K) logits: the probability of the class that the model is asked for."""
    import numpy as np

    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds[:, _opened(inference)[0].asked] / odds.sum(axis=1))


def denial(inference: Inference, logits: np.ndarray) -> np.ndarray:
    """(n,) of (n, K) logits: the log-odds of contradiction; of a model without that class, those against entailment."""
    import numpy as np

    judge = _opened(inference)[0]
    number, sign = (judge.asked, -1) if judge.denies is None else (judge.denies, 1)
    return np.asarray(sign * (logits[:, number] - np.logaddexp.reduce(np.delete(logits, number, axis=1), axis=1)))


def _opened(inference: Inference) -> tuple[Judge, dict[tuple[str, str], np.ndarray]]:
    path = locate(inference.model, "an NLI model")
    adapter = read_adapter(Path(inference.adapter)).digest if inference.adapter else ""
    return _load(str(path), inference.adapter, f"{weights_digest(path)}{adapter}")


@lru_cache(maxsize=1)
def _load(path: str, adapter: str, _weights: str) -> tuple[Judge, dict[tuple[str, str], np.ndarray]]:
    if is_onnx(Path(path)):
        from rewrite.onnx_judge import OnnxJudge

        return OnnxJudge(Path(path), Path(adapter) if adapter else None), {}
    if adapter:
        raise ModelError(path, "is a CrossEncoder, and adapters are for ONNX models", "Run with nli.adapter=none.")
    from rewrite.cross_encoder_judge import CrossEncoderJudge

    return CrossEncoderJudge(path), {}
