"""The board of sentence encoders: frozen models that turn a caption into a vector of unit length.

The contract: `identity` names everything that decides the vectors (the weights by digest, never by place);
`encode` keeps the order of its texts. A new one is a frozen dataclass with the field `model`, and one line here, under
the name that its identity gives it.
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
        """(n, E) float32 of unit norm, one row per text in their order.

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


@lru_cache(maxsize=1)
def _loaded(path: str) -> Any:
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()  # our own progress is on the screen
    try:
        return SentenceTransformer(path, local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelError(path, f"cannot be loaded ({error})", "Is the download whole?") from error


ENCODERS: dict[str, type[Any]] = {"sentence_transformers": SentenceEncoder, "clip_texts": ClipTexts}
