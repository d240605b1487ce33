"""The board of sentence encoders: frozen models that turn a caption into a vector.

The contract: `identity` names everything that decides the vectors (the weights by digest, never by place), their
`norm` ("unit" or "none"), and as `encoder` the name on the board; `encode` keeps the order of its texts. A new one is a
frozen dataclass with the field `model`, and one line here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rewrite.errors import ModelError
from rewrite.settings import operational
from rewrite.weights import locate, weights_digest
from trclip_vad.clip import ClipTexts

if TYPE_CHECKING:
    import numpy as np

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
SIMCSE = "princeton-nlp/sup-simcse-bert-base-uncased"


class Encoder(Protocol):
    """A frozen dataclass of settings; `model` is a folder or a hub name in the local cache."""

    @property
    def model(self) -> str:
        """Where its weights are to be found."""

    def identity(self) -> dict[str, Any]:
        """Plain json that names everything that decides the vectors. Loads no weights.

        Raises:
            ModelError: the model is not there, or is not one of this kind.
        """

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """(n, E) float32, one row per text in their order.

        Raises:
            ModelError: the model cannot be loaded.
        """


@dataclass(frozen=True)
class SentenceEncoder:
    """Any sentence-transformers model, its vectors scaled to unit length."""

    model: str = operational(MINILM, "a folder, or a hub name in the local cache; its digest is what counts")
    batch: int = operational(64, "texts encoded at a time")

    def identity(self) -> dict[str, Any]:
        """`{"encoder", "weights"}`: the digest names the weights wherever they lie.

        Raises:
            ModelError: no such model, or not a sentence-transformers folder.
        """
        return {"encoder": "sentence_transformers", "weights": weights_digest(self._folder()), "norm": "unit"}

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """(n, E) float32 of unit norm.

        Raises:
            ModelError: no such model, or it cannot be loaded.
        """
        import numpy as np

        model = _loaded(str(self._folder()))
        vectors = model.encode(list(texts), batch_size=self.batch, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float32).reshape(len(texts), -1)

    def _folder(self) -> Path:
        path = locate(self.model, "a sentence encoder")
        if not (path / "modules.json").is_file():
            todo = "Give a sentence-transformers folder."
            raise ModelError(path, "is not a sentence encoder (it has no modules.json)", todo)
        return path


@dataclass(frozen=True)
class PooledEncoder:
    """A BERT's pooled vector as it is, each number in (-1, 1): what published captions became, by SimCSE's BERT."""

    model: str = operational(SIMCSE, "a folder, or a hub name in the local cache; its digest is what counts")
    batch: int = operational(64, "texts encoded at a time")

    def identity(self) -> dict[str, Any]:
        """`{"encoder", "weights", "norm"}`. Loads no weights.

        Raises:
            ModelError: no such model, or not a BERT in safetensors.
        """
        return {"encoder": "pooled", "weights": weights_digest(self._folder()), "norm": "none"}

    @property
    def width(self) -> int:
        """E."""
        return int(_bert_config(self._folder()).hidden_size)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """(n, E) float32, not normalised. Words past the model's length are not read.

        Raises:
            ModelError: no such model, or it cannot be loaded.
        """
        import numpy as np
        import torch

        tokenizer, model = _bert(str(self._folder()))
        limit = model.config.max_position_embeddings
        found = [np.zeros((0, model.config.hidden_size), np.float32)]
        with torch.inference_mode():
            for begin in range(0, len(texts), self.batch):
                some = list(texts[begin : begin + self.batch])
                tokens = tokenizer(some, padding=True, truncation=True, max_length=limit, return_tensors="pt")
                found.append(model(**tokens).pooler_output.numpy())
        return np.concatenate(found)

    def _folder(self) -> Path:
        path = locate(self.model, "a BERT with a pooler")
        _bert_config(path)
        if not any(path.glob("*.safetensors")):
            what = "has no weights in safetensors"
            raise ModelError(path, what, "Save it anew with save_pretrained, where you trust it.")
        return path


def _bert_config(folder: Path) -> Any:
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(folder, f"cannot be read ({str(error).splitlines()[0]})", "Give a BERT's folder.") from None
    if config.model_type != "bert":
        raise ModelError(folder, f"is a {config.model_type!r}, not a BERT with a pooler", "Give a BERT's folder.")
    return config


@lru_cache(maxsize=1)
def _bert(path: str) -> tuple[Any, Any]:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoTokenizer, BertModel
    from transformers.utils import logging

    logging.disable_progress_bar()  # our own progress is on the screen
    kind: Any = BertModel
    how = {"local_files_only": True, "use_safetensors": True, "output_loading_info": True, "dtype": torch.float32}
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
        model, told = kind.from_pretrained(path, **how)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(path, f"cannot be loaded ({str(error).splitlines()[0]})", "Is it whole?") from None
    if told["missing_keys"] or told["mismatched_keys"]:
        lacking = sorted(map(str, [*told["missing_keys"], *told["mismatched_keys"]]))
        what = f"lacks {len(lacking)} weights, {lacking[0]} among them"
        raise ModelError(path, what, "Give a BERT that was saved with its pooler.")
    return tokenizer, model.eval()


@lru_cache(maxsize=1)
def _loaded(path: str) -> Any:
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()  # our own progress is on the screen
    try:
        return SentenceTransformer(path, local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelError(path, f"cannot be loaded ({error})", "Is the download whole?") from error


ENCODERS: dict[str, type[Any]] = {
    "sentence_transformers": SentenceEncoder,
    "clip_texts": ClipTexts,
    "pooled": PooledEncoder,
}
